"""Camera addresses as people wrote them into files: logins taken off, variables filled in."""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from falconeye.base.errors import InvalidInput
from falconeye.base.secret import Secret
from falconeye.config.addresses import normalised_address
from falconeye.config.camera import Protocol

MAX_URL_CHARACTERS = 2048
_PROTOCOLS = {
    "rtsp": Protocol.RTSP,
    "rtsps": Protocol.RTSP,
    "http": Protocol.HTTP,
    "https": Protocol.HTTP,
    "onvif": Protocol.ONVIF,
}
# Frigate puts only variables of this name into addresses.
_VARIABLE = re.compile(r"\{(FRIGATE_\w{1,80})\}", re.ASCII)
_FLV = re.compile(r"/flv(?:[/?]|$)|\.flv(?:\?|$)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class CameraUrl:
    """An address and the login that stood in it."""

    protocol: Protocol
    url: str = field(repr=False)
    username: str | None = None
    password: Secret | None = None
    missing: tuple[str, ...] = ()  # in words
    variables: tuple[str, ...] = ()  # the names among that


def read_url(text: str, variables: Mapping[str, str] | None = None) -> CameraUrl:
    """The address in `text`; InvalidInput says why it is none, without repeating it.

    With `variables` "{FRIGATE_NAME}" is filled in from them, and what they lack is `missing`.
    """
    whole = text.strip() if variables is None else filled(text.strip(), variables)
    if len(whole) > MAX_URL_CHARACTERS:
        raise InvalidInput("the address is too long")
    lacking = open_names(whole, variables)
    scheme = whole.partition("://")[0].lower()
    if "://" not in whole and lacking:
        if not whole.isprintable():
            raise InvalidInput("the address holds control characters")
        missing = _missing("address", lacking)
        return CameraUrl(Protocol.RTSP, whole, missing=missing, variables=tuple(lacking))
    if "://" not in whole or scheme not in _PROTOCOLS:
        raise InvalidInput("not an address that begins with rtsp, rtsps, http or https")
    url, username, password = split_login(whole)
    lacks: list[str] = []
    for what, part in (("user name", username), ("password", password), ("address", url)):
        lacks += _missing(what, open_names(part or "", variables))
    if any(each.isspace() or not each.isprintable() for each in url):
        raise InvalidInput("the address holds spaces or control characters")
    if not open_names(url, variables):
        _check(url)
    if _FLV.search(url) and scheme.startswith("http"):
        lacks.append("address: this one gives FLV, which is not read; enter the camera's RTSP one")
    secret = None if password is None or open_names(password, variables) else Secret(password)
    user = None if username is None or open_names(username, variables) else username
    told = tuple(dict.fromkeys(lacks))
    return CameraUrl(_PROTOCOLS[scheme], url, user, secret, told, tuple(lacking))


def split_login(url: str) -> tuple[str, str | None, str | None]:
    """(URL without user info, user name, password), where a password may hold "@", "/", "?", "#".

    RFC 3986 (3.2.1) wants these escaped, and people do not: where what follows the last "@" looks
    more like a host than what RFC 3986 calls so, it is the host.
    """
    scheme, _, rest = url.partition("://")
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    userinfo, at, host = authority.rpartition("@")
    tail = rest[len(authority) :]
    if "@" in tail:
        long_userinfo, _, last = rest.rpartition("@")
        last_host = re.split(r"[/?#]", last, maxsplit=1)[0]
        if ":" in long_userinfo and not _is_ip(host) and _looks_like_host(last_host):
            userinfo, at, host, tail = long_userinfo, "@", last_host, last[len(last_host) :]
        else:
            tail = tail.replace("@", "%40")
    clean = f"{scheme.lower()}://{host}{tail}"
    if not at:
        return clean, None, None
    user, colon, password = userinfo.partition(":")
    return clean, unquote(user) or None, unquote(password) if colon else None


def _check(url: str) -> None:
    try:
        normalised_address(url)
    except (InvalidInput, ValueError):  # their words may repeat a part of it
        raise InvalidInput("the address cannot be read: check host and port") from None


def filled(text: str, variables: Mapping[str, str]) -> str:
    """`text` with "{FRIGATE_NAME}" filled in as Frigate does it: Python's `str.format`."""
    known = _VARIABLE.sub(lambda found: variables.get(found[1], found[0]), text)
    return known.replace("{{", "{").replace("}}", "}")


def open_names(text: str, variables: Mapping[str, str] | None) -> list[str]:
    """The variables that are still only named; without `variables` there are none."""
    return [] if variables is None else list(dict.fromkeys(_VARIABLE.findall(text)))


def _missing(what: str, names: list[str]) -> tuple[str, ...]:
    return tuple(f"{what}: the variable {name}, which the file only names" for name in names)


def _is_ip(host: str) -> bool:
    name = host.partition("]")[0].removeprefix("[") if host.startswith("[") else host
    if not host.startswith("["):
        name = name.partition(":")[0]
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _looks_like_host(host: str) -> bool:
    name, _, port = host.partition(":")
    is_named = re.fullmatch(r"[\w-]+(\.[\w-]+)+|localhost", name) is not None
    return _is_ip(host) or (is_named and (not port or port.isdigit()))
