"""The messages of WS-Discovery as ONVIF devices speak it: made by hand, read without trust.

Source: WS-Discovery (April 2005), ONVIF Core Specification 7 "Device discovery". Names are matched
without their namespaces: devices mix those of WS-Discovery 1.0 and 1.1.
"""

from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote
from xml.parsers import expat

MULTICAST_GROUP: Final = "239.255.255.250"
PORT: Final = 3702
MAX_MESSAGE_BYTES: Final = 65_536
MAX_DEPTH: Final = 32
MAX_ELEMENTS: Final = 4_000
MAX_MATCHES: Final = 64  # devices that one message may tell of
MAX_SCOPES: Final = 64

_PROBE: Final = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    '<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope"'
    ' xmlns:w="http://schemas.xmlsoap.org/ws/2004/08/addressing"'
    ' xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery"'
    ' xmlns:dn="http://www.onvif.org/ver10/network/wsdl">'
    "<e:Header><w:MessageID>{message_id}</w:MessageID>"
    "<w:ReplyTo><w:Address>http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous"
    "</w:Address></w:ReplyTo>"
    '<w:To e:mustUnderstand="true">urn:schemas-xmlsoap-org:ws:2005:04:discovery</w:To>'
    '<w:Action e:mustUnderstand="true">http://schemas.xmlsoap.org/ws/2005/04/discovery/Probe'
    "</w:Action></e:Header><e:Body><d:Probe>{types}</d:Probe></e:Body></e:Envelope>"
)
_CAMERAS_ONLY: Final = "<d:Types>dn:NetworkVideoTransmitter</d:Types>"
_SCOPE: Final = "onvif://www.onvif.org/"


class NotUnderstood(ValueError):
    """A message that is refused; says why."""


@dataclass(frozen=True, slots=True)
class Device:
    """One device as a ProbeMatch, Hello or Bye tells of it."""

    endpoint_reference: str
    types: tuple[str, ...] = ()  # local names
    scopes: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()  # XAddrs

    @property
    def is_camera(self) -> bool:
        """Whether it speaks ONVIF: printers and PCs answer a probe without types, too."""
        return any(name.startswith("NetworkVideo") for name in self.types) or any(
            scope.lower().startswith(_SCOPE) for scope in self.scopes
        )

    def scope(self, name: str) -> str:
        """What the scopes say of `name`, such as "hardware" (ONVIF Core 7.3.2.2); "" if nothing."""
        prefix = f"{_SCOPE}{name}/".lower()
        for scope in self.scopes:
            if scope.lower().startswith(prefix):
                return unquote(scope[len(prefix) :]).strip("/ ")
        return ""

    @property
    def profiles(self) -> tuple[str, ...]:
        """The ONVIF profiles it claims, such as "Streaming" or "T"."""
        prefix = f"{_SCOPE}profile/"
        named = (one for one in self.scopes if one.lower().startswith(prefix))
        return tuple(sorted({unquote(one[len(prefix) :]) for one in named}))


@dataclass(frozen=True, slots=True)
class Message:
    """A message that was understood."""

    kind: str  # "ProbeMatches", "Hello", "Bye"
    relates_to: str | None
    devices: tuple[Device, ...]


def probe(message_id: str, *, cameras_only: bool) -> bytes:
    """A Probe (WS-Discovery 5.2); some devices answer only one without types."""
    types = _CAMERAS_ONLY if cameras_only else ""
    return _PROBE.format(message_id=message_id, types=types).encode()


def read_message(data: bytes) -> Message:
    """What a datagram says; NotUnderstood for anything that is none of these messages."""
    root = _parse(data)
    body = _child(root, "Body")
    for kind, one in (("ProbeMatches", "ProbeMatch"), ("Hello", None), ("Bye", None)):
        told = _child(body, kind)
        if told is None:
            continue
        nodes = [node for node in told.children if node.name == one] if one else [told]
        if len(nodes) > MAX_MATCHES:
            raise NotUnderstood("it tells of too many devices")
        header = _child(root, "Header")
        related = _child(header, "RelatesTo")
        devices = [device for node in nodes if (device := _device(node)) is not None]
        return Message(kind, related.text.strip() if related else None, tuple(devices))
    raise NotUnderstood("it is neither ProbeMatches nor Hello nor Bye")


@dataclass(slots=True)
class _Node:
    name: str  # without its namespace
    text: str = ""
    children: list["_Node"] = field(default_factory=list)


def _child(node: _Node | None, name: str) -> _Node | None:
    return next((one for one in node.children if one.name == name), None) if node else None


def _device(node: _Node) -> Device | None:
    address = _child(_child(node, "EndpointReference"), "Address")
    if address is None or not address.text.strip():
        return None

    def words(name: str) -> tuple[str, ...]:
        found = _child(node, name)
        return tuple(found.text.split()[:MAX_SCOPES]) if found else ()

    types = tuple(word.rpartition(":")[2] for word in words("Types"))
    return Device(address.text.strip(), types, words("Scopes"), words("XAddrs"))


def _parse(data: bytes) -> _Node:
    """The tree of a message; refuses document types (so all entities), depth and mass."""
    if len(data) > MAX_MESSAGE_BYTES:
        raise NotUnderstood("it is too large")
    # Cameras write names in any encoding and call it UTF-8: what is none becomes a mark.
    text = data.decode("utf-8", "replace").lstrip("\ufeff \t\r\n")
    reader = _Reader()
    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = reader.refuse_document_type
    parser.EntityDeclHandler = reader.refuse_document_type
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    try:
        parser.Parse(text.encode(), True)  # noqa: FBT003 - the last piece
    except expat.ExpatError as error:
        raise NotUnderstood(f"it is no XML: {error}") from error
    return reader.root


class _Reader:
    """Builds the tree."""

    def __init__(self) -> None:
        self.root = _Node("")
        self._open = [self.root]
        self._elements = 0

    def refuse_document_type(self, *_: object) -> None:
        """No message of WS-Discovery has one; bombs do."""
        raise NotUnderstood("it has a document type")

    def start(self, name: str, _attributes: object) -> None:
        self._elements += 1
        if self._elements > MAX_ELEMENTS or len(self._open) > MAX_DEPTH:
            raise NotUnderstood("it is too deep, or of too many elements")
        node = _Node(name.rpartition(":")[2])
        if len(self._open) == 1:
            self.root = node
        else:
            self._open[-1].children.append(node)
        self._open.append(node)

    def end(self, _name: str) -> None:
        self._open.pop()

    def text(self, text: str) -> None:
        self._open[-1].text += text
