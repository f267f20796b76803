"""What an open port is asked, without credentials, and what the answer tells.

One question each, a few kilobytes, two seconds: enough to know RTSP (RFC 2326 10.1), HTTP and ONVIF
(GetSystemDateAndTime, which every device answers without a login, ONVIF Core 8.3.4).
"""

import asyncio
import re
from dataclasses import dataclass
from typing import Final

from falconeye.discovery.evidence import MAX_TEXT, clean
from falconeye.discovery.ws_answers import DEFAULT_PATH

ANSWER_S: Final = 2.0
MAX_HEAD_BYTES: Final = 4_096
MAX_PAGE_BYTES: Final = 16_384
_RTSP_STATUS: Final = re.compile(rb"RTSP/[12]\.\d [1-5]\d\d(?: |\r)")
_HTTP_STATUS: Final = re.compile(rb"HTTP/1\.[01] [1-5]\d\d(?: |\r)")
_TITLE: Final = re.compile(rb"<title[^>]*>([^<]{1,400})</title", re.IGNORECASE)
_REALM: Final = re.compile(r'realm="([^"]*)"', re.IGNORECASE)
_DEVICE: Final = "http://www.onvif.org/ver10/device/wsdl"
_SOAP: Final = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body>'
    f'<GetSystemDateAndTime xmlns="{_DEVICE}"/>'
    "</s:Body></s:Envelope>"
)
# Some know what they are asked by the action alone (RFC 3902, and what WSDLs call soapAction).
_KIND: Final = f'application/soap+xml; charset=utf-8; action="{_DEVICE}/GetSystemDateAndTime"'


@dataclass(frozen=True, slots=True)
class Answer:
    """What somebody behind a port said."""

    protocol: str  # "rtsp", "http"
    server: str = ""
    realm: str = ""
    title: str = ""


async def ask_rtsp(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, place: str
) -> Answer | None:
    """OPTIONS; None where it is not RTSP that answers. `place` is "address:port"."""
    writer.write(
        f"OPTIONS rtsp://{place}/ RTSP/1.0\r\nCSeq: 1\r\nUser-Agent: FalconEye\r\n\r\n".encode()
    )
    said = await _read(reader, MAX_HEAD_BYTES, until=b"\r\n\r\n")
    if not _RTSP_STATUS.match(said):
        return None
    server, realm = _headers(said)
    return Answer("rtsp", server, realm)


async def ask_http(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, place: str
) -> Answer | None:
    """GET /; None where it is not HTTP that answers."""
    writer.write(
        f"GET / HTTP/1.1\r\nHost: {place}\r\nUser-Agent: FalconEye\r\nAccept: text/html\r\n"
        "Connection: close\r\n\r\n".encode()
    )
    said = await _read(reader, MAX_PAGE_BYTES, until=b"</title")
    if not _HTTP_STATUS.match(said):
        return None
    server, realm = _headers(said)
    title = _TITLE.search(said)
    words = clean(title[1].decode("utf-8", "replace"), MAX_TEXT) if title else ""
    return Answer("http", server, realm, words)


async def is_onvif(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, place: str) -> bool:
    """Whether an ONVIF device service is at its usual path."""
    writer.write(
        f"POST {DEFAULT_PATH} HTTP/1.1\r\nHost: {place}\r\nUser-Agent: FalconEye\r\n"
        f"Content-Type: {_KIND}\r\n"
        f"Content-Length: {len(_SOAP)}\r\nConnection: close\r\n\r\n{_SOAP}".encode()
    )
    said = await _read(reader, MAX_PAGE_BYTES, until=b"Envelope>")
    # A device that wants a login even for this says so in ONVIF's own words.
    onvif = b"GetSystemDateAndTimeResponse" in said or b"www.onvif.org" in said
    return onvif and _HTTP_STATUS.match(said) is not None


async def _read(reader: asyncio.StreamReader, limit_bytes: int, *, until: bytes) -> bytes:
    """What comes up to `until`, the limit, the end or two seconds."""
    said = b""
    try:
        async with asyncio.timeout(ANSWER_S):
            while len(said) < limit_bytes and until not in said:
                more = await reader.read(limit_bytes - len(said))
                if not more:
                    break
                said += more
    except (TimeoutError, ConnectionError):
        pass  # what has come may be enough
    return said


def _headers(said: bytes) -> tuple[str, str]:
    """Server, and the realm of the login that is wanted."""
    server = realm = ""
    head = said.partition(b"\r\n\r\n")[0].decode("latin-1")
    for line in head.split("\r\n")[1:]:
        name, _, value = line.partition(":")
        if name.lower() == "server":
            server = clean(value, MAX_TEXT)
        elif name.lower() == "www-authenticate" and (found := _REALM.search(value)):
            realm = clean(found[1], MAX_TEXT)
    return server, realm
