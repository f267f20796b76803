"""The latest picture of a stream as JPEG, decoded once however many ask."""

import asyncio
from concurrent.futures import Executor

from falconeye.base.errors import Unavailable
from falconeye.hub.stream import Still, StreamHub
from falconeye.media.pictures import keyframe_to_jpeg, scale_jpeg

_MAX_HEIGHTS = 4  # sizes kept per picture


class Snapshots:
    """Stills of one hub; decodes in the pool it is given."""

    def __init__(self, hub: StreamHub, pool: Executor) -> None:
        self._hub = hub
        self._pool = pool
        self._still: object = None
        self._cache: dict[int | None, asyncio.Future[bytes]] = {}

    async def latest(self, height: int | None) -> tuple[bytes, int]:
        """(JPEG, UTC µs of the picture); Unavailable when there never was one."""
        hub = self._hub
        jpeg, still, offset_us = hub.latest_jpeg, hub.latest_still, hub.wall_offset_us
        if jpeg and offset_us is not None:
            data, arrived_us = jpeg
            if height is None:
                return data, arrived_us + offset_us
            return await self._cached(data, height, None), arrived_us + offset_us
        if last := hub.last_jpeg:
            data, taken_us = last
            return data if height is None else await self._cached(data, height, None), taken_us
        if still is None:
            msg = "the camera has not sent a picture yet"
            raise Unavailable(msg)
        return await self._cached(still.keyframe.data, height, still), still.wall_us

    async def _cached(self, key: bytes, height: int | None, still: Still | None) -> bytes:
        if self._still is not key:
            self._still = key
            self._cache = {}
        if height not in self._cache and len(self._cache) >= _MAX_HEIGHTS:
            del self._cache[next(iter(self._cache))]
        future = self._cache.get(height)
        if future is None:
            loop = asyncio.get_running_loop()
            if still:
                work = loop.run_in_executor(
                    self._pool, keyframe_to_jpeg, still.parameters, still.keyframe, height
                )
            else:
                work = loop.run_in_executor(self._pool, scale_jpeg, key, height or 0)
            future = self._cache[height] = work
        try:
            return await asyncio.shield(future)
        except ValueError as error:
            msg = "the camera's picture cannot be decoded"
            raise Unavailable(msg) from error
