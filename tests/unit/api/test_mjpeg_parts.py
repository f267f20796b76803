"""Multipart pictures: each shows at once, and no still passes for live."""

import asyncio
from collections.abc import AsyncGenerator

from falconeye.web.api.media import mjpeg_parts


class Feed:
    """Pictures, then silence."""

    def __init__(self, *pictures: bytes) -> None:
        self._pictures = pictures
        self.closed = 0

    async def pictures(self) -> AsyncGenerator[bytes, None]:
        try:
            for picture in self._pictures:
                yield picture
            await asyncio.Event().wait()
        finally:
            self.closed += 1


async def test_every_part_brings_the_delimiter_that_ends_it() -> None:
    feed = Feed(b"one", b"three")
    parts = [part async for part in mjpeg_parts(feed.pictures(), idle_limit_s=0.01)]
    assert parts == [
        b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: 3\r\n\r\none\r\n--frame\r\n",
        b"Content-Type: image/jpeg\r\nContent-Length: 5\r\n\r\nthree\r\n--frame\r\n",
    ]
    assert feed.closed == 1


async def test_a_viewer_that_stops_closes_the_feed() -> None:
    feed = Feed(b"one", b"two")
    parts = mjpeg_parts(feed.pictures())
    assert (await anext(parts)).endswith(b"one\r\n--frame\r\n")
    await parts.aclose()
    assert feed.closed == 1
