"""What an answer means: a result, a wish for a login, or an error in words."""

from typing import Any

from falconeye.onvif.definitions import Definitions, Reply, Service
from falconeye.onvif.errors import (
    OnvifError,
    OnvifFault,
    OnvifNotSupported,
    OnvifUnreadable,
    own_words,
)
from falconeye.onvif.http import Answer

# WS-Security 12, ONVIF Core 5.11.2.2; firmware uses all of them for a login it does not take.
_LOGIN_SUBCODES = frozenset({"NotAuthorized", "FailedAuthentication", "InvalidSecurity"})
_LOGIN_WORDS = ("notauthorized", "notauthorised", "unauthorized", "authorityfailure")
_LACKING_SUBCODES = frozenset({"ActionNotSupported", "OptionalActionNotImplemented", "NoService"})
_NO_SUCH_PAGE = (404, 405, 501)


class NotAuthorized(Exception):
    """The camera wants a login, or another one; `answer` says how it asked."""

    def __init__(self, answer: Answer) -> None:
        super().__init__("not authorized")
        self.answer = answer


def read_answer(definitions: Definitions, service: Service, operation: str, answer: Answer) -> Any:
    """The result as zeep's objects; NotAuthorized or an OnvifError. Blocks for a few ms."""
    if answer.status == 401:
        raise NotAuthorized(answer)
    reply = Reply(answer.status, answer.headers, answer.content)
    try:
        return definitions.decode(service, operation, reply)
    except Exception as error:  # noqa: BLE001 - zeep and lxml raise anything for hostile answers
        failure = _failure(error, operation, answer)
    raise failure from None  # the camera's bytes do not belong into a traceback


def _failure(error: Exception, operation: str, answer: Answer) -> OnvifError | NotAuthorized:
    from zeep.exceptions import Fault  # noqa: PLC0415 - loaded long since

    if isinstance(error, Fault) and error.code is not None:
        return _fault(error, operation, answer)
    # Some answer SOAP 1.2 with faults of SOAP 1.1, which zeep takes for no fault at all.
    if answer.status == 403 or (answer.status >= 400 and b":NotAuthorized" in answer.content):
        return NotAuthorized(answer)
    if answer.status in _NO_SUCH_PAGE:
        return OnvifNotSupported(f"the camera has no {operation} (HTTP {answer.status})")
    if 300 <= answer.status < 400:
        return OnvifUnreadable(
            f"the camera redirects {operation} elsewhere (HTTP {answer.status});"
            " give that address, or try HTTPS"
        )
    how = "" if answer.status == 200 else f" (HTTP {answer.status})"
    return OnvifUnreadable(f"the answer to {operation} is no SOAP that can be read{how}")


def _fault(fault: Any, operation: str, answer: Answer) -> OnvifError | NotAuthorized:
    names = tuple(getattr(code, "localname", str(code)) for code in fault.subcodes or ())
    plain = "".join(str(fault.message or "").lower().split())
    # SOAP 1.1 has no subcodes: the code itself tells.
    code = str(fault.code or "").rpartition(":")[2]
    if _LOGIN_SUBCODES.intersection((*names, code)) or any(w in plain for w in _LOGIN_WORDS):
        return NotAuthorized(answer)
    said = own_words(fault.message) or ", ".join(own_words(name) for name in names) or "no reason"
    if _LACKING_SUBCODES.intersection(names):
        return OnvifNotSupported(f"the camera has no {operation}: {said}")
    return OnvifFault(f"the camera refuses {operation}: {said}", names)
