"""What happens at a camera: told by programs, kept on its time line, recorded in event mode."""

import asyncio
from typing import Annotated, Any

from litestar import Controller, Request, get, post
from litestar.params import JSONBody
from pydantic import BaseModel, ConfigDict, Field

from falconeye.accounts.model import Action
from falconeye.base.times import DAY_US, SECOND_US, rfc3339
from falconeye.events.bus import CameraHappened
from falconeye.storage.stores.event_store import MAX_LENGTH_US, CameraEvent
from falconeye.web.api.documentation import documented
from falconeye.web.api.parameters import CameraId, From, To, read_span
from falconeye.web.live_audit import note_told
from falconeye.web.peers.events import gather
from falconeye.web.peers.lists import Gathered, OfNode
from falconeye.web.shell import shell_of

Asking = Request[Any, Any, Any]


class EventInput(BaseModel):
    """Something that begins now."""

    model_config = ConfigDict(strict=True, extra="forbid")

    kind: Annotated[
        str, Field(pattern=r"^[a-z][a-z0-9_.-]{0,49}$", description="a word such as doorbell")
    ]
    label: Annotated[str, Field(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")] = ""
    duration_s: Annotated[
        int,
        Field(ge=0, le=MAX_LENGTH_US // SECOND_US, description="how long it lasts; 0: a moment"),
    ] = 0


class EventAnswer(BaseModel):
    """Something that happened."""

    at: str
    until: str
    kind: str
    label: str

    @classmethod
    def of(cls, event: CameraEvent) -> "EventAnswer":
        at, until = rfc3339(event.at_us), rfc3339(event.until_us)
        return cls(at=at, until=until, kind=event.kind, label=event.label)


class EventTaken(EventAnswer):
    """It is noted; and whether it is recorded, else why not.

    Of a camera that is away (`camera_offline`) what it sent before is recorded, if that is held.
    """

    recorded: bool
    recording_id: str | None
    reason: str


class ListedEvent(EventAnswer):
    """Something that happened, and the node that noted it."""

    node_name: str
    node_id: str

    @classmethod
    def told(cls, told: OfNode[CameraEvent]) -> "ListedEvent":
        event = EventAnswer.of(told.row).model_dump()
        return cls(**event, node_name=told.node_name, node_id=told.node_id)


class EventList(BaseModel):
    """Of all nodes, in the order of time.

    `unreachable_nodes`: the names of nodes whose events are not among them.
    """

    events: list[ListedEvent]
    unreachable_nodes: list[str]


class EventController(Controller):
    """`/api/cameras/{id}/events`."""

    path = "/api/cameras/{camera_id:str}/events"
    tags = ("Events",)

    @post(
        "/",
        status_code=201,
        **documented(
            Action.CONTROL,
            "Something happens now. A camera that records events records it, with what was before "
            "it and what comes after; one more event meanwhile makes that recording longer",
            404,
            409,
            422,
            503,
        ),
    )
    async def add_event(
        self, request: Asking, camera_id: CameraId, data: JSONBody[EventInput]
    ) -> EventTaken:
        services = shell_of(request).services
        now_us = services.clock.utc_us()
        length_us = data.duration_s * SECOND_US
        recorded, reason = await services.cameras.event(camera_id, length_us)
        event = CameraEvent(camera_id, now_us, now_us + length_us, data.kind, data.label.strip())
        await services.events.add(event)
        services.bus.publish(CameraHappened(camera_id, event.kind, event.at_us, event.until_us))
        await note_told(request, camera_id, event.kind)
        return EventTaken(
            **EventAnswer.of(event).model_dump(),
            recorded=recorded,
            recording_id=services.cameras.get(camera_id).recording_id if recorded else None,
            reason=reason,
        )

    @get(
        "/",
        **documented(
            Action.VIEW_FOOTAGE,
            "What happened. Without `from` the last day before `to`; without `to` up to now",
            404,
            422,
        ),
    )
    async def list_events(
        self, request: Asking, camera_id: CameraId, from_time: From = None, to_time: To = None
    ) -> EventList:
        services = shell_of(request).services
        _ = services.cameras.get(camera_id)
        span = read_span(from_time, to_time, services.stored_settings.zone)
        to_us = services.clock.utc_us() if span.to_us is None else span.to_us
        from_us = to_us - DAY_US if span.from_us is None else span.from_us
        found = await gather(request, camera_id, from_us, to_us)
        # Thousands of times as text take a while.
        return await asyncio.to_thread(_listed, found)


def _listed(found: Gathered[CameraEvent]) -> EventList:
    return EventList(
        events=[ListedEvent.told(each) for each in found.rows],
        unreachable_nodes=list(found.silent),
    )
