"""The bus: publish on the loop, subscribe with a bounded queue whose overflow is named."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from falconeye.events.camera_state import CameraState

QUEUE_EVENTS = 256


@dataclass(frozen=True, slots=True)
class CameraChanged:
    """A camera was created, updated or deleted."""

    camera_id: str
    kind: str  # created | updated | deleted


@dataclass(frozen=True, slots=True)
class CameraStateChanged:
    """A camera's state is now `state`."""

    state: CameraState


@dataclass(frozen=True, slots=True)
class StreamsChanged:
    """A stream of the camera came or went."""

    camera_id: str


@dataclass(frozen=True, slots=True)
class RecordingChanged:
    """A recording began, grew by a segment, ended or was deleted."""

    camera_id: str
    recording_id: str
    kind: str  # started | grown | ended | deleted


@dataclass(frozen=True, slots=True)
class CameraHappened:
    """Something happened at a camera and is over (UTC µs), or a piece of what lasts is."""

    camera_id: str
    kind: str  # a word: motion, tamper, digital_input, relay, or what a program told
    at_us: int
    until_us: int


@dataclass(frozen=True, slots=True)
class NoticesChanged:
    """A notice about the camera began or ended."""

    camera_id: str


@dataclass(frozen=True, slots=True)
class CandidatesChanged:
    """What was found is different from before."""


@dataclass(frozen=True, slots=True)
class NodesChanged:
    """A node tells other things of itself than before, came, or cannot be reached."""


@dataclass(frozen=True, slots=True)
class WallsChanged:
    """A saved wall was added, changed or deleted."""


Event = (
    CandidatesChanged
    | CameraChanged
    | CameraHappened
    | CameraStateChanged
    | StreamsChanged
    | RecordingChanged
    | NodesChanged
    | NoticesChanged
    | WallsChanged
)


class Subscription:
    """Events since the subscription; overflow policy: drop the oldest and say so in `dropped`."""

    def __init__(self) -> None:
        self._events: deque[Event] = deque(maxlen=QUEUE_EVENTS)
        self._ready = asyncio.Event()
        self.dropped = 0

    def put(self, event: Event) -> None:
        if len(self._events) == QUEUE_EVENTS:
            self.dropped += 1
        self._events.append(event)
        self._ready.set()

    async def get(self) -> Event:
        """The next event; waits for one."""
        while not self._events:
            self._ready.clear()
            await self._ready.wait()
        return self._events.popleft()

    async def __aiter__(self) -> AsyncIterator[Event]:
        while True:
            yield await self.get()


class EventBus:
    """Fan-out on the loop; `publish` never waits. From a thread: `loop.call_soon_threadsafe`."""

    def __init__(self) -> None:
        self._subscriptions: set[Subscription] = set()

    def publish(self, event: Event) -> None:
        for subscription in self._subscriptions:
            subscription.put(event)

    @contextmanager
    def subscribe(self) -> Iterator[Subscription]:
        """Events from now on, until the context ends."""
        subscription = Subscription()
        self._subscriptions.add(subscription)
        try:
            yield subscription
        finally:
            self._subscriptions.discard(subscription)
