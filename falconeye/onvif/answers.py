"""What an answer means: a result, a wish for a login, or an error in words."""

from dataclasses import dataclass
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
from falconeye.onvif.shape import StrangeAnswer, plain_xml

# WS-Security 12, ONVIF Core 5.11.2.2; firmware uses all of them for a login it does not take.
_LOGIN_CODES = frozenset({"NotAuthorized", "FailedAuthentication", "InvalidSecurity"})
_LOGIN_WORDS = ("notauthorized", "notauthorised", "unauthorized", "authorityfailure")
_LACKING_CODES = frozenset({"ActionNotSupported", "OptionalActionNotImplemented", "NoService"})
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
    try:
        content = plain_xml(answer.content) if answer.content else b""
        reply = Reply(answer.status, answer.headers, content)
        return definitions.decode(service, operation, reply)
    except StrangeAnswer:
        failure = _without_soap(operation, answer)
    except Exception:  # noqa: BLE001 - zeep and lxml raise anything for hostile answers
        failure = _failure(operation, answer)
    raise failure from None  # the camera's bytes do not belong into a traceback


@dataclass(frozen=True, slots=True)
class _Fault:
    codes: tuple[str, ...]  # without prefixes, the outermost first
    reason: str


def _failure(operation: str, answer: Answer) -> OnvifError | NotAuthorized:
    fault = _read_fault(plain_xml(answer.content)) if answer.content else None
    if fault is not None:
        return _meaning(fault, operation, answer)
    return _without_soap(operation, answer)


def _without_soap(operation: str, answer: Answer) -> OnvifError | NotAuthorized:
    if answer.status == 403:
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


def _read_fault(content: bytes) -> _Fault | None:
    """The fault in an answer, if there is one that says anything.

    By the names of elements alone: cameras mix SOAP 1.1 with 1.2 and leave prefixes undeclared,
    of which zeep makes another error.
    """
    from lxml import etree  # noqa: PLC0415 - loaded long since

    parser = etree.XMLParser(recover=True, resolve_entities=False, no_network=True)
    try:
        root = etree.fromstring(content, parser)
        fault = None if root is None else root.find(".//{*}Fault")
        if fault is None:
            return None
        codes = [*fault.iter("{*}Value"), *fault.iter("{*}faultcode")]
        reasons = [*fault.iter("{*}Text"), *fault.iter("{*}faultstring")]
    except (etree.LxmlError, ValueError):
        return None
    names = (own_words(code.text).rpartition(":")[2].strip() for code in codes)
    reason = own_words(reasons[0].text) if reasons else ""
    found = _Fault(tuple(name for name in names if name), reason)
    return found if found.codes or found.reason else None


def _meaning(fault: _Fault, operation: str, answer: Answer) -> OnvifError | NotAuthorized:
    plain = "".join(fault.reason.lower().split())
    if _LOGIN_CODES.intersection(fault.codes) or any(words in plain for words in _LOGIN_WORDS):
        return NotAuthorized(answer)
    said = fault.reason or ", ".join(fault.codes)
    if _LACKING_CODES.intersection(fault.codes):
        return OnvifNotSupported(f"the camera has no {operation}: {said}")
    return OnvifFault(f"the camera refuses {operation}: {said}", fault.codes)
