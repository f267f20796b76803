"""JPEGs of recorded keyframes: for scrubbing, and for browsers that cannot play the footage."""

import asyncio
import os
from collections import OrderedDict
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial

from falconeye.base.errors import Unavailable
from falconeye.media.boxes import BadBox
from falconeye.media.samples import StreamKind
from falconeye.media.stored_pictures import keyframe_of, stored_keyframe_to_jpeg
from falconeye.storage.reading.playback import Beside, Playback, StoredKeyframe

MAX_KEPT = 32
MAX_WAITING = 16  # who drags through an hour asks for more than can be decoded: refused

_Key = tuple[str, str, int | None]


@dataclass(frozen=True, slots=True)
class FootageStill:
    """A picture, when it was taken, and its identity."""

    jpeg: bytes
    at_us: int
    key: str


class FootageStills:
    """Decodes in the pool it is given, each picture once however many ask; keeps the last ones."""

    def __init__(self, playback: Playback, pool: Executor) -> None:
        self._playback = playback
        self._pool = pool
        self._known: OrderedDict[_Key, asyncio.Future[bytes]] = OrderedDict()
        self._waiting = 0

    async def at(
        self,
        camera_id: str,
        kind: StreamKind,
        at_us: int,
        height: int | None,
        beside: Beside | None = None,
    ) -> FootageStill:
        """The keyframe at or before `at_us`; NotFound in a hole, Unavailable when too many ask.

        `beside`: that one instead, however far; NotFound where there is none.
        """
        found = (
            await self._playback.keyframe(camera_id, kind, at_us)
            if beside is None
            else await self._playback.keyframe_beside(camera_id, kind, at_us, beside)
        )
        key = (camera_id, found.key, height)
        if key not in self._known and self._waiting >= MAX_WAITING:
            msg = "too many pictures of footage are asked for at once"
            raise Unavailable(msg)
        self._waiting += 1
        try:
            jpeg = await self._jpeg(key, found, height)
        finally:
            self._waiting -= 1
        return FootageStill(jpeg, found.at_us, f"{found.key}-{height or 0}")

    async def _jpeg(self, key: _Key, found: StoredKeyframe, height: int | None) -> bytes:
        if key not in self._known:
            threads = found.file.source.threads
            try:
                data = await threads.run(partial(_read, found))
            except OSError as error:
                msg = "this footage is not there any more, or its disk cannot read it"
                raise Unavailable(msg) from error
            except BadBox as error:
                msg = "this footage is damaged"
                raise Unavailable(msg) from error
            if key not in self._known:  # somebody else may have come first
                self._decode(key, found.init, data, height)
        picture = self._known[key]
        self._known.move_to_end(key)
        try:
            return await asyncio.shield(picture)
        except ValueError as error:
            msg = "this footage cannot be decoded"
            raise Unavailable(msg) from error

    def _decode(self, key: _Key, init: bytes, data: bytes, height: int | None) -> None:
        loop = asyncio.get_running_loop()
        picture = loop.run_in_executor(self._pool, stored_keyframe_to_jpeg, init, data, height)
        picture.add_done_callback(partial(self._decoded, key))
        self._known[key] = picture
        while len(self._known) > MAX_KEPT:
            self._known.popitem(last=False)

    def _decoded(self, key: _Key, picture: "asyncio.Future[bytes]") -> None:
        failed = picture.cancelled() or picture.exception() is not None
        if failed and self._known.get(key) is picture:
            del self._known[key]


def _read(found: StoredKeyframe) -> bytes:
    """The keyframe's bytes; on the volume's reader threads."""
    fd = found.file.source.open()
    try:
        data = os.pread(fd, found.size_bytes, found.offset)
    finally:
        os.close(fd)
    if len(data) < found.size_bytes:
        msg = "the file is shorter than it was"
        raise OSError(msg)
    return keyframe_of(found.init, data)
