"""The answer for every second: recorded, or a gap and its reason. Pure functions on times.

What was recorded is known from the index; why the rest was not, from three lists that are kept
beside it: what each camera was kept from recording by (`Step`), when the node was up (`Uptime`) and
what was deleted (`Deletion`).
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import pairwise
from typing import TypeVar

from falconeye.media.samples import StreamKind

# Shorter holes lie within what a wall time is exact to: the run's clock is an estimate.
MIN_GAP_US = 500_000


class GapReason(StrEnum):
    """Why there is no footage of a time; stable, for programs."""

    CAMERA_OFFLINE = "camera_offline"
    CAMERA_STOPPED = "camera_stopped"  # by a person
    RECORDING_STOPPED = "recording_stopped"  # by a person, the camera may run
    RECORDING_OFF = "recording_off"  # the camera's mode: not without being asked
    PAUSED = "paused"  # privacy, by a person or its schedule
    ELSEWHERE = "elsewhere"  # another node of the cluster was to record it
    OUTSIDE_SCHEDULE = "outside_schedule"
    OUTSIDE_EVENTS = "outside_events"  # nothing happened; what is kept before an event is ready
    NODE_STOPPED = "node_stopped"
    NODE_CRASHED = "node_crashed"  # or lost its power
    DISK_FULL = "disk_full"
    DISK_TOO_SLOW = "disk_too_slow"
    DISK_ERROR = "disk_error"
    CLOCK_CHANGED = "clock_changed"  # the node's own clock was set ahead
    DELETED_BY_AGE = "deleted_by_age"
    DELETED_BY_SIZE = "deleted_by_size"  # beyond what is kept of this camera
    DELETED_FOR_ROOM = "deleted_for_room"
    DELETED_BY_PERSON = "deleted_by_person"
    DISK_REMOVED = "disk_removed"  # a person took the disk that it lay on out of the index
    FILE_LOST = "file_lost"  # found by `falconeye check`
    INTERNAL = "internal"  # our fault; see the log
    UNKNOWN = "unknown"

    @classmethod
    def stored(cls, text: str) -> "GapReason":
        """As it stands in a row: one that a newer release wrote is not known here."""
        try:
            return cls(text)
        except ValueError:
            return cls.UNKNOWN


@dataclass(frozen=True, slots=True)
class Span:
    """Footage from `from_us` up to `to_us`."""

    from_us: int
    to_us: int
    stream: StreamKind


@dataclass(frozen=True, slots=True)
class Gap:
    """No footage of any stream; `detail` is in words, for people."""

    from_us: int
    to_us: int
    reason: GapReason
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """From `since_us` on this keeps the camera from recording; `reason` None: nothing does."""

    since_us: int
    reason: GapReason | None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Uptime:
    """The node ran from `from_us` until `to_us`, or up to a minute longer where it crashed."""

    from_us: int
    to_us: int
    ended: GapReason  # what the time after it is due to


@dataclass(frozen=True, slots=True)
class Deletion:
    """Footage of this time was deleted."""

    from_us: int
    to_us: int
    reason: GapReason
    detail: str = ""


_S = TypeVar("_S", Uptime, Deletion)


@dataclass(frozen=True, slots=True)
class Known:
    """What is known besides the footage; each in the order of time."""

    steps: Sequence[Step] = ()
    uptimes: Sequence[Uptime] = ()
    deletions: Sequence[Deletion] = ()


@dataclass(frozen=True, slots=True)
class _Cause:
    reason: GapReason
    detail: str


def merge_spans(spans: Iterable[Span]) -> list[Span]:
    """Spans of one stream, in order, with holes shorter than `MIN_GAP_US` closed."""
    merged: list[Span] = []
    for span in spans:
        last = merged[-1] if merged else None
        if last is None or span.from_us - last.to_us >= MIN_GAP_US:
            merged.append(span)
        elif span.to_us > last.to_us:
            merged[-1] = Span(last.from_us, span.to_us, last.stream)
    return merged


def find_overlaps(spans: Iterable[Span]) -> list[Span]:
    """Times that at least two of these spans claim; of one stream, in order of their beginnings."""
    twice: list[Span] = []
    reached_us: int | None = None
    for span in spans:
        if reached_us is not None and span.from_us < reached_us:
            twice.append(Span(span.from_us, min(span.to_us, reached_us), span.stream))
        reached_us = span.to_us if reached_us is None else max(reached_us, span.to_us)
    return long_overlaps(twice)


def long_overlaps(pieces: Iterable[Span]) -> list[Span]:
    """Without those that lie within what a wall time is exact to; `pieces` in order."""
    return [span for span in merge_spans(pieces) if span.to_us - span.from_us >= MIN_GAP_US]


def find_gaps(spans: Sequence[Span], from_us: int, to_us: int, known: Known) -> list[Gap]:
    """All that no span of any stream covers of [from, to), in pieces of one reason each."""
    gaps: list[Gap] = []
    for begin, end in _holes(spans, from_us, to_us):
        gaps += _explain(begin, end, known)
    return gaps


def _holes(spans: Sequence[Span], from_us: int, to_us: int) -> Iterator[tuple[int, int]]:
    covered_us = from_us
    for span in sorted(spans, key=lambda span: span.from_us):
        if span.from_us >= to_us:
            break
        if span.from_us - covered_us >= MIN_GAP_US:
            yield covered_us, span.from_us
        covered_us = max(covered_us, span.to_us)
    if to_us - covered_us >= MIN_GAP_US:
        yield covered_us, to_us


def _explain(begin: int, end: int, known: Known) -> list[Gap]:
    """One hole, cut where its reason changes: what was deleted, and why the rest never was there.

    What was deleted explains nothing beside it: it was footage, and its holes had their reasons.
    """
    gaps: list[Gap] = []
    at = begin
    for deletion in _touching(known.deletions, begin, end):
        if deletion.from_us - at >= MIN_GAP_US:
            gaps += _never_recorded(at, deletion.from_us, known)
            at = deletion.from_us
        to_us = min(deletion.to_us, end)
        gaps.append(Gap(at, to_us, deletion.reason, deletion.detail))
        at = to_us
    if not gaps or end - at >= MIN_GAP_US:
        gaps += _never_recorded(at, end, known)
    else:
        gaps[-1] = replace(gaps[-1], to_us=end)
    return _joined(gaps)


def _never_recorded(begin: int, end: int, known: Known) -> list[Gap]:
    pieces = list(_cut(begin, end, known))
    causes = _fill([_cause(*piece, known) for piece in pieces])
    return [
        Gap(*piece, cause.reason, cause.detail) for piece, cause in zip(pieces, causes, strict=True)
    ]


def _joined(gaps: Iterable[Gap]) -> list[Gap]:
    """Those that follow one another for one reason are one."""
    found: list[Gap] = []
    for gap in gaps:
        last = found[-1] if found else None
        if last and (last.reason, last.detail) == (gap.reason, gap.detail):
            found[-1] = replace(last, to_us=gap.to_us)
        else:
            found.append(gap)
    return found


def _cut(begin: int, end: int, known: Known) -> Iterator[tuple[int, int]]:
    cuts = {step.since_us for step in _between(known.steps, begin, end)}
    for uptime in _touching(known.uptimes, begin, end):
        cuts |= {uptime.from_us, uptime.to_us}
    edges = [begin, *sorted(cut for cut in cuts if begin < cut < end), end]
    yield from pairwise(edges)


def _cause(begin: int, end: int, known: Known) -> _Cause | None:
    """What a piece without a change within is due to; None where nothing kept from recording."""
    if not _touching(known.uptimes, begin, end):
        before = bisect_right(known.uptimes, begin, key=lambda uptime: uptime.from_us) - 1
        return _Cause(known.uptimes[before].ended if before >= 0 else GapReason.UNKNOWN, "")
    at = bisect_right(known.steps, begin, key=lambda step: step.since_us) - 1
    step = known.steps[at] if at >= 0 else None  # the first is noted soon after a camera is added
    return _Cause(step.reason, step.detail) if step and step.reason else None


def _fill(causes: Sequence[_Cause | None]) -> list[_Cause]:
    """Pieces that nothing explains by itself belong to what came next, else to what was before.

    A camera that falls silent is called offline seconds later; one that is back is called online
    up to a GOP before its first keyframe. What nobody noticed is unknown here.
    """
    filled = list(causes)
    for order in (range(len(filled) - 1, -1, -1), range(len(filled))):
        near: _Cause | None = None
        for index in order:
            near = filled[index] = filled[index] or near
    return [cause or _Cause(GapReason.UNKNOWN, "") for cause in filled]


def _between(steps: Sequence[Step], begin: int, end: int) -> Sequence[Step]:
    first = bisect_right(steps, begin, key=lambda step: step.since_us)
    last = bisect_left(steps, end, key=lambda step: step.since_us)
    return steps[first:last]


def _touching(stretches: Sequence[_S], begin: int, end: int) -> Sequence[_S]:
    """Those that have something of [begin, end): they do not overlap one another."""
    first = bisect_right(stretches, begin, key=lambda stretch: stretch.to_us)
    last = bisect_left(stretches, end, key=lambda stretch: stretch.from_us)
    return stretches[first:last]
