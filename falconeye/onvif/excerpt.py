"""The part of the WSDLs that is used: a tenth of them, and so of the memory and time they take.

zeep makes a class of each type that it reads, anew for each service that refers to it: 18 MB for
two hundred operations, of which two dozen are ever called. So it is given only these and what they
refer to, 2 MB. The files themselves stay as they are: their licence lets nobody change them.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

OPERATIONS: Final = frozenset({
    "ContinuousMove", "CreatePullPointSubscription", "GetCapabilities", "GetDeviceInformation",
    "GetEndpointReference", "GetNetworkInterfaces", "GetNode", "GetPresets", "GetProfiles",
    "GetServices", "GetSnapshotUri", "GetStatus", "GetStreamUri", "GetSystemDateAndTime",
    "GotoHomePosition", "GotoPreset", "PullMessages", "RemovePreset", "Renew", "SetHomePosition",
    "SetPreset", "Stop", "Unsubscribe",
})  # fmt: skip
_WSDL: Final = "{http://schemas.xmlsoap.org/wsdl/}"
_XSD: Final = "{http://www.w3.org/2001/XMLSchema}"
# Attributes that name what is defined elsewhere (XML Schema 1.0, WSDL 1.1).
_REFERENCES: Final = ("type", "base", "ref", "element", "itemType", "memberTypes", "message")


def excerpt(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files, by their names, with `OPERATIONS` alone and what these need. Takes 40 ms."""
    from lxml import etree  # noqa: PLC0415 - only owners of ONVIF cameras need it

    parser = etree.XMLParser(remove_comments=True, resolve_entities=False, no_network=True)
    trees = {name: etree.fromstring(content, parser) for name, content in files.items()}
    parts = _Parts(trees.values())
    parts.keep(parts.needed())
    return {name: etree.tostring(tree) for name, tree in trees.items()}


class _Parts:
    """What the files define. Namespaces do not count: a part too many does no harm."""

    def __init__(self, trees: Iterable[Any]) -> None:
        self._operations: list[Any] = []
        self._named: dict[str, list[Any]] = defaultdict(list)
        self._derived: dict[str, list[Any]] = defaultdict(list)  # complex types, by their base
        for tree in trees:
            self._operations += tree.iter(f"{_WSDL}operation")
            for message in tree.iter(f"{_WSDL}message"):
                self._named[message.get("name")].append(message)
            for schema in tree.iter(f"{_XSD}schema"):
                self._define(schema)

    def _define(self, schema: Any) -> None:
        for part in schema.iterchildren("{*}*"):
            name = part.get("name")
            if name:
                self._named[name].append(part)
            if part.tag == f"{_XSD}complexType":
                for extension in part.iterfind(f"{_XSD}complexContent/{_XSD}extension"):
                    self._derived[_local(extension.get("base"))].append(part)

    def needed(self) -> set[Any]:
        """The used operations and all that they refer to."""
        found: set[Any] = set()
        waiting = [each for each in self._operations if each.get("name") in OPERATIONS]
        while waiting:
            part = waiting.pop()
            if part in found:
                continue
            found.add(part)
            for name, is_type_of_element in _references(part):
                waiting += self._named.get(name, ())
                if is_type_of_element:
                    # A camera may send any type that extends the declared one (xsi:type).
                    waiting += self._derived.get(name, ())
        return found

    def keep(self, needed: set[Any]) -> None:
        """Drop all else."""
        for part in [*self._operations, *(one for each in self._named.values() for one in each)]:
            if part not in needed:
                part.getparent().remove(part)


def _references(part: Any) -> Iterator[tuple[str, bool]]:
    """Names that a part refers to, each with whether it is the type of an element."""
    for element in part.iter("{*}*"):
        for attribute in _REFERENCES:
            for name in element.get(attribute, "").split():
                yield _local(name), attribute == "type" and element.tag == f"{_XSD}element"


def _local(name: str) -> str:
    return name.rpartition(":")[2]
