"""Logins of cameras: Basic (RFC 7617) and Digest (RFC 2617, 7616), for RTSP and HTTP alike.

And the memory of refused passwords: cameras lock accounts, so one that was refused is tried once
per 10 minutes only, by whichever stream comes first, until it changes.
"""

import base64
import hashlib
import re
import secrets
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from falconeye.base.clock import Clock
from falconeye.base.secret import Secret
from falconeye.events.camera_state import ReasonCode
from falconeye.sources.failures import Retry, SourceFailure
from falconeye.sources.interrupt import Interrupt
from falconeye.sources.target import SourceTarget, host_and_port

REFUSED_US = 600_000_000
_FIELD = re.compile(r'(\w+)=(?:"([^"]*)"|([^",\s]+))')
_HASHES = {"MD5": "md5", "SHA-256": "sha256"}

_Key = tuple[str, int, str | None, Secret | None]


def authorization(
    challenges: Sequence[str], method: str, uri: str, username: str, password: str
) -> str | None:
    """The `Authorization` value that answers the best of `challenges`; None for unknown schemes.

    `challenges` are the `WWW-Authenticate` values; Digest is preferred to Basic.
    """
    for challenge in challenges:
        scheme, _, rest = challenge.partition(" ")
        if scheme.lower() == "digest":
            answer = _digest(rest, method, uri, username, password)
            if answer:
                return answer
    if any(challenge.partition(" ")[0].lower() == "basic" for challenge in challenges):
        return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()
    return None


def libavformat_can_answer(challenges: Sequence[str]) -> bool:
    """Whether libavformat, which logs in for itself, does not fail at a digest other than MD5.

    It takes Digest rather than Basic, and of several the last.
    """
    digests = [
        rest
        for scheme, _, rest in (c.partition(" ") for c in challenges)
        if scheme.lower() == "digest"
    ]
    if not digests:
        return True
    field = {name.lower(): quoted or plain for name, quoted, plain in _FIELD.findall(digests[-1])}
    return field.get("algorithm", "MD5").upper() in {"MD5", "MD5-SESS"}


def _digest(rest: str, method: str, uri: str, username: str, password: str) -> str | None:
    field = {name.lower(): quoted or plain for name, quoted, plain in _FIELD.findall(rest)}
    algorithm = field.get("algorithm", "MD5")
    base = algorithm.upper().removesuffix("-SESS")
    if base not in _HASHES or "nonce" not in field:
        return None
    takes_auth = "auth" in [item.strip() for item in field.get("qop", "").split(",")]
    of_session = base != algorithm.upper()  # RFC 7616 3.4.2: the client's nonce is hashed, too

    def hashed(text: str) -> str:
        return hashlib.new(_HASHES[base], text.encode(), usedforsecurity=False).hexdigest()

    realm, nonce = field.get("realm", ""), field["nonce"]
    first, second = hashed(f"{username}:{realm}:{password}"), hashed(f"{method}:{uri}")
    parts = {"username": username, "realm": realm, "nonce": nonce, "uri": uri}
    client = secrets.token_hex(8)
    if of_session:
        first = hashed(f"{first}:{nonce}:{client}")
    if takes_auth:
        parts["response"] = hashed(f"{first}:{nonce}:00000001:{client}:auth:{second}")
    else:
        parts["response"] = hashed(f"{first}:{nonce}:{second}")
    tail = ", qop=auth, nc=00000001" if takes_auth else ""
    if takes_auth or of_session:
        tail += f', cnonce="{client}"'
    if "opaque" in field:
        parts["opaque"] = field["opaque"]
    if "algorithm" in field:
        tail += f", algorithm={algorithm}"
    quoted_parts = (f'{key}="{_quoted(value)}"' for key, value in parts.items())
    return "Digest " + ", ".join(quoted_parts) + tail


def _quoted(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"')


class RefusedLogins:
    """Which logins cameras refused and when; shared by all streams of the process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._refused_us: dict[_Key, int] = {}
        self._trying: dict[_Key, threading.Lock] = {}

    def wait_s(self, target: SourceTarget, clock: Clock) -> float:
        """How long this login may not be tried again; 0 if it may."""
        refused_us = self._refused_us.get(_key(target))
        if refused_us is None:
            return 0.0
        return max(refused_us + REFUSED_US - clock.monotonic_us(), 0) / 1e6

    def forget(self, target: SourceTarget) -> None:
        """Let it be tried at once: a person says that the camera knows the password now."""
        with self._lock:
            self._refused_us.pop(_key(target), None)

    @contextmanager
    def attempt(self, target: SourceTarget, clock: Clock, interrupt: Interrupt) -> Iterator[None]:
        """Surrounds the first use of the password; one stream of a login at a time.

        Raises PASSWORD_REFUSED without asking when it was refused within 10 minutes, and notes it
        when the failure inside says so. Keep it short: the other streams of a camera wait.
        """
        if target.username is None and target.password is None:
            yield
            return
        key = _key(target)
        with self._lock:
            turn = self._trying.setdefault(key, threading.Lock())
        while not turn.acquire(timeout=0.1):
            interrupt.check()
        try:
            self._check(target, clock)
            with self.noting(target, clock):
                yield
            self.forget(target)
        finally:
            turn.release()

    @contextmanager
    def noting(self, target: SourceTarget, clock: Clock) -> Iterator[None]:
        """Surrounds later uses of a password that was just taken; notes a refusal all the same."""
        try:
            yield
        except SourceFailure as failure:
            if failure.login_sent:
                with self._lock:
                    self._refused_us[_key(target)] = clock.monotonic_us()
            raise

    def _check(self, target: SourceTarget, clock: Clock) -> None:
        if self.wait_s(target, clock):
            reason = "the camera refused the password; it is tried once in 10 minutes"
            raise SourceFailure(ReasonCode.PASSWORD_REFUSED, reason, Retry.LOGIN)


def _key(target: SourceTarget) -> _Key:
    return (*host_and_port(target.url), target.username, target.password)


REFUSED_LOGINS = RefusedLogins()
