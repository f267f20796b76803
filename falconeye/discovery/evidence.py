"""What one way of looking told of something that may be a camera.

Names, addresses and texts come from devices that anybody may have put on the network: `cleaned` is
the one place where they are cut, freed of control characters and of credentials.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from falconeye.base.peers import plain_address
from falconeye.base.redact import (
    HIDDEN,
    hide_parameters,
    is_secret_name,
    redact_text,
    split_credentials,
)

MAX_TEXT: Final = 200  # characters of a name, a model, a detail
MAX_KEY: Final = 400  # a device path below /sys is long
MAX_URL: Final = 1000
MAX_DETAILS: Final = 32
_UUID = re.compile(r"(?:urn:)?(?:uuid:)?([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")


class Way(StrEnum):
    """How something was found."""

    USB = "usb"  # at one of the node's own ports
    CSI = "csi"  # a camera module on a ribbon cable
    ONVIF = "onvif"  # it answered a WS-Discovery probe, or said Hello
    MDNS = "mdns"  # it announces a service
    SCAN = "scan"  # a port answered
    IMPORT = "import"  # another recorder's file names it


@dataclass(frozen=True, slots=True)
class Evidence:
    """One finding. `way` and `key` name it: the same again replaces it."""

    way: Way
    key: str  # stable within the way
    seen_us: int
    name: str = ""
    make: str = ""
    model: str = ""
    serial: str = ""
    address: str | None = None  # IPv4 or IPv6, as text
    port: int | None = None  # where `url` leads
    mac: str | None = None  # "aa:bb:cc:dd:ee:ff"
    endpoint_reference: str | None = None  # WS-Discovery 2.4: one per device, for its whole life
    url: str | None = None  # a stream, or an ONVIF device service; never with credentials
    device_identity: str | None = None  # USB: who it is, wherever it is plugged in
    device_path: str | None = None  # USB: where it is at this moment
    usable: bool = True
    note: str = ""  # a word that the page says in its language, such as "homekit"
    details: Mapping[str, str] = field(default_factory=dict, hash=False)  # for the page

    def cleaned(self) -> "Evidence":
        """The same with every text bounded and printable, identities in one spelling."""
        details = {
            clean(name, MAX_TEXT): _detail(name, value)
            for name, value in list(self.details.items())[:MAX_DETAILS]
        }
        return replace(
            self,
            key=clean(self.key, MAX_KEY),
            name=clean(self.name, MAX_TEXT),
            make=clean(self.make, MAX_TEXT),
            model=clean(self.model, MAX_TEXT),
            serial=clean(self.serial, MAX_TEXT),
            address=_address(self.address),
            mac=None if self.mac is None else mac_address(self.mac),
            endpoint_reference=plain_reference(self.endpoint_reference),
            url=_url(self.url),
            device_identity=clean(self.device_identity or "", MAX_KEY) or None,
            device_path=clean(self.device_path or "", MAX_KEY) or None,
            note=clean(self.note, MAX_TEXT),
            details=details,
        )


def _detail(name: str, value: str) -> str:
    return HIDDEN if is_secret_name(name) else redact_text(clean(value, MAX_TEXT))


def clean(text: str, limit: int) -> str:
    """`text` on one line, without control and format characters, at most `limit` characters."""
    printable = "".join(char if char.isprintable() else " " for char in text[: 4 * limit])
    return " ".join(printable.split())[:limit]


def mac_address(text: str) -> str | None:
    """A hardware address as "aa:bb:cc:dd:ee:ff", from any spelling; None where it names no device.

    All zeros and group addresses (IEEE 802, the lowest bit of the first byte) name none.
    """
    digits = "".join(char for char in text.lower() if char not in ":-. ")
    if len(digits) != 12 or not set(digits) <= set("0123456789abcdef"):
        return None
    if int(digits, 16) == 0 or int(digits[:2], 16) & 1:
        return None
    return ":".join(digits[i : i + 2] for i in range(0, 12, 2))


def _address(text: str | None) -> str | None:
    try:
        return plain_address(text) if text else None
    except ValueError:
        return None


def plain_reference(text: str | None) -> str | None:
    """An endpoint reference in one spelling; None for none.

    The same device says "urn:uuid:…" here and "uuid:…" there, in capitals or not. One that is too
    long is none: cut, it might be another device's.
    """
    said = clean(text or "", MAX_KEY + 1).casefold()
    if not said or len(said) > MAX_KEY:
        return None
    uuid = _UUID.fullmatch(said)
    return f"urn:uuid:{uuid[1]}" if uuid else said


def _url(text: str | None) -> str | None:
    if not text or len(text) > MAX_URL:
        return None
    try:
        without_login = split_credentials(clean(text, MAX_URL))[0]
    except ValueError:
        return None
    return hide_parameters(without_login)
