"""A request as a strict camera reads it: SOAP 1.2, namespace and Action right, or a complaint."""

import re
from dataclasses import dataclass

from lxml import etree

SOAP = "{http://www.w3.org/2003/05/soap-envelope}"
WSA = "{http://www.w3.org/2005/08/addressing}"
WSNT = "http://docs.oasis-open.org/wsn/b-2"
TEV = "http://www.onvif.org/ver10/events/wsdl"
TDS = "http://www.onvif.org/ver10/device/wsdl"
TRT = "http://www.onvif.org/ver10/media/wsdl"
TPTZ = "http://www.onvif.org/ver20/ptz/wsdl"
TT = "http://www.onvif.org/ver10/schema"
PATHS = {
    "device": "/onvif/device_service",
    "media": "/onvif/Media",
    "ptz": "/onvif/ptz_service",
    "events": "/onvif/Events",
    "subscription": "/onvif/Subscription",
}
_NAMESPACES = {
    PATHS["device"]: {TDS},
    PATHS["media"]: {TRT},
    PATHS["ptz"]: {TPTZ},
    PATHS["events"]: {TEV},
    PATHS["subscription"]: {TEV, WSNT},
}
_ACTION = re.compile(r'action="([^"]*)"')


class Refused(Exception):
    """Answered by a fault."""

    def __init__(self, code: str, reason: str, subcode: str = "") -> None:
        super().__init__(reason)
        self.code, self.reason, self.subcode = code, reason, subcode


@dataclass(frozen=True)
class Request:
    operation: str
    path: str
    query: str
    body: etree._Element
    header: etree._Element | None

    def text(self, name: str, namespace: str | None = None) -> str | None:
        """Of a direct child in the operation's own namespace, or another."""
        own = namespace or etree.QName(self.body).namespace
        found = self.body.findtext(f"{{{own}}}{name}")
        return None if found is None else str(found)


def read_request(headers: dict[str, str], path: str, body: bytes) -> Request:
    """Refused says what is wrong."""
    kind = headers.get("content-type", "")
    if not kind.startswith("application/soap+xml"):
        raise _bad(f"Content-Type {kind}")
    if int(headers.get("content-length", -1)) != len(body):
        raise _bad("Content-Length")
    envelope = etree.fromstring(body, etree.XMLParser(resolve_entities=False))
    if envelope.tag != f"{SOAP}Envelope":
        raise _bad(f"root {envelope.tag}")
    content = envelope.find(f"{SOAP}Body")
    if content is None or len(content) != 1:
        raise _bad("not one element in the Body")
    operation = etree.QName(content[0])
    plain, _, query = path.partition("?")
    if operation.namespace not in _NAMESPACES.get(plain, set()):
        raise _bad(f"{operation.text} at {path}")
    action = _action(str(operation.namespace), operation.localname)
    told = _ACTION.search(kind)
    if told is None or told[1] != action:
        raise _bad(f"Action {kind}, wanted {action}")
    header = envelope.find(f"{SOAP}Header")
    if operation.namespace in (TEV, WSNT):
        _check_addressing(header, action, plain)
    return Request(operation.localname, plain, query, content[0], header)


def _action(namespace: str, operation: str) -> str:
    if namespace == WSNT:
        return f"http://docs.oasis-open.org/wsn/bw-2/SubscriptionManager/{operation}Request"
    if namespace == TEV:
        port = "PullPointSubscription" if operation == "PullMessages" else "EventPortType"
        return f"{TEV}/{port}/{operation}Request"
    return f"{namespace}/{operation}"


def _check_addressing(header: etree._Element | None, action: str, path: str) -> None:
    if header is None:
        raise _bad("no WS-Addressing")
    actions = [element.text for element in header.findall(f"{WSA}Action")]
    if actions != [action]:
        raise _bad(f"wsa:Action {actions}, wanted {action}")
    to = header.findtext(f"{WSA}To") or ""
    if path not in to or not header.findtext(f"{WSA}MessageID"):
        raise _bad(f"wsa:To {to}")


def _bad(reason: str) -> Refused:
    return Refused("Sender", reason, "WellFormed")
