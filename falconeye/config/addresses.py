"""Which camera an address means: when two are the same one, and when each machine has its own."""

import ipaddress
import socket
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from falconeye.base.errors import InvalidInput
from falconeye.base.redact import hide_parameters, is_secret_name
from falconeye.config.camera import CameraConfig, Protocol

# Names of the machine that asks: RFC 6761 6.3, and what Debian and Fedora have in /etc/hosts.
_OWN_NAMES = frozenset({"localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback"})
DEFAULT_PORTS = {"rtsp": 554, "rtsps": 322, "http": 80, "https": 443, "onvif": 80}


def address_key(camera: CameraConfig) -> str | None:
    """What must be unique among cameras; None where nothing need be (demo cameras).

    A loopback address is another camera at each node: the owner is part of it. InvalidInput when
    the address is none.
    """
    if camera.protocol is Protocol.USB:
        return f"usb:{camera.node_name or ''}:{camera.device_identity or camera.device_path or ''}"
    if camera.protocol is Protocol.DEMO or camera.source_url is None:
        return None
    address = normalised_address(camera.source_url)
    if camera.owner_id is None or not leads_to_itself(camera.source_url):
        return address
    return f"{camera.owner_id}@{address}"


def normalised_address(url: str) -> str:
    """`host:port/path?query` in one spelling, without scheme, credentials and fragment.

    Host names are case-folded, IP addresses compressed (RFC 5952), default ports added, percent
    escapes made uniform (RFC 3986, 6.2.2). InvalidInput when there is no host or a wrong port.
    """
    try:
        parts = urlsplit(url.strip())
        port = parts.port or DEFAULT_PORTS.get(parts.scheme)
        host = _host(parts.hostname or "")
    except ValueError as error:
        raise InvalidInput("this is not an address: " + str(error), field="source_url") from error
    if not host or port is None:
        msg = "an address looks like rtsp://192.168.1.20:554/path"
        raise InvalidInput(msg, field="source_url")
    path = quote(unquote(hide_parameters(parts.path)), safe="/:@!$&'()*+,;=~") or "/"
    query = _query(parts.query)
    return f"{host}:{port}{path}" + (f"?{query}" if query else "")


def origin(url: str) -> tuple[str, str, int | None] | None:
    """(scheme, host, port) in one spelling: who is asked there; None when that cannot be told."""
    try:
        parts = urlsplit(url.strip())
        port = parts.port or DEFAULT_PORTS.get(parts.scheme)
    except ValueError:
        return None
    return parts.scheme, _host(parts.hostname or ""), port


def stays_with_node(camera: CameraConfig) -> bool:
    """Whether no node but its owner can have it.

    It is at a USB port, or one of its addresses is a loopback one: another node that asks there is
    answered by itself, perhaps by another camera, whose pictures would go under a wrong name.
    """
    if camera.protocol is Protocol.USB:
        return True
    urls = (camera.source_url, camera.sub_url, camera.onvif_url)
    return any(url is not None and leads_to_itself(url) for url in urls)


def leads_to_itself(url: str) -> bool:
    """Whether it leads to the machine that asks, and so to another one from each machine.

    By an address in any spelling that resolvers take ("127.1"), or by a name that says so itself.
    """
    try:
        host = urlsplit(url.strip()).hostname or ""
    except ValueError:
        return False
    name = host.rstrip(".").casefold()
    return name in _OWN_NAMES or name.endswith(".localhost") or is_own_loopback(name)


def is_own_loopback(address: str) -> bool:
    """Whether an IP address is a loopback or unspecified one; False for what is no address."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        try:
            ip = ipaddress.IPv4Address(socket.inet_aton(address))  # 127.1, 0x7f000001
        except OSError:
            return False
    if isinstance(ip, ipaddress.IPv6Address):
        ip = ip.ipv4_mapped or ip
    return ip.is_loopback or ip.is_unspecified


def _host(name: str) -> str:
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return name.rstrip(".").casefold()
    return f"[{address}]" if address.version == 6 else str(address)


def _query(query: str) -> str:
    kept = [
        (name, value)
        for name, value in parse_qsl(query, keep_blank_values=True)
        if not is_secret_name(name)
    ]
    return urlencode(kept)
