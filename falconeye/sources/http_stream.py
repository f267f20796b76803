"""GET of an HTTP camera's stream by our own client: every address checked before a byte goes out.

Redirects are followed by hand (at most 3), proxies and cookies are not used, certificates of
cameras are their own and not checked.
"""

import socket
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any
from urllib.parse import urljoin, urlsplit, urlunsplit

import httpx

from falconeye.base.errors import InvalidInput
from falconeye.base.peers import Peer, is_allowed
from falconeye.base.redact import split_credentials
from falconeye.events.camera_state import ReasonCode
from falconeye.sources.addresses import connect, peer_of, resolve
from falconeye.sources.failures import SourceFailure, answer_failure, status_failure
from falconeye.sources.interrupt import Interrupt, shut_down
from falconeye.sources.login import authorization
from falconeye.sources.target import SourceTarget, check_url, host_and_port, recognise

MAX_REDIRECTS = 3
_TIMEOUT = httpx.Timeout(4.0, read=5.0)
_REDIRECTS = {301, 302, 303, 307, 308}


@contextmanager
def open_stream(
    target: SourceTarget, interrupt: Interrupt, attempt: AbstractContextManager[None]
) -> Iterator[httpx.Response]:
    """The unread answer with status 200; SourceFailure says why there is none.

    Reads of its body end at once when interrupted. `attempt` surrounds the asking, not the body.
    """
    with ExitStack() as stack:
        client = stack.enter_context(_client())
        with attempt:
            response = _ask(client, target, interrupt, stack)
        yield response


def _client() -> httpx.Client:
    return httpx.Client(verify=False, trust_env=False, timeout=_TIMEOUT)  # noqa: S501 - see above


def _ask(
    client: httpx.Client, target: SourceTarget, interrupt: Interrupt, stack: ExitStack
) -> httpx.Response:
    """Ask, log in where asked to, follow redirects; `stack` keeps the good answer open."""
    url, header = target.url, ""
    for _ in range(MAX_REDIRECTS + 2):
        with ExitStack() as one:
            response = one.enter_context(_get(client, target, url, header, interrupt))
            status = response.status_code
            if status == 200:
                stack.push(one.pop_all())
                return response
            challenges = response.headers.get_list("www-authenticate")
            location = response.headers.get("location", "")
        if status in _REDIRECTS:
            url, header = _redirected(url, location), ""
        else:
            header = _login(target, url, status, challenges, sent=bool(header))
    raise answer_failure(ReasonCode.CAMERA_ERROR, "the camera redirects again and again")


def _login(
    target: SourceTarget, url: str, status: int, challenges: list[str], *, sent: bool
) -> str:
    """The `Authorization` for the next try; SourceFailure where another try has no sense."""
    known = target.username is not None or target.password is not None
    own = host_and_port(url) == host_and_port(target.url)
    if status != 401 or sent or not (known and own):
        raise status_failure(status, login_sent=sent, protocol="HTTP")
    password = target.password.reveal() if target.password else ""
    parts = urlsplit(url)
    uri = urlunsplit(("", "", parts.path or "/", parts.query, ""))
    value = authorization(challenges, "GET", uri, target.username or "", password)
    if value is None:
        reason = "the camera wants a kind of login that is not known"
        raise answer_failure(ReasonCode.CAMERA_ERROR, reason)
    return value


def _redirected(url: str, location: str) -> str:
    try:
        found = urljoin(url, location)
        if urlsplit(found).scheme in ("http", "https"):
            return check_url(split_credentials(found)[0])
    except (InvalidInput, ValueError):
        pass  # as unusable as another scheme
    raise answer_failure(
        ReasonCode.ADDRESS_FORBIDDEN, "the camera redirects to something that is no HTTP address"
    )


@contextmanager
def _get(
    client: httpx.Client, target: SourceTarget, url: str, header: str, interrupt: Interrupt
) -> Iterator[httpx.Response]:
    host, port = host_and_port(url)
    peers = resolve(host, port, interrupt, allow_local=target.allow_local)
    with connect(peers, interrupt) as trial:  # finds dead addresses; a stop ends it at once
        peer = peer_of(trial) or peers[0]
    recognise(target, url, peer, interrupt)
    parts = urlsplit(url)
    pinned = urlunsplit(parts._replace(netloc=str(peer)))
    texts = {"Host": parts.netloc, "User-Agent": "FalconEye", "Accept-Encoding": "identity"}
    if header:
        texts["Authorization"] = header
    headers = {name.encode(): text.encode() for name, text in texts.items()}  # names like "jürg"
    guard = _Guard(allow_local=target.allow_local)
    extensions: dict[str, Any] = {"trace": guard.trace, "sni_hostname": host}
    try:
        with (
            guard,
            interrupt.by(guard.shut_down),
            client.stream("GET", pinned, headers=headers, extensions=extensions) as response,
        ):
            yield response
    except httpx.HTTPError as error:
        interrupt.check()
        raise _http_failure(error, peer) from None


def _http_failure(error: httpx.HTTPError, peer: Peer) -> SourceFailure:
    if isinstance(error, httpx.TimeoutException):
        return SourceFailure(ReasonCode.NO_ANSWER, f"{peer} does not answer in time")
    if isinstance(error, httpx.RemoteProtocolError):
        reason = f"{peer} does not speak HTTP or ended its answer early"
        return SourceFailure(ReasonCode.DISCONNECTED, reason)
    return SourceFailure(ReasonCode.DISCONNECTED, f"the connection to {peer} broke")


class _Guard:
    """Sees the socket as soon as it is connected, before the request is written."""

    def __init__(self, *, allow_local: bool) -> None:
        self._allow_local = allow_local
        self._duplicate: socket.socket | None = None

    def __enter__(self) -> "_Guard":
        return self

    def __exit__(self, *_: object) -> None:
        if self._duplicate:
            self._duplicate.close()

    def trace(self, event: str, info: dict[str, Any]) -> None:
        """The trace extension of httpcore: called for each step of a request."""
        if event != "connection.connect_tcp.complete":
            return
        connection: socket.socket = info["return_value"].get_extra_info("socket")
        peer = peer_of(connection)
        if peer is None or not is_allowed(peer.address, allow_local=self._allow_local):
            connection.close()
            reason = "the camera's address changed to one that is not allowed"
            raise answer_failure(ReasonCode.ADDRESS_FORBIDDEN, reason)
        self._duplicate = connection.dup()

    def shut_down(self) -> None:
        if self._duplicate:
            shut_down(self._duplicate)
