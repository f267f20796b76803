"""A file that is sent here to be hashed: read once, in pieces, kept nowhere."""

import asyncio
import hashlib
import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Final

from litestar import Request
from multipart import (  # type: ignore[import-untyped]
    MultipartError,
    MultipartSegment,
    PushMultipartParser,
)

from falconeye.base.errors import BadRequest, InvalidInput, Unavailable
from falconeye.web.security.csrf import CSRF_FIELD, CSRF_HEADER, needs_csrf, require_csrf

Asking = Request[Any, Any, Any]

MAX_BYTES: Final = 1 << 40  # two days of 20 cameras; a sender that never ends is cut off
PIECE_BYTES: Final = 1 << 20  # hashed at once, off the loop
IDLE_S: Final = 60.0
LEAST_BYTES: Final = 1 << 20  # within that time: a file that only trickles would hold its turn
AT_ONCE: Final = 2  # each takes a good part of a core of a small machine
_STATE_KEY: Final = "hashed_uploads"
FILE_FIELD: Final = "file"
HASH_FIELD: Final = "sha256"
_MAX_FIELD_BYTES: Final = 4096
_HEX: Final = re.compile(r"[0-9a-f]{64}")


def uploads_of(request: Asking) -> "Uploads":
    """Those of the application."""
    found: Uploads = request.app.state.setdefault(_STATE_KEY, Uploads())
    return found


class Uploads:
    """How many are hashed now. Lives on the loop."""

    def __init__(self) -> None:
        self._now = 0

    async def hash_body(self, request: Asking) -> str:
        """The SHA-256 of the request's body; Unavailable when too many are sent at once."""
        async with _Turn(self), aclosing(_chunks(request)) as chunks:
            hashing = _Hashing()
            async for chunk in chunks:
                await hashing.add(chunk)
            return await hashing.digest()

    async def hash_form(self, request: Asking) -> str:
        """The SHA-256 of the file in a posted form, or the one that was typed into it.

        The form's token stands before the file: NotAllowed without a right one. InvalidInput with
        neither file nor hash, or both that differ, BadRequest for what is no form.
        """
        async with _Turn(self), aclosing(_chunks(request)) as chunks:
            boundary = request.content_type[1].get("boundary", "")
            if request.content_type[0] != "multipart/form-data" or not boundary:
                msg = "this is no form with a file"
                raise BadRequest(msg)
            form = _Form(request)
            try:
                with PushMultipartParser(boundary, max_segment_count=8) as parser:
                    async for chunk in chunks:
                        for event in parser.parse(chunk):
                            await form.take(event)
            except MultipartError as error:  # ParserError, or one of its limits
                msg = "the form cannot be read"
                raise BadRequest(msg) from error
            return await form.answer()

    def begin(self) -> None:
        if self._now >= AT_ONCE:
            msg = "other files are being checked: try again in a moment, or give the SHA-256"
            raise Unavailable(msg)
        self._now += 1

    def end(self) -> None:
        self._now -= 1


class _Turn:
    """One of the few that are hashed at once."""

    def __init__(self, uploads: Uploads) -> None:
        self._uploads = uploads

    async def __aenter__(self) -> None:
        self._uploads.begin()

    async def __aexit__(self, *_: object) -> None:
        self._uploads.end()


class _Form:
    """What comes of a form while it is read."""

    def __init__(self, request: Asking) -> None:
        self._request = request
        given = request.headers.get(CSRF_HEADER)
        if given is not None:
            require_csrf(request, given)
        self._is_ours = given is not None or not needs_csrf(request)
        self._name = ""
        self._text = bytearray()
        self._typed = ""
        self._hashing: _Hashing | None = None

    async def take(self, event: Any) -> None:
        """A head, bytes, or None at the end of a field."""
        if isinstance(event, MultipartSegment):
            self._name, self._text = event.name or "", bytearray()
            if self._name == FILE_FIELD and event.filename:
                self._require_token()
                self._hashing = _Hashing()
        elif event is None:
            self._end()
        elif self._name == FILE_FIELD:
            if self._hashing is not None:
                await self._hashing.add(event)
        elif len(self._text) + len(event) <= _MAX_FIELD_BYTES:
            self._text += event
        else:
            msg = "a field of the form is too long"
            raise BadRequest(msg)

    async def answer(self) -> str:
        self._require_token()
        typed = read_hash(self._typed) if self._typed else ""
        if self._hashing is None or not self._hashing.count:
            if typed:
                return typed
            msg = "choose a file, or give its SHA-256"
            raise InvalidInput(msg, field=FILE_FIELD)
        found = await self._hashing.digest()
        if typed and typed != found:  # a browser may have kept it: of which one is the answer?
            msg = f"this is not the SHA-256 of the file, which is {found}: give one of them"
            raise InvalidInput(msg, field=HASH_FIELD)
        return found

    def _end(self) -> None:
        text = self._text.decode("utf-8", "replace").strip()
        if self._name == CSRF_FIELD:
            require_csrf(self._request, text)
            self._is_ours = True
        elif self._name == HASH_FIELD:
            self._typed = text

    def _require_token(self) -> None:
        if not self._is_ours:
            require_csrf(self._request, None)


class _Hashing:
    """Gathers pieces and hashes them off the loop."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._waiting = bytearray()
        self.count = 0

    async def add(self, chunk: bytes | bytearray) -> None:
        self._waiting += chunk
        self.count += len(chunk)
        if len(self._waiting) >= PIECE_BYTES:
            piece, self._waiting = self._waiting, bytearray()
            await asyncio.to_thread(self._hash.update, piece)

    async def digest(self) -> str:
        self._hash.update(self._waiting)
        return self._hash.hexdigest()


def read_hash(text: str) -> str:
    """A SHA-256 as people paste it, as 64 digits in lower case; InvalidInput."""
    found = "".join(text.split()).replace(":", "").lower()
    if not _HEX.fullmatch(found):
        msg = "sha256: a SHA-256 has 64 digits of 0–9 and a–f"
        raise InvalidInput(msg, field=HASH_FIELD)
    return found


async def _chunks(request: Asking) -> AsyncGenerator[bytes, None]:
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
