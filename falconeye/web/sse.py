"""`/events`: what changed, as HTML parts for the page that is open (server-sent events, htmx 4).

The first message brings everything up to date, also after a reconnect; then changes follow, at most
one message a second, each made of `<hx-partial>` elements by the renderer of the pages. Nobody
hears of a camera they may not see. Named events become DOM events of the element with
`hx-sse:connect`: `alive` comes first, and whenever nothing else came for the seconds that it
carries, so that a page notices a network that hangs; `signed-out` or `closing` comes last.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from litestar import Request, get

from falconeye.accounts.model import Action, Principal, may
from falconeye.events.bus import (
    CameraChanged,
    CameraStateChanged,
    CandidatesChanged,
    Event,
    NodesChanged,
    NoticesChanged,
    RecordingChanged,
    Subscription,
    WallsChanged,
)
from falconeye.web.open_streams import CloseReason, OpenConnection, open_connection
from falconeye.web.range_response import StreamResponse
from falconeye.web.security.access import needs, principal_of
from falconeye.web.shell import shell_of

log = logging.getLogger(__name__)

KEEP_ALIVE_S: Final = 15.0
SETTLE_S: Final = 0.05  # what happens together is told together
INTERVAL_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Changes:
    """What to render again, already narrowed to what the viewer may see."""

    everything: bool = False  # first message, or events were lost: all that the page shows
    states: frozenset[str] = frozenset()  # cameras whose state changed
    cameras: frozenset[str] = frozenset()  # cameras created, updated or deleted
    recordings: frozenset[tuple[str, str]] = frozenset()  # (camera id, recording id)
    notices: bool = False  # one of them began or ended
    candidates: bool = False  # what was found is different
    nodes: bool = False  # one of them tells something new, or is silent
    walls: bool = False  # a saved one was added, changed or deleted

    def __bool__(self) -> bool:
        seen = self.states or self.cameras or self.recordings
        others = self.notices or self.candidates or self.nodes or self.walls
        return self.everything or bool(seen or others)


Renderer = Callable[[Request[Any, Any, Any], Changes], Awaitable[str]]
"""Changes → `<hx-partial hx-target="#…" hx-swap="…">…</hx-partial>` elements, or "" for none.

The request is that of `/events`: its query says which page is open, `principal_of()` who looks.
"""

_renderers: list[Renderer] = []


def register_partials(renderer: Renderer) -> Renderer:
    """Have `renderer` asked for its parts at every change; usable as a decorator, at import."""
    if renderer not in _renderers:
        _renderers.append(renderer)
    return renderer


def visible_changes(who: Principal, events: Iterable[Event]) -> Changes:
    """The events that `who` may know of, each thing once."""
    states: set[str] = set()
    cameras: set[str] = set()
    recordings: set[tuple[str, str]] = set()
    notices = candidates = nodes = walls = False
    for event in events:
        match event:
            case CameraStateChanged(state) if may(who, Action.VIEW_LIVE, state.camera_id):
                states.add(state.camera_id)
            case CameraChanged(camera_id) if may(who, Action.VIEW_LIVE, camera_id):
                cameras.add(camera_id)
            case RecordingChanged(camera_id, recording_id) if may(
                who, Action.VIEW_FOOTAGE, camera_id
            ):
                recordings.add((camera_id, recording_id))
            case NoticesChanged(camera_id) if may(who, Action.VIEW_FOOTAGE, camera_id):
                notices = True
            case CandidatesChanged() if may(who, Action.TEST_CAMERA):
                candidates = True
            case NodesChanged() if may(who, Action.VIEW_LIVE):
                nodes = True
            case WallsChanged() if may(who, Action.VIEW_LIVE):
                walls = True
            case _:
                pass
    return Changes(
        states=frozenset(states),
        cameras=frozenset(cameras),
        recordings=frozenset(recordings),
        notices=notices,
        candidates=candidates,
        nodes=nodes,
        walls=walls,
    )


@get("/events", opt=needs(Action.VIEW_LIVE), include_in_schema=False)
async def events(request: Request[Any, Any, Any]) -> StreamResponse:
    """The stream of changes for one open page."""
    return StreamResponse(
        _messages(request, open_connection(request)),
        media_type="text/event-stream",
        headers={"cache-control": "no-store", "x-accel-buffering": "no"},
    )


async def _messages(
    request: Request[Any, Any, Any], connection: OpenConnection
) -> AsyncGenerator[bytes, None]:
    connection.says_goodbye = True
    yield b"retry: 2000\n\n"
    yield _alive()
    with shell_of(request).services.bus.subscribe() as subscription:
        changes, lost = Changes(everything=True), 0
        while connection.reason is None:
            html = await _render(request, changes) if changes else ""
            yield message(html) if html else _alive()
            not_before = asyncio.get_running_loop().time() + INTERVAL_S
            batch = await connection.run(next_batch(subscription, not_before, KEEP_ALIVE_S))
            if subscription.dropped > lost:
                changes, lost = Changes(everything=True), subscription.dropped
            else:
                changes = visible_changes(principal_of(request), batch or ())
        yield goodbye(connection.reason)


async def next_batch(
    subscription: Subscription, not_before: float, keep_alive_s: float
) -> list[Event]:
    """What happens until `not_before` (loop time) and a moment on.

    Empty when nothing does for `keep_alive_s`.
    """
    loop = asyncio.get_running_loop()
    batch: list[Event] = []
    try:
        async with asyncio.timeout(keep_alive_s):
            batch.append(await subscription.get())
        async with asyncio.timeout_at(max(loop.time() + SETTLE_S, not_before)):
            while True:
                batch.append(await subscription.get())
    except TimeoutError:
        return batch


async def _render(request: Request[Any, Any, Any], changes: Changes) -> str:
    parts: list[str] = []
    for renderer in _renderers:
        try:
            parts.append(await renderer(request, changes))
        except Exception:  # the stream lives on: the next change may render
            log.exception("a part of the page could not be rendered")
    return "".join(parts)


def message(html: str) -> bytes:
    """One unnamed message with `html` as its data (WHATWG HTML 9.2.5)."""
    return ("".join(f"data: {line}\n" for line in html.splitlines()) + "\n").encode()


def _alive() -> bytes:
    return f"event: alive\ndata: {KEEP_ALIVE_S:g}\n\n".encode()


def goodbye(reason: CloseReason) -> bytes:
    """The last message: `signed-out` or `closing`."""
    name = "signed-out" if reason is CloseReason.REVOKED else "closing"
    return f"event: {name}\ndata: {reason.value}\n\n".encode()
