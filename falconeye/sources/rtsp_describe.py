"""Asks an RTSP camera for its description (DESCRIBE, RFC 2326 10.2) before libavformat may connect.

libavformat follows redirects wherever they lead, hides which answer a camera gave and cannot be
stopped while it connects. So we ask first: every address is checked before a byte goes there, a
refused password is shown once, and the answer is known exactly.
"""

import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

from falconeye.base.errors import InvalidInput
from falconeye.base.peers import Peer
from falconeye.base.redact import split_credentials
from falconeye.events.camera_state import ReasonCode
from falconeye.sources.addresses import connect, peer_of, resolve
from falconeye.sources.failures import (
    SourceFailure,
    answer_failure,
    network_failure,
    status_failure,
)
from falconeye.sources.interrupt import Interrupt
from falconeye.sources.login import authorization, libavformat_can_answer
from falconeye.sources.target import SourceTarget, check_url, host_and_port, recognise

ANSWER_S = 5.0
MAX_HEADER_BYTES = 32_768
MAX_BODY_BYTES = 262_144
MAX_REDIRECTS = 3
_AGENT = "FalconEye"


@dataclass(frozen=True, slots=True)
class Description:
    """What the camera answered, and where."""

    url: str  # where the stream is, after redirects; no credentials
    peer: Peer  # the address that answered; allowed
    sdp: str  # RFC 8866
    login: bool  # it wanted user and password, and took them


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: dict[str, list[str]]  # by name in lower case
    body: bytes


@contextmanager
def describe(target: SourceTarget, interrupt: Interrupt) -> Iterator[Description]:
    """The description of the target's stream; SourceFailure says why there is none.

    The connection stays open inside: servers that begin a stream on demand would end it again.
    """
    with ExitStack() as stack:
        yield _describe(target, interrupt, stack)


def _describe(target: SourceTarget, interrupt: Interrupt, stack: ExitStack) -> Description:
    url = target.url
    for _ in range(MAX_REDIRECTS + 1):
        login = _login(target, url)
        host, port = host_and_port(url)
        peers = resolve(host, port, interrupt, allow_local=target.allow_local)
        connection = stack.enter_context(connect(peers, interrupt))
        peer = peer_of(connection) or peers[0]
        recognise(target, url, peer, interrupt)
        answer, login_sent = _ask(connection, url, login, interrupt, peer, stack)
        if answer.status == 200:
            sdp = answer.body.decode("utf-8", "replace")
            return Description(url, peer, sdp, login_sent)
        if not 300 <= answer.status < 400:
            raise status_failure(answer.status, login_sent=login_sent, protocol="RTSP")
        url = _redirected(url, answer)
    raise answer_failure(ReasonCode.CAMERA_ERROR, "the camera redirects again and again")


def _login(target: SourceTarget, url: str) -> tuple[str, str] | None:
    """User and password, but only for the address they were given for."""
    if target.username is None and target.password is None:
        return None
    if host_and_port(url) != host_and_port(target.url):
        return None
    return target.username or "", target.password.reveal() if target.password else ""


def _redirected(url: str, answer: _Answer) -> str:
    try:
        location = urljoin(url, (answer.headers.get("location") or [""])[0])
        if urlsplit(location).scheme in ("rtsp", "rtsps"):
            return check_url(split_credentials(location)[0])
    except (InvalidInput, ValueError):
        pass  # as unusable as another scheme
    raise answer_failure(
        ReasonCode.ADDRESS_FORBIDDEN, "the camera redirects to something that is no RTSP address"
    )


def _ask(
    connection: socket.socket,
    url: str,
    login: tuple[str, str] | None,
    interrupt: Interrupt,
    peer: Peer,
    stack: ExitStack,
) -> tuple[_Answer, bool]:
    """The answer, and whether credentials were shown; SourceFailure where there is none."""
    connection.settimeout(ANSWER_S)
    try:
        with interrupt.by_shutdown(connection):
            channel = stack.enter_context(_secured(connection, url))
            answer = _exchange(channel, url, 1, None)
            if answer.status != 401 or login is None:
                return answer, False
            challenges = answer.headers.get("www-authenticate", [])
            if not libavformat_can_answer(challenges):
                raise answer_failure(
                    ReasonCode.CAMERA_ERROR,
                    "the camera wants a login by SHA-256; let it take MD5, too (its setting for "
                    "RTSP or digest authentication)",
                )
            value = authorization(challenges, "DESCRIBE", url, *login)
            if value is None:
                raise answer_failure(
                    ReasonCode.CAMERA_ERROR, "the camera wants a kind of login that is not known"
                )
            return _login_answer(channel, url, value, peer), True
    except OSError as error:
        interrupt.check()
        if isinstance(error, ssl.SSLError):
            raise _no_rtsp(peer) from error
        if isinstance(error, TimeoutError):
            reason = f"{peer} accepts the connection but does not answer"
            raise SourceFailure(ReasonCode.NO_ANSWER, reason) from error
        raise network_failure(error, str(peer)) from error
    except (ValueError, EOFError) as error:
        interrupt.check()
        raise _no_rtsp(peer) from error


def _login_answer(channel: socket.socket, url: str, value: str, peer: Peer) -> _Answer:
    """The second answer; a camera that has given one speaks RTSP, whatever it does then."""
    try:
        return _exchange(channel, url, 2, value)
    except EOFError as error:
        reason = f"{peer} closed the connection instead of answering the login"
        raise answer_failure(ReasonCode.DISCONNECTED, reason) from error


def _no_rtsp(peer: Peer) -> SourceFailure:
    return answer_failure(
        ReasonCode.NOT_A_CAMERA, f"{peer} does not speak RTSP; is it a web page or another port?"
    )


def _secured(connection: socket.socket, url: str) -> socket.socket:
    """TLS for rtsps. Cameras sign their own certificates, so they are not checked."""
    if not url.startswith("rtsps:"):
        return connection
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(connection, server_hostname=host_and_port(url)[0])


def _exchange(channel: socket.socket, url: str, sequence: int, login: str | None) -> _Answer:
    lines = [
        f"DESCRIBE {url} RTSP/1.0",
        f"CSeq: {sequence}",
        f"User-Agent: {_AGENT}",
        "Accept: application/sdp",
    ]
    if login:
        lines.append(f"Authorization: {login}")
    channel.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
    return _read_answer(channel)


def _read_answer(channel: socket.socket) -> _Answer:
    """One answer (RFC 2326 7); ValueError for anything else, EOFError when it stops early."""
    data = b""
    while b"\r\n\r\n" not in data:
        if len(data) > MAX_HEADER_BYTES or not b"RTSP/".startswith(data[:5]):
            msg = "no RTSP answer"
            raise ValueError(msg)
        data += _more(channel)
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    version, status, *_ = first.split(" ")
    headers: dict[str, list[str]] = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers.setdefault(name.strip().lower(), []).append(value.strip())
    length = int((headers.get("content-length") or ["0"])[0])
    if not version.startswith("RTSP/") or not 0 <= length <= MAX_BODY_BYTES:
        msg = "no RTSP answer of credible size"
        raise ValueError(msg)
    while len(body) < length:
        body += _more(channel)
    return _Answer(int(status), headers, body[:length])


def _more(channel: socket.socket) -> bytes:
    data = channel.recv(65_536)
    if not data:
        raise EOFError
    return data
