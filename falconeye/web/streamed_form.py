"""A form with files too large to be held: its fields are kept, the files' pieces handed on."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, Final, Protocol

from litestar import Request
from multipart import (  # type: ignore[import-untyped]
    MultipartError,
    MultipartSegment,
    PushMultipartParser,
)

from falconeye.base.errors import BadRequest, Unavailable
from falconeye.web.security.csrf import CSRF_FIELD, CSRF_HEADER, needs_csrf, require_csrf

Asking = Request[Any, Any, Any]

IDLE_S: Final = 60.0
LEAST_BYTES: Final = 1 << 20  # within that time: a file that only trickles would hold its turn
FILE_FIELD: Final = "file"
_MAX_FIELD_BYTES: Final = 4096
_MAX_FIELDS: Final = 8


class PieceTaker(Protocol):
    """Who takes a file's pieces, in order; what it raises ends the reading."""

    async def add(self, piece: bytes | bytearray, /) -> None: ...


class StreamedForm:
    """What comes of a form while it is read.

    `begin` is asked when a file (field `file`) begins, with its name; the fields before it are in
    `fields` then. The form's token stands before the file: NotAllowed without a right one.
    """

    def __init__(
        self,
        request: Asking,
        begin: Callable[[str], Awaitable[PieceTaker]],
        *,
        max_files: int = 1,
        max_fields: int = _MAX_FIELDS,
    ) -> None:
        self.fields: dict[str, str] = {}  # as sent; without the token
        self._request = request
        self._begin = begin
        self._max_files = self._files_left = max_files
        self._max_fields = max_fields
        given = request.headers.get(CSRF_HEADER)
        if given is not None:
            require_csrf(request, given)
        self._is_ours = given is not None or not needs_csrf(request)
        self._name = ""
        self._text = bytearray()
        self._taker: PieceTaker | None = None

    async def read(self) -> None:
        """To its end. BadRequest for what is no form, Unavailable when it stops coming."""
        kind, options = self._request.content_type
        boundary = options.get("boundary", "")
        if kind != "multipart/form-data" or not boundary:
            msg = "this is no form with a file"
            raise BadRequest(msg)
        try:
            async with aclosing(chunks_of(self._request)) as chunks:
                with PushMultipartParser(boundary, max_segment_count=self._max_fields) as parser:
                    async for chunk in chunks:
                        for event in parser.parse(chunk):
                            await self._take(event)
        except MultipartError as error:  # ParserError, or one of its limits
            msg = "the form cannot be read"
            raise BadRequest(msg) from error
        self._require_token()

    async def _take(self, event: Any) -> None:
        """A head, bytes, or None at the end of a field."""
        if isinstance(event, MultipartSegment):
            self._name, self._text = event.name or "", bytearray()
            if self._name == FILE_FIELD and event.filename:
                self._require_token()
                if not self._files_left:
                    msg = "these are too many files"
                    raise BadRequest(msg if self._max_files > 1 else "one file at a time")
                self._files_left -= 1
                self._taker = await self._begin(event.filename)
        elif event is None:
            self._end()
        elif self._name == FILE_FIELD:
            if self._taker is not None:
                await self._taker.add(event)
        elif len(self._text) + len(event) <= _MAX_FIELD_BYTES:
            self._text += event
        else:
            msg = "a field of the form is too long"
            raise BadRequest(msg)

    def _end(self) -> None:
        text = self._text.decode("utf-8", "replace")
        if self._name == CSRF_FIELD:
            require_csrf(self._request, text.strip())
            self._is_ours = True
        elif self._name != FILE_FIELD:
            self.fields[self._name] = text

    def _require_token(self) -> None:
        if not self._is_ours:
            require_csrf(self._request, None)


async def chunks_of(request: Asking) -> AsyncGenerator[bytes, None]:
    """The body, as it comes; Unavailable when nothing, or next to nothing, comes for long."""
    stream, loop = request.stream(), asyncio.get_running_loop()
    come_bytes, until_s = 0, loop.time() + IDLE_S
    while True:
        try:
            async with asyncio.timeout_at(until_s):
                chunk = await anext(stream, None)
        except TimeoutError:
            msg = "the file stopped coming"
            raise Unavailable(msg) from None
        if chunk is None:
            return
        come_bytes += len(chunk)
        if come_bytes >= LEAST_BYTES:
            come_bytes, until_s = 0, loop.time() + IDLE_S
        yield chunk
