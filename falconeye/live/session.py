"""One live viewer: offers what there is, sends what is chosen, goes on after each interruption.

Text messages are JSON. To the viewer: `offer` (streams with their codec strings), `offline`
(reason, and when the last picture that can be had was taken), `hello` (then binary: init segment,
GOP, fragments), `dropped`, `keepalive`, `closing`.
From the viewer: `choose`, at any time and again.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from falconeye.base.errors import InvalidInput
from falconeye.base.tasks import TaskSet
from falconeye.events.bus import CameraStateChanged, EventBus, StreamsChanged, Subscription
from falconeye.events.camera_state import CameraState, ReasonCode
from falconeye.hub.live_variant import Shape
from falconeye.hub.stream import StreamHub
from falconeye.hub.subscription import (
    Dropped,
    Ended,
    Item,
    LiveStart,
    LiveSubscription,
    Note,
)
from falconeye.media.fragments import InitSegment
from falconeye.media.samples import StreamKind

KEEPALIVE_S = 20.0


class LiveSession:
    """A viewer of one camera; `messages()` and `choose()` run on the loop."""

    def __init__(
        self,
        camera_id: str,
        hubs: Mapping[StreamKind, StreamHub],
        state: Callable[[], CameraState],
        bus: EventBus,
        on_close: Callable[["LiveSession"], None] = lambda _session: None,
    ) -> None:
        """`on_close` is called once, when whoever made the session need not keep it any more."""
        self._camera_id = camera_id
        self._hubs = hubs
        self._state = state
        self._bus = bus
        self._on_close = on_close
        self._tasks = TaskSet(f"live-{camera_id}")
        self._box = LiveSubscription()
        self._joined: tuple[StreamHub, Shape] | None = None
        self._offered: list[dict[str, object]] = []
        self._closed = False

    async def messages(self) -> AsyncIterator[str | bytes]:
        """What to send, until `close()`: text is JSON, bytes are media."""
        with self._bus.subscribe() as events:  # before the state is read: nothing is missed
            _ = self._tasks.start(self._watch(events), "watch")
            try:
                self._box.note(self._opening())
                while not self._closed:
                    try:
                        item = await self._next(self._box)
                    except TimeoutError:
                        yield json.dumps({"type": "keepalive"})
                        continue
                    for message in self._render(item) if item else ():
                        yield message
            finally:
                self._leave()
                await self._tasks.stop()

    def choose(self, request: Mapping[str, Any]) -> None:
        """Take the viewer's choice; InvalidInput for anything but a valid `choose` message."""
        if self._closed:  # by the camera's side; the viewer does not know it yet
            return
        if request.get("type") != "choose":
            msg = "expected a message of type 'choose'"
            raise InvalidInput(msg)
        hub = self._hubs.get(_stream_kind(request.get("stream")))
        if hub is None:
            msg = f"this camera has no stream {request.get('stream')!r}"
            raise InvalidInput(msg)
        shape = Shape(
            focused=request.get("focused") is True,
            audio=request.get("audio") is True,
        )
        self._leave()
        self._joined = (hub, shape)
        self._box = hub.live.join(shape)
        if not self._is_fed():  # it ended while the choice was on its way
            self._box.note(self._offline())

    def close(self) -> None:
        """End `messages()`; harmless when it has ended."""
        if self._closed:
            return
        self._closed = True
        self._leave()
        self._box.close()
        self._on_close(self)

    @staticmethod
    async def _next(box: LiveSubscription) -> Item | None:
        if box.has_items:
            return await box.get()
        async with asyncio.timeout(KEEPALIVE_S):
            return await box.get()

    def _leave(self) -> None:
        box, self._box = self._box, LiveSubscription()
        box.close()
        if self._joined:
            hub, shape = self._joined
            self._joined = None
            hub.live.leave(shape, box)

    def _render(self, item: Item) -> list[str | bytes]:
        if isinstance(item, LiveStart):
            return [self._hello(item), item.init.data]
        if isinstance(item, Note):
            return [item.text]
        if isinstance(item, Dropped):
            return [json.dumps({"type": "dropped", "fragments": item.fragments})]
        if isinstance(item, Ended):
            return [self._offline(item.reason)]
        return [item.data]

    def _hello(self, start: LiveStart) -> str:
        kind = self._joined[0].kind if self._joined else StreamKind.MAIN
        return json.dumps(
            {
                "type": "hello",
                "stream": kind.value,
                "mime": start.init.mime_type,
                "width": start.init.video.width,
                "height": start.init.video.height,
                "wall_us": start.wall_us,
                "media_90k": 0,
                "audio": start.init.audio is not None,
            }
        )

    def _opening(self) -> str:
        self._offered = self._streams()
        if not self._offered:
            return self._offline()
        return json.dumps({"type": "offer", "streams": self._offered})

    def _is_fed(self) -> bool:
        """Whether the stream that was chosen runs."""
        return self._joined is not None and self._joined[0].live.inits[0] is not None

    def _streams(self) -> list[dict[str, object]]:
        """What can be watched now."""
        return [
            _offer(kind, init, has_audio=hub.audio_parameters is not None)
            for kind, hub in self._hubs.items()
            if (init := hub.live.inits[0]) is not None
        ]

    def _offline(self, ended: str = "") -> str:
        """Why nothing comes; a camera that is online has no reason but that its stream `ended`."""
        state = self._state()
        code, reason = state.reason_code, state.reason
        if state.online and ended:
            code, reason = ReasonCode.RECONNECTING, ended
        taken = [hub.last_picture_us for hub in self._hubs.values()]
        is_paused = code is ReasonCode.PAUSED
        last_us = None if is_paused else max((us for us in taken if us is not None), default=None)
        told = {"type": "offline", "reason_code": code.value, "reason": reason}
        return json.dumps(told if last_us is None else told | {"picture_us": last_us})

    async def _watch(self, events: Subscription) -> None:
        """Tell changed reasons while there is no stream, and offer each change of the streams."""
        while True:
            event = await events.get()
            if isinstance(event, CameraStateChanged):
                is_ours = event.state.camera_id == self._camera_id
                # Who watches a stream hears of its end from the hub, in the order of its pictures.
                if is_ours and not event.state.online and not self._is_fed():
                    self._box.note(self._offline())
            elif isinstance(event, StreamsChanged) and event.camera_id == self._camera_id:
                streams = self._streams()
                if not streams:  # what comes back is offered again, even if it is the same
                    self._offered = []
                elif streams != self._offered:
                    self._box.note(self._opening())


def _offer(kind: StreamKind, init: InitSegment, *, has_audio: bool) -> dict[str, object]:
    return {
        "stream": kind.value,
        "codecs": init.codecs,
        "width": init.video.width,
        "height": init.video.height,
        "audio": has_audio,
    }


def _stream_kind(value: object) -> StreamKind:
    try:
        return StreamKind(str(value))
    except ValueError:
        msg = f"no such stream: {value!r}"
        raise InvalidInput(msg) from None
