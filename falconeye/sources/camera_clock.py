"""What a camera's own clock says: the `Date` of its answer to a question without a login."""

import re
import socket
import time
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import urlsplit

from falconeye.base.clock import Clock
from falconeye.base.times import SECOND_US, to_us
from falconeye.sources.addresses import connect, resolve
from falconeye.sources.failures import SourceFailure
from falconeye.sources.interrupt import Interrupt
from falconeye.sources.target import SourceTarget, host_and_port

ANSWER_S: Final = 4.0
MAX_ANSWER_BYTES: Final = 16_384
_DATE: Final = re.compile(rb"(?im)^date:[ \t]*([^\r\n]{1,64})")


def clock_offset_s(target: SourceTarget, clock: Clock) -> float | None:
    """The camera's clock minus ours in seconds, to a second; None where it does not tell.

    RTSP: OPTIONS (RFC 2326 10.1); HTTP: HEAD of the root. Blocks for at most a few seconds.
    """
    scheme = urlsplit(target.url).scheme
    if scheme not in {"rtsp", "http"}:  # a certificate is not to be judged for a look at the clock
        return None
    host, port = host_and_port(target.url)
    interrupt = Interrupt()
    try:
        peers = resolve(host, port, interrupt, allow_local=target.allow_local)
        with connect(peers, interrupt) as connection:
            connection.settimeout(ANSWER_S)
            connection.sendall(_question(scheme, host, port))
            head = _head(connection, time.monotonic() + ANSWER_S)
    except (SourceFailure, OSError):
        return None
    asked_us = clock.utc_us()
    found = _DATE.search(head)
    if found is None:
        return None
    try:
        moment = parsedate_to_datetime(found[1].decode("ascii"))
    except (ValueError, TypeError, OverflowError):  # UnicodeDecodeError is a ValueError
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (to_us(moment) - asked_us) / SECOND_US


def _question(scheme: str, host: str, port: int) -> bytes:
    where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    if scheme == "rtsp":
        text = f"OPTIONS rtsp://{where}/ RTSP/1.0\r\nCSeq: 1\r\nUser-Agent: FalconEye\r\n\r\n"
    else:
        text = f"HEAD / HTTP/1.1\r\nHost: {where}\r\nConnection: close\r\n\r\n"
    return text.encode("ascii", "replace")


def _head(connection: socket.socket, until_s: float) -> bytes:
    """The head of an answer, as far as it comes until then (`time.monotonic`), however slowly."""
    head = b""
    while b"\r\n\r\n" not in head and len(head) < MAX_ANSWER_BYTES:
        left_s = until_s - time.monotonic()
        if left_s <= 0:
            break
        connection.settimeout(left_s)
        piece = connection.recv(4096)
        if not piece:
            break
        head += piece
    return head
