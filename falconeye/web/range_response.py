"""Bodies that are streamed: whole or one range of known bytes (RFC 9110), or an endless stream.

Litestar answers a `Range` with the whole file and status 200, which makes players show the wrong
time; hence this responder. Both responses watch for the client's leaving while they send, keep
back-pressure (a chunk is asked for only after the one before was taken), and close what they read.
"""

import asyncio
import json
import logging
import re
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from email.utils import format_datetime, parsedate_to_datetime
from enum import Enum
from urllib.parse import quote

from litestar.response.base import ASGIResponse
from litestar.types import Receive, Scope, Send
from typing_extensions import override

from falconeye.base.errors import FalconEyeError
from falconeye.base.tasks import TaskSet
from falconeye.base.times import SECOND_US, to_datetime, to_us

log = logging.getLogger(__name__)

Chunks = AsyncGenerator[bytes, None]

DOWNLOAD_SEND_LIMIT_S = 3600.0  # a paused player may leave its connection unread for long
VIEWER_SEND_LIMIT_S = 60.0  # a live viewer that reads nothing for this long is gone

_SPEC = re.compile(r"(?P<first>[0-9]*)-(?P<last>[0-9]*)")
_MAX_DIGITS = 18  # more of them lie beyond any file


@dataclass(frozen=True, slots=True)
class ByteRange:
    """Bytes `first` up to, not including, `end`; never empty."""

    first: int
    end: int


class Outcome(Enum):
    """What to send when it is not one range."""

    WHOLE = "whole"
    UNSATISFIABLE = "unsatisfiable"


@dataclass(frozen=True, slots=True)
class Representation:
    """Bytes of known length and identity that can be read from any place."""

    length: int
    etag: str  # strong, with its quotes (RFC 9110 8.8.3)
    last_modified_us: int  # UTC
    media_type: str
    read: Callable[[int, int], Chunks]  # (first, end): exactly those bytes, in chunks


def select_range(header: str, length: int) -> ByteRange | Outcome:
    """What a `Range` header asks of `length` bytes (RFC 9110 14.1.2, 14.2).

    Another unit and anything malformed are ignored, as the RFC allows: the whole is sent. Of
    several ranges none is sent alone: the whole is, if at least one can be satisfied.
    """
    unit, equals, specs = header.partition("=")
    if not equals or unit.strip().lower() != "bytes":
        return Outcome.WHOLE
    matches = [_SPEC.fullmatch(spec.strip(" \t")) for spec in specs.split(",") if spec.strip(" \t")]
    if not matches:
        return Outcome.WHOLE
    found: list[ByteRange] = []
    for match in matches:
        spec = None if match is None else _spec_range(match["first"], match["last"], length)
        if spec is Outcome.WHOLE or spec is None:
            return Outcome.WHOLE
        if isinstance(spec, ByteRange):
            found.append(spec)
    if not found:
        return Outcome.UNSATISFIABLE
    return found[0] if len(matches) == 1 else Outcome.WHOLE


def _spec_range(first: str, last: str, length: int) -> ByteRange | Outcome:
    """One range spec; WHOLE stands for a malformed one."""
    if not first and not last:
        return Outcome.WHOLE
    if not first:
        wanted = min(_number(last), length)
        return ByteRange(length - wanted, length) if wanted else Outcome.UNSATISFIABLE
    start = _number(first)
    end = _number(last) + 1 if last else length
    if end <= start and last:
        return Outcome.WHOLE
    return ByteRange(start, min(end, length)) if start < length else Outcome.UNSATISFIABLE


def _number(digits: str) -> int:
    significant = digits.lstrip("0")
    return int(significant or "0") if len(significant) <= _MAX_DIGITS else int(10**_MAX_DIGITS)


def http_date(utc_us: int) -> str:
    """Epoch microseconds as an IMF-fixdate (RFC 9110 5.6.7), whole seconds."""
    return format_datetime(to_datetime(utc_us), usegmt=True)


def attachment(file_name: str, *, inline: bool) -> str:
    """A Content-Disposition value (RFC 6266) whose name survives any letters (RFC 8187)."""
    kind = "inline" if inline else "attachment"
    plain = re.sub(r"[^A-Za-z0-9 ._()-]", "_", file_name)
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(file_name, safe='')}"


def precondition_status(
    headers: Mapping[str, str], etag: str, last_modified_us: int, *, is_read: bool
) -> int | None:
    """304 or 412 where the request's conditions say so, else None (RFC 9110 13.2.2)."""
    if (wanted := headers.get("if-match")) is not None:
        changed = not _listed(wanted, etag, weak=False)
    else:
        since = _date_us(headers.get("if-unmodified-since"))
        changed = since is not None and _seconds(last_modified_us) > since
    if changed:
        return 412
    if (known := headers.get("if-none-match")) is not None:
        if _listed(known, etag, weak=True):
            return 304 if is_read else 412
    elif is_read and (since := _date_us(headers.get("if-modified-since"))) is not None:
        return 304 if _seconds(last_modified_us) <= since else None
    return None


def _listed(header: str, etag: str, *, weak: bool) -> bool:
    """Whether the list of entity tags holds `etag`; the weak comparison forgets `W/`."""
    tags = re.findall(r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"', header)
    if weak:
        tags = [tag.removeprefix("W/") for tag in tags]
    return header.strip() == "*" or etag in tags


def _date_us(header: str | None) -> int | None:
    """An HTTP date as epoch microseconds; None for none or a malformed one (to be ignored)."""
    if header is None:
        return None
    try:
        moment = parsedate_to_datetime(header)
    except (TypeError, ValueError, OverflowError):  # the last: a day or zone of twenty digits
        return None
    return None if moment.tzinfo is None else to_us(moment)


def _seconds(utc_us: int) -> int:
    return utc_us // SECOND_US * SECOND_US


class StreamResponse(ASGIResponse):
    """An answer whose body comes from an async generator, which is closed however this ends.

    The first chunk is awaited before the status is sent, so that an error raised until then
    (Unavailable …) still becomes a proper answer. A later error cuts the connection short, which a
    client cannot take for a whole body.
    """

    __slots__ = ("_chunks", "_first_limit_s", "_send_limit_s")

    _should_set_content_length = False

    def __init__(
        self,
        chunks: Chunks,
        *,
        media_type: str,
        headers: Mapping[str, str],
        status_code: int = 200,
        is_head: bool = False,
        send_limit_s: float = VIEWER_SEND_LIMIT_S,
        first_limit_s: float = VIEWER_SEND_LIMIT_S,
    ) -> None:
        super().__init__(
            headers=dict(headers),
            media_type=media_type,
            status_code=status_code,
            is_head_response=is_head,
        )
        self._chunks = chunks
        self._send_limit_s = send_limit_s
        self._first_limit_s = first_limit_s

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with aclosing(self._chunks):
            if self.is_head_response:
                await super().__call__(scope, receive, send)
                return
            tasks = TaskSet("stream-response")
            present = asyncio.timeout(None)
            try:
                async with present:
                    _ = tasks.start(_watch(receive, present), "watch")
                    await self._send_all(send)
            except TimeoutError:
                if not present.expired():
                    raise
            finally:
                await tasks.stop()

    async def _send_all(self, send: Send) -> None:
        try:
            async with asyncio.timeout(self._first_limit_s):
                chunk = await anext(self._chunks, None)
        except TimeoutError:
            msg = "nothing came in time"
            raise StreamTimeout(msg) from None
        try:
            async with asyncio.timeout(self._send_limit_s):
                await self.start_response(send)
            while chunk is not None:
                async with asyncio.timeout(self._send_limit_s):
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
                chunk = await anext(self._chunks, None)
        except TimeoutError:
            log.info("a client that read nothing for %.0f s was dropped", self._send_limit_s)
            return  # without the last event: the server closes the connection
        except FalconEyeError as error:
            log.warning("an answer ended early: %s", error)
            return
        await send({"type": "http.response.body", "body": b"", "more_body": False})


class StreamTimeout(FalconEyeError):
    """A stream exists, but its first bytes did not come in time (502)."""

    status = 502


async def _watch(receive: Receive, present: asyncio.Timeout) -> None:
    """End `present` when the client has left. A request's body, if any, is passed over."""
    while (await receive())["type"] != "http.disconnect":
        pass
    present.reschedule(asyncio.get_running_loop().time())


async def _only(body: bytes) -> Chunks:
    if body:
        yield body


def range_response(
    representation: Representation,
    request_headers: Mapping[str, str],
    *,
    method: str,
    file_name: str,
    inline: bool = False,
    cache_control: str = "private, no-cache",
) -> StreamResponse:
    """The answer to a GET or HEAD for `representation`: 200, 206, 304, 412 or 416.

    `request_headers` by lower-case names. A range counts for GET only (RFC 9110 14.2) and, with
    `If-Range`, only while the strong entity tag is still the same; a date there never is strong
    enough for footage that may grow within a second, so it gets the whole.
    """
    whole = representation
    headers = {
        "accept-ranges": "bytes",
        "etag": whole.etag,
        "last-modified": http_date(whole.last_modified_us),
        "cache-control": cache_control,
    }
    status = precondition_status(
        request_headers, whole.etag, whole.last_modified_us, is_read=method in {"GET", "HEAD"}
    )
    wanted = _wanted(request_headers, whole, method)
    if status is None and wanted is Outcome.UNSATISFIABLE:
        status, headers["content-range"] = 416, f"bytes */{whole.length}"
    if status is not None:
        return _without_content(status, headers, is_head=method == "HEAD")
    headers["content-disposition"] = attachment(file_name, inline=inline)
    first, end = (wanted.first, wanted.end) if isinstance(wanted, ByteRange) else (0, whole.length)
    headers["content-length"] = str(end - first)
    if isinstance(wanted, ByteRange):
        headers["content-range"] = f"bytes {first}-{end - 1}/{whole.length}"
    is_head = method == "HEAD"
    return StreamResponse(
        _only(b"") if is_head or first == end else whole.read(first, end),
        media_type=whole.media_type,
        headers=headers,
        status_code=206 if isinstance(wanted, ByteRange) else 200,
        is_head=is_head,
        send_limit_s=DOWNLOAD_SEND_LIMIT_S,
    )


def _without_content(status: int, headers: dict[str, str], *, is_head: bool) -> StreamResponse:
    """304 has no body; 412 and 416 say what is wrong."""
    if status == 304:
        return StreamResponse(
            _only(b""), media_type="video/mp4", headers=headers, status_code=status, is_head=is_head
        )
    detail = "no such range of bytes" if status == 416 else "it has changed meanwhile"
    body = json.dumps({"detail": detail}).encode()
    headers["content-length"] = str(len(body))
    return StreamResponse(
        _only(body),
        media_type="application/json",
        headers=headers,
        status_code=status,
        is_head=is_head,
    )


def _wanted(
    headers: Mapping[str, str], representation: Representation, method: str
) -> ByteRange | Outcome:
    asked = headers.get("range")
    if asked is None or method != "GET":
        return Outcome.WHOLE
    if (condition := headers.get("if-range")) is not None and condition != representation.etag:
        return Outcome.WHOLE
    return select_range(asked, representation.length)
