"""A stream as one endless MP4, for VLC, ffmpeg and Home Assistant."""

from collections.abc import AsyncIterator

from falconeye.hub.live_variant import Shape
from falconeye.hub.stream import StreamHub
from falconeye.hub.subscription import Ended, LiveStart
from falconeye.media.fragments import LiveFragment

_SHAPE = Shape(focused=False, audio=True)


async def live_mp4(hub: StreamHub) -> AsyncIterator[bytes]:
    """Init segment, GOP and fragments until the stream ends or needs another init segment."""
    viewer = hub.live.join(_SHAPE)
    init: bytes | None = None
    try:
        while (item := await viewer.get()) is not None:
            if isinstance(item, LiveFragment):
                yield item.data
            elif isinstance(item, LiveStart) and init is None:
                init = item.init.data
                yield init
            elif isinstance(item, LiveStart | Ended) and init is not None:
                return  # MP4 cannot go on with another init segment or time line: pull again
    finally:
        hub.live.leave(_SHAPE, viewer)
