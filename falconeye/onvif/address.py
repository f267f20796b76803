"""Where a camera is reached: its name resolved once, each address it announces turned to that.

Cameras behind NAT, with a fixed factory address or several networks announce hosts that lead
nowhere, or elsewhere. So of what they announce only path, and sometimes port, is used.
"""

import asyncio
import contextlib
import ipaddress
import socket
import threading
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit, urlunsplit

from falconeye.base.peers import Peer, is_allowed, plain_address
from falconeye.base.redact import split_credentials
from falconeye.onvif.errors import (
    OnvifAddressForbidden,
    OnvifUnreachable,
    OnvifUnreadable,
    own_words,
)

RESOLVE_S = 10.0
MAX_URL_CHARACTERS = 2048
DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Reached:
    """How a camera is reached: its name as given, and the checked address that stands for it."""

    host: str  # as a person gave it: a name, or an address without brackets
    peer: Peer
    tls: bool

    @property
    def scheme(self) -> str:
        return "https" if self.tls else "http"

    def url(self, path: str) -> str:
        """The URL of `path` (and query) at this camera, by its name."""
        return f"{self.scheme}://{_netloc(self.host, self.peer.port)}{path}"

    def rewritten(self, announced: str) -> str:
        """A service's address as announced, turned to how the camera is reached.

        The announced port counts where the announced host is the one that is reached; else both
        are those of some other network. Who is reached by TLS leads nobody out of it.
        OnvifUnreadable where it is no HTTP address.
        """
        # Some name only a path, some all their addresses, one after the other.
        first = next(iter(announced.split()), "")
        parts = _http(self.url(first) if first.startswith("/") else first)
        path = parts.path or "/"
        leaves_tls = self.tls and parts.scheme != "https"
        if self._is_ours(parts.hostname or "") and not leaves_tls:
            port = parts.port or DEFAULT_PORTS[parts.scheme]
            netloc = _netloc(self.host, port)
            return urlunsplit((parts.scheme, netloc, path, parts.query, ""))
        netloc = _netloc(self.host, self.peer.port)
        return urlunsplit((self.scheme, netloc, path, parts.query, ""))

    def at_our_port(self, url: str) -> str:
        """The same path where the camera was reached: for announced ports that do not answer."""
        parts = urlsplit(url)
        netloc = _netloc(self.host, self.peer.port)
        return urlunsplit((self.scheme, netloc, parts.path, parts.query, ""))

    def of_media(self, announced: str, schemes: tuple[str, ...]) -> str:
        """The URL of a stream or picture at the host that is reached, without user and password.

        Scheme, port and path stay: RTSP has a port of its own. So do login parameters of path or
        query: without them such cameras show nothing. OnvifUnreadable for other schemes.
        """
        try:
            url = _without_login(announced.strip())
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise _unusable(announced) from None
        if parts.scheme not in schemes or len(url) > MAX_URL_CHARACTERS or not url.isprintable():
            raise _unusable(announced)
        netloc = _netloc(self.host, port) if port else _bracketed(self.host)
        # Of an address that is stored an "@" would be taken for the end of a login.
        path, query = (part.replace("@", "%40") for part in (parts.path, parts.query))
        return urlunsplit((parts.scheme, netloc, path, query, ""))

    def _is_ours(self, host: str) -> bool:
        if host.lower() == self.host.lower():
            return True
        with contextlib.suppress(ValueError):
            return plain_address(host) == self.peer.address
        return False


async def resolve(host: str, port: int, *, allow_local: bool) -> list[Peer]:
    """The addresses of `host` that a camera may have, in the resolver's order.

    OnvifUnreachable when there is no such host, OnvifAddressForbidden when none is allowed.
    """
    try:
        peers = [Peer(plain_address(host), port)]
    except ValueError:
        try:
            async with asyncio.timeout(RESOLVE_S):
                peers = await _look_up(host, port)
        except (OSError, TimeoutError, UnicodeError):
            raise OnvifUnreachable(f"there is no host named {own_words(host)}") from None
    allowed = [peer for peer in peers if is_allowed(peer.address, allow_local=allow_local)]
    if not allowed:
        raise OnvifAddressForbidden(
            f"{own_words(host)} is this machine itself, or no address of a single camera;"
            " an admin may allow it"
        )
    return allowed


async def _look_up(host: str, port: int) -> list[Peer]:
    """`getaddrinfo` cannot be interrupted: in a thread of its own, which no stop waits for."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[list[Peer]] = loop.create_future()

    def settle(peers: list[Peer], error: OSError | UnicodeError | None) -> None:
        if answer.done():  # nobody waits any more
            return
        if error is None:
            answer.set_result(peers)
        else:
            answer.set_exception(error)

    def ask() -> None:
        peers: list[Peer] = []
        failure: OSError | UnicodeError | None = None
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            peers = list(dict.fromkeys(Peer(plain_address(str(e[4][0])), port) for e in found))
        except (OSError, UnicodeError) as error:
            failure = error
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(settle, peers, failure)

    threading.Thread(target=ask, name=f"resolve-{host}", daemon=True).start()
    return await answer


def _without_login(announced: str) -> str:
    """Cameras write passwords into URLs as they are, "/" and "@" included."""
    scheme, _, rest = announced.partition("://")
    try:
        url = split_credentials(announced)[0]
        parts = urlsplit(url)
        if "@" not in url or _is_address(parts.hostname or ""):
            parts.port  # noqa: B018 - raises for what is no port
            return url
    except ValueError:
        pass  # "rtsp://admin:pass/word@…": "pass" is no port
    return f"{scheme}://{rest.rpartition('@')[2]}"


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _http(announced: str) -> SplitResult:
    try:
        parts = urlsplit(announced)
        parts.port  # noqa: B018 - raises for what is no port
    except ValueError:
        raise _unusable(announced) from None
    is_url = parts.scheme in DEFAULT_PORTS and announced.isprintable()
    if not is_url or len(announced) > MAX_URL_CHARACTERS:
        raise _unusable(announced)
    return parts


def _unusable(announced: str) -> OnvifUnreadable:
    return OnvifUnreadable(
        "the camera announces an address that cannot be used:"
        f" {own_words(announced.rpartition('@')[2])}"
    )


def _netloc(host: str, port: int) -> str:
    return f"{_bracketed(host)}:{port}"


def _bracketed(host: str) -> str:
    with contextlib.suppress(ValueError):
        if ipaddress.ip_address(host.partition("%")[0]).version == 6:
            return f"[{host}]"
    return host
