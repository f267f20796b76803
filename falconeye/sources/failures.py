"""Why a source has no pictures, in words for a person and in a code for programs."""

import errno
from enum import StrEnum

from falconeye.base.redact import redact_text
from falconeye.events.camera_state import ReasonCode


class Retry(StrEnum):
    """How soon to try again."""

    NETWORK = "network"  # 0.5 → 2 s
    ANSWER = "answer"  # → 30 s: the camera gave an answer that will hardly change soon
    LOGIN = "login"  # once per 10 minutes: cameras lock accounts


class SourceFailure(Exception):
    """One try ended; `reason` is words a user can act on and never holds a credential."""

    def __init__(
        self,
        code: ReasonCode,
        reason: str,
        retry: Retry = Retry.NETWORK,
        *,
        login_sent: bool = False,
    ) -> None:
        self.code = code
        self.reason = redact_text(reason)
        self.retry = retry
        self.login_sent = login_sent  # a password was shown to the camera and refused
        super().__init__(self.reason)


class Stopped(Exception):
    """The source was told to stop while it waited; not a failure."""


def answer_failure(code: ReasonCode, reason: str) -> SourceFailure:
    """A failure that the camera's own answer caused."""
    return SourceFailure(code, reason, Retry.ANSWER)


def network_failure(error: OSError, where: str) -> SourceFailure:
    """What the operating system says about `where` ("10.0.0.9:554"), in words."""
    if error.errno == errno.ECONNREFUSED:
        code, words = ReasonCode.CONNECTION_REFUSED, f"{where} refuses connections"
    elif error.errno in (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN):
        code, words = ReasonCode.NO_ROUTE, f"no route to {where}"
    elif isinstance(error, TimeoutError) or error.errno == errno.ETIMEDOUT:
        code, words = ReasonCode.NO_ANSWER, f"no answer from {where}"
    elif error.errno in (errno.ECONNRESET, errno.EPIPE, errno.ECONNABORTED):
        code, words = ReasonCode.DISCONNECTED, f"{where} closed the connection"
    else:
        code, words = ReasonCode.CAMERA_ERROR, f"the connection to {where} failed: {error.strerror}"
    return SourceFailure(code, words)


def status_failure(status: int, *, login_sent: bool, protocol: str) -> SourceFailure:
    """An RTSP (RFC 2326 11) or HTTP status other than success, in words."""
    if status == 401 and not login_sent:
        return answer_failure(ReasonCode.PASSWORD_NEEDED, "the camera wants a user and a password")
    if status in (401, 403) and login_sent:
        reason = "the camera refused the password"
        return SourceFailure(ReasonCode.PASSWORD_REFUSED, reason, Retry.LOGIN, login_sent=True)
    known = {
        403: (ReasonCode.PASSWORD_NEEDED, "the camera allows no access without a login"),
        404: (ReasonCode.NOT_FOUND, "the camera has no stream at this path"),
        410: (ReasonCode.NOT_FOUND, "the camera has no stream at this path any more"),
        453: (ReasonCode.TOO_MANY_SESSIONS, "the camera allows no further connection"),
        461: (ReasonCode.TRANSPORT_REFUSED, "the camera refuses this transport"),
        503: (ReasonCode.TOO_MANY_SESSIONS, "the camera is too busy for another connection"),
    }
    code, words = known.get(
        status, (ReasonCode.CAMERA_ERROR, f"the camera answers with {protocol} status {status}")
    )
    return answer_failure(code, words)
