"""A file that is sent here to be hashed: read once, in pieces, kept nowhere."""

import asyncio
import hashlib
import re
from contextlib import aclosing
from typing import Any, Final

from litestar import Request

from falconeye.base.errors import InvalidInput, Unavailable
from falconeye.web.streamed_form import FILE_FIELD, StreamedForm, chunks_of

Asking = Request[Any, Any, Any]

MAX_BYTES: Final = 1 << 40  # two days of 20 cameras; a sender that never ends is cut off
PIECE_BYTES: Final = 1 << 20  # hashed at once, off the loop
AT_ONCE: Final = 2  # each takes a good part of a core of a small machine
_STATE_KEY: Final = "hashed_uploads"
HASH_FIELD: Final = "sha256"
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
        async with _Turn(self), aclosing(chunks_of(request)) as chunks:
            hashing = _Hashing()
            async for chunk in chunks:
                await hashing.add(chunk)
            return await hashing.digest()

    async def hash_form(self, request: Asking) -> str:
        """The SHA-256 of the file in a posted form, or the one that was typed into it.

        The form's token stands before the file: NotAllowed without a right one. InvalidInput with
        neither file nor hash, or both that differ, BadRequest for what is no form.
        """
        hashing: _Hashing | None = None

        async def begin(_: str) -> _Hashing:
            nonlocal hashing
            hashing = _Hashing()
            return hashing

        async with _Turn(self):
            form = StreamedForm(request, begin)
            await form.read()
            return await _answer(form.fields.get(HASH_FIELD, "").strip(), hashing)

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


async def _answer(given: str, hashing: _Hashing | None) -> str:
    """The hash of the file, else the one that was typed."""
    typed = read_hash(given) if given else ""
    if hashing is None or not hashing.count:
        if typed:
            return typed
        msg = "choose a file, or give its SHA-256"
        raise InvalidInput(msg, field=FILE_FIELD)
    found = await hashing.digest()
    if typed and typed != found:  # a browser may have kept it: of which one is the answer?
        msg = f"this is not the SHA-256 of the file, which is {found}: give one of them"
        raise InvalidInput(msg, field=HASH_FIELD)
    return found


def read_hash(text: str) -> str:
    """A SHA-256 as people paste it, as 64 digits in lower case; InvalidInput."""
    found = "".join(text.split()).replace(":", "").lower()
    if not _HEX.fullmatch(found):
        msg = "sha256: a SHA-256 has 64 digits of 0–9 and a–f"
        raise InvalidInput(msg, field=HASH_FIELD)
    return found
