"""A camera's time: where there is footage, and why there is none elsewhere (api.md)."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Annotated, Any

from litestar import Controller, Request, delete, get
from litestar.params import QueryParameter
from pydantic import BaseModel
from typing_extensions import TypedDict

from falconeye.accounts.model import Action
from falconeye.base.errors import InvalidInput
from falconeye.base.times import DAY_US, SECOND_US, rfc3339
from falconeye.jobs.exporting import export_of, request_of
from falconeye.storage.ledger.clocks import ClockCorrection
from falconeye.storage.ledger.coverage import GapReason, merge_spans
from falconeye.storage.ledger.seams import ClockSeam
from falconeye.storage.reading.cluster_timeline import ClusterTimeline, NodeSpan, UntoldGap
from falconeye.storage.reading.timeline import Timeline
from falconeye.storage.stores.event_store import CameraEvent
from falconeye.storage.stores.job_store import Job
from falconeye.web import languages, timelines
from falconeye.web.api.camera_events import EventAnswer
from falconeye.web.api.documentation import documented
from falconeye.web.api.parameters import CameraId, From, To, read_span
from falconeye.web.api.recording_models import GapAnswer, gap_answer
from falconeye.web.own_protections import Kept
from falconeye.web.peers.footage import delete_everywhere
from falconeye.web.peers.noted import noted
from falconeye.web.shell import shell_of
from falconeye.web.untold_words import untold_words

Asking = Request[Any, Any, Any]
MAX_SPAN_US = 366 * DAY_US

SpanAnswer = TypedDict(
    "SpanAnswer",
    {
        "from": str,
        "to": str,
        "node": str,
        "nodes": list[str],
        "reachable": bool,
        "stream": str,
        "kind": str | None,
    },
)
HeldAnswer = TypedDict("HeldAnswer", {"from": str, "to": str})
UntoldAnswer = TypedDict(
    "UntoldAnswer",
    {
        "from": str,
        "to": str,
        "reason": str,
        "detail": str,
        "node": str,
        "unreachable_since": str | None,
        "holds": list[HeldAnswer],
    },
)
TimelineAnswer = TypedDict(
    "TimelineAnswer",
    {
        "camera_id": str,
        "from": str,
        "to": str,
        "nodes": list["TimelineNode"],
        "spans": list[SpanAnswer],
        "ahead": list[SpanAnswer],
        "gaps": list[GapAnswer | UntoldAnswer],
        "events": list["EventAnswer | ClockCorrected | ClockSet | Protected | TimelineEvent"],
    },
)


class TimelineNode(BaseModel):
    """A node of the cluster, as `nodes` of a span name it; `unreachable_since`: nobody hears it."""

    id: str
    name: str
    unreachable_since: str | None


class TimelineEvent(BaseModel):
    """Something of a stretch of time.

    `recorded_twice`: there is footage of before and of after the node's clock was set back. It
    plays in the order in which it was recorded; a moment of it is that of the first time.
    """

    at: str
    kind: str
    to: str


class ClockCorrected(TimelineEvent):
    """`clock_corrected`: in that time the node's clock was wrong by `clock_offset_s`.

    Negative: behind. NTP set it, and the footage of that time was given its right times.
    """

    clock_offset_s: float


class ClockSet(TimelineEvent):
    """`clock_set`: the node's clock showed `at` and was set to `to`, by `step_s`.

    Negative: back. What was recorded before keeps its times.
    """

    step_s: float


class Protected(TimelineEvent):
    """`protected`: nothing is deleted that has any of it, until somebody takes that away.

    It may begin before what was asked for, and end after it. A protected recording has its
    `recording_id`, and `by` is null: nobody noted who protected it.
    """

    by: str | None
    reason: str
    recording_id: str | None


class ExportOfTime(BaseModel):
    """An export that has some of the time, and stays. `file_name`: null while it is not made."""

    job_id: str
    state: str
    file_name: str | None
    asked_from: str
    asked_to: str

    @classmethod
    def of(cls, job: Job) -> "ExportOfTime":
        asked, made = request_of(job), export_of(job)
        return cls(
            job_id=job.id,
            state=job.state.value,
            file_name=None if made is None else made.file_name,
            asked_from=rfc3339(asked.from_us),
            asked_to=rfc3339(asked.to_us),
        )


class NotDeleted(BaseModel):
    """A node whose footage of the time may still be there, and why."""

    node_name: str
    reason: str


class FootageDeleted(BaseModel):
    """How many files went on all nodes, and how many stay because they are protected.

    `exports` of that time stay, too; of those beyond what you may see, `other_exports` is the
    number.
    """

    message: str
    deleted: int
    kept: int
    exports: list[ExportOfTime]
    other_exports: int
    not_deleted: list[NotDeleted]


class TimelineController(Controller):
    """`/api/cameras/{id}/timeline` and `…/footage`."""

    path = "/api/cameras/{camera_id:str}"
    tags = ("Recordings",)

    @get(
        "/timeline",
        **documented(
            Action.VIEW_FOOTAGE,
            "Where there is footage of a camera, and why there is none elsewhere. Spans are listed "
            "by stream, with the ids of the `nodes` that have them (`node`: the name of the first; "
            "`reachable`: one of them is heard now); gaps are what neither stream of any node "
            "covers. A gap with a `node` is not known yet: that node has not told of the time, "
            "and was heard last at `unreachable_since`; what it `holds` of the time that was asked "
            "for it told before. `to` is when the answer ends: now at the latest. What is dated "
            "later, because a clock was ahead, stands in `ahead`. Without `from` it is the last "
            "day; at most 366 days",
            404,
            422,
        ),
    )
    async def timeline(
        self, request: Asking, camera_id: CameraId, from_time: From = None, to_time: To = None
    ) -> TimelineAnswer:
        services = shell_of(request).services
        camera = services.cameras.get(camera_id)
        span = read_span(from_time, to_time, services.stored_settings.zone)
        to_us = services.clock.utc_us() if span.to_us is None else span.to_us
        from_us = to_us - DAY_US if span.from_us is None else span.from_us
        if to_us < from_us:
            raise InvalidInput("to: lies before from", field="to")
        if to_us - from_us > MAX_SPAN_US:
            raise InvalidInput("from: more than 366 days before to", field="from")
        from_us = max(from_us, camera.config.created_at_us)
        found = await timelines.read(request.app, services, camera.config, from_us, to_us)
        events, kept = await noted(request, camera_id, from_us, to_us)
        names = timelines.node_names(request.app, services)
        shown = _Shown(names, services.node_id, services.stored_settings.zone)
        languages.speak(request)  # why nothing was recorded
        # Thousands of times as text take a while.
        return await asyncio.to_thread(_answer, camera_id, shown, found, events, kept)

    @delete(
        "/footage",
        status_code=200,
        **documented(
            Action.DELETE_FOOTAGE,
            "Delete the footage of a time on all nodes, both streams. Files go whole, so up to a "
            "minute more on either side; what is protected stays, and so do exports. The timeline "
            "says who did it, and why. Where a node did not delete its part, `not_deleted` has it",
            404,
            409,
            422,
        ),
    )
    async def delete_footage(
        self,
        request: Asking,
        camera_id: CameraId,
        reason: Annotated[str, QueryParameter(min_length=1, max_length=200)],
        from_time: From = None,
        to_time: To = None,
    ) -> FootageDeleted:
        services = shell_of(request).services
        _ = services.cameras.get(camera_id)
        span = read_span(from_time, to_time, services.stored_settings.zone)
        done, others = await delete_everywhere(request, camera_id, span.from_us, span.to_us, reason)
        return FootageDeleted(
            message="footage deleted",
            deleted=done.files + sum(one.files for one in others),
            kept=done.kept + sum(one.kept for one in others),
            exports=[ExportOfTime.of(job) for job in (*done.left.unmade, *done.left.made)],
            other_exports=done.left.unseen,
            not_deleted=[
                NotDeleted(node_name=one.node_name, reason=one.problem)
                for one in others
                if one.problem
            ],
        )


@dataclass(frozen=True, slots=True)
class _Shown:
    """By what nodes and times are told in words."""

    names: Mapping[str, str]  # by node id
    own_id: str
    zone: tzinfo


def _answer(
    camera_id: str,
    shown: _Shown,
    found: ClusterTimeline,
    events: Sequence[CameraEvent],
    kept: Sequence[Kept],
) -> TimelineAnswer:
    ahead = [NodeSpan(one.span, one.kind, (shown.own_id,)) for one in found.own.ahead]
    gaps: list[GapAnswer | UntoldAnswer] = [gap_answer(gap) for gap in found.gaps]
    gaps += [_untold(gap, shown) for gap in found.untold]
    return {
        "camera_id": camera_id,
        "from": rfc3339(found.own.from_us),
        "to": rfc3339(found.to_us),
        "nodes": [
            TimelineNode(id=node_id, name=name, unreachable_since=_since(found.silent.get(node_id)))
            for node_id, name in shown.names.items()
        ],
        "spans": [_span(span, found, shown) for span in found.spans],
        "ahead": [_span(span, found, shown) for span in ahead],
        "gaps": sorted(gaps, key=lambda gap: gap["from"]),
        "events": _events(events, found.own, kept),
    }


def _untold(gap: UntoldGap, shown: _Shown) -> UntoldAnswer:
    return {
        "from": rfc3339(gap.from_us),
        "to": rfc3339(gap.to_us),
        "reason": GapReason.UNKNOWN.value,
        "detail": untold_words(gap, shown.names, shown.zone),
        "node": shown.names.get(gap.node_id, gap.node_id),
        "unreachable_since": _since(gap.silent_since_us),
        "holds": [{"from": rfc3339(begin), "to": rfc3339(end)} for begin, end in gap.holds],
    }


def _since(us: int | None) -> str | None:
    return None if us is None else rfc3339(us)


def _events(
    events: Sequence[CameraEvent], timeline: Timeline, kept: Sequence[Kept]
) -> list[EventAnswer | ClockCorrected | ClockSet | Protected | TimelineEvent]:
    """In the order of time."""
    found: list[EventAnswer | ClockCorrected | ClockSet | Protected | TimelineEvent] = [
        EventAnswer.of(event) for event in events
    ]
    found += [_protected(one) for one in kept]
    found += [_correction(one) for one in timeline.corrections]
    found += [_seam(one) for one in timeline.seams]
    twice = merge_spans(timeline.overlaps)  # of whichever stream
    found += [
        TimelineEvent(at=rfc3339(one.from_us), kind="recorded_twice", to=rfc3339(one.to_us))
        for one in twice
    ]
    return sorted(found, key=lambda one: one.at)


def _correction(one: ClockCorrection) -> ClockCorrected:
    return ClockCorrected(
        at=rfc3339(one.from_us),
        kind="clock_corrected",
        to=rfc3339(one.to_us),
        clock_offset_s=-one.shift_us / SECOND_US,
    )


def _seam(one: ClockSeam) -> ClockSet:
    return ClockSet(
        at=rfc3339(one.before_us),
        kind="clock_set",
        to=rfc3339(one.after_us),
        step_s=one.step_us / SECOND_US,
    )


def _protected(one: Kept) -> Protected:
    return Protected(
        at=rfc3339(one.from_us),
        kind="protected",
        to=rfc3339(one.to_us),
        by=one.by,
        reason=one.reason,
        recording_id=one.recording_id,
    )


def _span(one: NodeSpan, found: ClusterTimeline, shown: _Shown) -> SpanAnswer:
    span = one.span
    return {
        "from": rfc3339(span.from_us),
        "to": rfc3339(span.to_us),
        "node": shown.names.get(one.nodes[0], one.nodes[0]),
        "nodes": list(one.nodes),
        "reachable": found.is_reachable(one),
        "stream": span.stream.value,
        "kind": one.kind,
    }
