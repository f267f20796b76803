"""JPEG pictures of a stream while somebody watches: the fallback for programs without MP4.

A camera's own JPEGs pass untouched. Other streams are decoded whole in one thread per feed, which
exists only while there is a watcher; overflow policy: forget all, resume at the next keyframe.
"""

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator

from typing_extensions import override

from falconeye.hub.sink import Run, SampleSink
from falconeye.hub.stream import StreamHub
from falconeye.media.fragments import InitSegment
from falconeye.media.pictures import PictureDecoder, frame_to_jpeg
from falconeye.media.runs import RunEnd
from falconeye.media.samples import AudioSample, VideoParameters, VideoSample

_PERIOD_US = 95_000  # at most 10 pictures a second
_MAX_QUEUED = 150
_POLL_S = 0.05


class _Decoder(SampleSink):
    """The sink and the thread that decodes what it takes."""

    def __init__(self, feed: "PictureFeed", name: str) -> None:
        self._feed = feed
        self._queue: deque[tuple[VideoParameters, VideoSample]] = deque()
        self._wake = threading.Condition()
        self._parameters: VideoParameters | None = None
        self._skipping = True
        self._stopping = False
        self._thread = threading.Thread(target=self._work, name=f"pictures-{name}", daemon=True)
        self._thread.start()

    @override
    def begin_run(self, run: Run) -> None:
        self._skipping = True

    @override
    def begin_init(self, init: InitSegment) -> None:
        self._parameters = init.video

    @override
    def video(self, sample: VideoSample) -> None:
        with self._wake:
            if len(self._queue) >= _MAX_QUEUED:
                self._queue.clear()
                self._skipping = True
            if self._parameters is None or (self._skipping and not sample.is_keyframe):
                return
            self._skipping = False
            self._queue.append((self._parameters, sample))
            self._wake.notify()

    @override
    def audio(self, sample: AudioSample) -> None:
        """Pictures have no sound."""

    @override
    def end_run(self, reason: RunEnd, detail: str) -> None:
        with self._wake:
            self._queue.clear()

    def stop(self) -> None:
        """End the thread; it may still finish one picture."""
        with self._wake:
            self._stopping = True
            self._wake.notify()

    def join(self) -> None:
        self._thread.join(timeout=2)

    def _work(self) -> None:
        decoder: PictureDecoder | None = None
        used: VideoParameters | None = None
        last_us = 0
        while (taken := self._take()) is not None:
            parameters, sample = taken
            if decoder is None or parameters is not used:
                decoder, used = PictureDecoder(parameters), parameters
            frames = decoder.decode(sample)
            if frames and sample.arrived_us - last_us >= _PERIOD_US:
                last_us = sample.arrived_us
                self._feed.publish(self, frame_to_jpeg(frames[-1]))

    def _take(self) -> tuple[VideoParameters, VideoSample] | None:
        with self._wake:
            while not self._queue and not self._stopping:
                self._wake.wait()
            return None if self._stopping else self._queue.popleft()


class PictureFeed:
    """Pictures of one stream for any number of watchers."""

    def __init__(self, hub: StreamHub, loop: asyncio.AbstractEventLoop) -> None:
        self._hub = hub
        self._loop = loop
        self._decoder: _Decoder | None = None
        self._picture: bytes | None = None
        self._changed = asyncio.Event()
        self.watchers = 0

    def publish(self, decoder: _Decoder, picture: bytes) -> None:
        """A new picture, from the decoder's thread."""
        try:
            self._loop.call_soon_threadsafe(self._set, decoder, picture)
        except RuntimeError:  # the loop has ended: nobody watches any more
            return

    async def pictures(self) -> AsyncIterator[bytes]:
        """JPEGs as they come (latest only), until the consumer stops."""
        self._enter()
        try:
            last: bytes | None = None
            while True:
                picture = await self._newer(last)
                if picture is not last:
                    yield picture
                last = picture
        finally:
            await self._exit()

    async def _newer(self, last: bytes | None) -> bytes:
        """A picture other than `last`; a camera's own ones are looked for 20 times a second."""
        while True:
            own = self._hub.latest_jpeg
            if own is not None and own[0] is not last:
                return own[0]
            if own is None and self._picture is not None and self._picture is not last:
                return self._picture
            self._changed.clear()
            try:
                # Nobody tells of a camera's own pictures, nor that it sends them again.
                async with asyncio.timeout(None if self._decoder else _POLL_S):
                    await self._changed.wait()
            except TimeoutError:
                continue

    def _set(self, decoder: _Decoder, picture: bytes) -> None:
        if decoder is not self._decoder:  # its last one: who comes later must not take it for new
            return
        self._picture = picture
        self._changed.set()

    def _enter(self) -> None:
        self.watchers += 1
        if self._decoder is None and self._hub.latest_jpeg is None:
            self._decoder = _Decoder(self, self._hub.camera_id)
            self._hub.sinks.add(self._decoder)

    async def _exit(self) -> None:
        self.watchers -= 1
        decoder = self._decoder
        if self.watchers or decoder is None:
            return
        self._decoder = None
        self._picture = None
        self._hub.sinks.remove(decoder, RunEnd.STOPPED_BY_USER)
        decoder.stop()
        await asyncio.to_thread(decoder.join)
