"""When two camera addresses are the same camera: host, port, path and query, credentials apart."""

import ipaddress
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from falconeye.base.errors import InvalidInput
from falconeye.base.redact import hide_parameters, is_secret_name
from falconeye.config.camera import CameraConfig, Protocol

DEFAULT_PORTS = {"rtsp": 554, "rtsps": 322, "http": 80, "https": 443, "onvif": 80}


def address_key(camera: CameraConfig) -> str | None:
    """What must be unique among cameras; None where nothing need be (demo cameras).

    InvalidInput when the address is none.
    """
    if camera.protocol is Protocol.USB:
        return f"usb:{camera.node_name or ''}:{camera.device_identity or camera.device_path or ''}"
    if camera.protocol is Protocol.DEMO or camera.source_url is None:
        return None
    return normalised_address(camera.source_url)


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
