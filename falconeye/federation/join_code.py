"""The code by which a node joins: where the cluster is, by which key it is known, and a secret.

As text: "FE1-" and base64url (RFC 4648 §5) of: the number of addresses, each address, 32 bytes of
fingerprint, 16 bytes of secret, CRC-32. An address is its kind (4, 6, or the length of a name plus
16), its bytes, and two bytes of port.
"""

import base64
import binascii
import ipaddress
import secrets
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from falconeye.base.errors import InvalidInput

PREFIX = "FE1-"
MAX_ADDRESSES = 8
FINGERPRINT_BYTES = 32
SECRET_BYTES = 16
_NAME = 16  # kinds from here on are names, with their length added
_MAX_NAME = 200
_MAX_TEXT = 4000


@dataclass(frozen=True, slots=True)
class JoinCode:
    """What a code says; `addresses` are "host:port" of the listener for peers."""

    addresses: tuple[str, ...]
    fingerprint: bytes  # SHA-256 of the certificate of the node that made it
    secret: bytes = field(repr=False)

    @classmethod
    def new(cls, addresses: Sequence[str], fingerprint: bytes) -> "JoinCode":
        """With a new secret; the first eight addresses count."""
        return cls(tuple(addresses[:MAX_ADDRESSES]), fingerprint, secrets.token_bytes(SECRET_BYTES))

    @property
    def text(self) -> str:
        packed = b"".join(_packed(address) for address in self.addresses)
        body = bytes([len(self.addresses)]) + packed + self.fingerprint + self.secret
        whole = body + struct.pack(">I", zlib.crc32(body))
        return PREFIX + base64.urlsafe_b64encode(whole).decode().rstrip("=")

    @classmethod
    def parse(cls, text: str) -> "JoinCode":
        """The code of a text that a person pasted, white space and all; InvalidInput."""
        compact = "".join(text.split()) if len(text) <= _MAX_TEXT else ""
        if not compact.startswith(PREFIX):
            msg = f"a join code begins with {PREFIX}: copy the whole line from the other node"
            raise InvalidInput(msg, field="code")
        try:
            return cls._unpacked(_decoded(compact.removeprefix(PREFIX)))
        except (ValueError, IndexError, struct.error) as error:
            msg = "this join code is not whole: copy it again from the other node"
            raise InvalidInput(msg, field="code") from error

    @classmethod
    def _unpacked(cls, whole: bytes) -> "JoinCode":
        body, (crc,) = whole[:-4], struct.unpack(">I", whole[-4:])
        if zlib.crc32(body) != crc:
            msg = "the checksum is another"
            raise ValueError(msg)
        rest = body[1:]
        addresses = []
        for _ in range(body[0]):
            address, rest = _unpacked_address(rest)
            addresses.append(address)
        if not 1 <= len(addresses) <= MAX_ADDRESSES:
            msg = "no address, or too many"
            raise ValueError(msg)
        if len(rest) != FINGERPRINT_BYTES + SECRET_BYTES:
            msg = "of another length"
            raise ValueError(msg)
        return cls(tuple(addresses), rest[:FINGERPRINT_BYTES], rest[FINGERPRINT_BYTES:])


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError from error


def split_address(address: str) -> tuple[str, int]:
    """Host and port of "host:port" or "[IPv6]:port"; ValueError."""
    host, colon, port = address.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    number = int(port) if port.isascii() and port.isdecimal() else 0
    if not colon or not host or not 1 <= number <= 65_535:
        msg = f"{address!r} is no address: it looks like 192.168.1.20:8901"
        raise ValueError(msg)
    return host, number


def joined_address(host: str, port: int) -> str:
    """The counterpart of `split_address`."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _packed(address: str) -> bytes:
    host, port = split_address(address)
    try:
        ip = ipaddress.ip_address(host)
    except ValueError:
        name = host.encode("ascii")[:_MAX_NAME]
        return bytes([_NAME + len(name)]) + name + struct.pack(">H", port)
    return bytes([ip.version]) + ip.packed + struct.pack(">H", port)


def _unpacked_address(rest: bytes) -> tuple[str, bytes]:
    kind = rest[0]
    length = {4: 4, 6: 16}.get(kind, kind - _NAME)
    raw, port = rest[1 : 1 + length], struct.unpack(">H", rest[1 + length : 3 + length])[0]
    if length < 1 or len(raw) != length:
        msg = "an address is cut"
        raise ValueError(msg)
    host = raw.decode("ascii") if kind > _NAME else str(ipaddress.ip_address(raw))
    address = joined_address(host, port)
    split_address(address)
    return address, rest[3 + length :]
