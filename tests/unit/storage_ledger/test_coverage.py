"""Every second is footage or a gap with its reason."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from falconeye.base.times import SECOND_US
from falconeye.media.samples import StreamKind
from falconeye.storage.ledger.coverage import (
    MIN_GAP_US,
    Deletion,
    Gap,
    GapReason,
    Known,
    Span,
    Step,
    Uptime,
    find_gaps,
    merge_spans,
)

UP = Uptime(0, 10_000 * SECOND_US, GapReason.NODE_STOPPED)
RECORDS = Step(0, None)


def s(seconds: float) -> int:
    return round(seconds * SECOND_US)


def span(begin: float, end: float, stream: StreamKind = StreamKind.MAIN) -> Span:
    return Span(s(begin), s(end), stream)


def told(gaps: list[Gap]) -> list[tuple[float, float, GapReason, str]]:
    return [
        (gap.from_us / SECOND_US, gap.to_us / SECOND_US, gap.reason, gap.detail) for gap in gaps
    ]


def test_a_camera_that_went_is_offline_from_its_last_picture_to_its_first() -> None:
    """It is noticed 5 s late, and back 2 s before the keyframe with which recording begins."""
    known = Known(
        steps=[RECORDS, Step(s(105), GapReason.CAMERA_OFFLINE, "no answer"), Step(s(158), None)],
        uptimes=[UP],
    )
    gaps = find_gaps([span(10, 100), span(160, 200)], s(10), s(200), known)
    assert told(gaps) == [(100, 160, GapReason.CAMERA_OFFLINE, "no answer")]


def test_reasons_that_follow_one_another_are_told_apart() -> None:
    known = Known(
        steps=[
            RECORDS,
            Step(s(105), GapReason.CAMERA_OFFLINE, "no answer"),
            Step(s(120), GapReason.CAMERA_OFFLINE, "the camera refused the password"),
            Step(s(130), GapReason.RECORDING_STOPPED, "by ann"),
            Step(s(150), None),
        ],
        uptimes=[UP],
    )
    assert told(find_gaps([span(0, 100)], s(0), s(160), known)) == [
        (100, 120, GapReason.CAMERA_OFFLINE, "no answer"),
        (120, 130, GapReason.CAMERA_OFFLINE, "the camera refused the password"),
        (130, 160, GapReason.RECORDING_STOPPED, "by ann"),
    ]


def test_a_node_that_was_down_whatever_the_camera_did() -> None:
    """The last sign of life is up to a minute before the end."""
    known = Known(
        steps=[RECORDS],
        uptimes=[
            Uptime(0, s(90), GapReason.NODE_CRASHED),
            Uptime(s(200), s(900), GapReason.NODE_STOPPED),
        ],
    )
    gaps = find_gaps([span(0, 100), span(202, 300)], s(0), s(300), known)
    assert told(gaps) == [(100, 202, GapReason.NODE_CRASHED, "")]


def test_deleted_is_said_first_and_holes_within_keep_their_reason() -> None:
    known = Known(
        steps=[RECORDS, Step(s(50), GapReason.CAMERA_OFFLINE, "x"), Step(s(60), None)],
        uptimes=[UP],
        deletions=[
            Deletion(0, s(50), GapReason.DELETED_BY_AGE),
            Deletion(s(60), s(80), GapReason.DELETED_BY_PERSON, "ann"),
        ],
    )
    assert told(find_gaps([span(80, 100)], 0, s(100), known)) == [
        (0, 50, GapReason.DELETED_BY_AGE, ""),
        (50, 60, GapReason.CAMERA_OFFLINE, "x"),
        (60, 80, GapReason.DELETED_BY_PERSON, "ann"),
    ]


def test_a_hole_beside_what_was_deleted_is_told_as_before_that() -> None:
    known = Known(
        steps=[RECORDS, Step(s(55), GapReason.CAMERA_OFFLINE, "x"), Step(s(58), None)],
        uptimes=[UP],
    )
    footage = [(0, 50), (60, 80), (90, 100)]
    before = find_gaps([span(*one) for one in footage], 0, s(100), known)
    assert told(before) == [
        (50, 60, GapReason.CAMERA_OFFLINE, "x"),
        (80, 90, GapReason.UNKNOWN, ""),
    ]
    deleted = [Deletion(s(begin), s(end), GapReason.DELETED_BY_AGE) for begin, end in footage]
    after = find_gaps([], 0, s(100), replace(known, deletions=deleted))
    assert [gap for gap in after if gap.reason is not GapReason.DELETED_BY_AGE] == before


def test_without_any_knowledge_it_is_unknown_never_left_out() -> None:
    gaps = find_gaps([span(0, 1)], 0, s(9), Known(uptimes=[UP]))
    assert told(gaps) == [(1, 9, GapReason.UNKNOWN, "")]


def test_either_stream_is_footage() -> None:
    known = Known(steps=[RECORDS], uptimes=[UP])
    assert find_gaps([span(0, 50), span(40, 100, StreamKind.SUB)], 0, s(100), known) == []


def test_holes_below_the_precision_of_wall_time_are_closed() -> None:
    spans = [span(0, 10), span(10.4, 20), span(19, 19.5), span(20.5, 30)]
    assert merge_spans(spans) == [span(0, 20), span(20.5, 30)]


TIMES = st.integers(0, 500).map(s)


@pytest.mark.parametrize("edge", ["from", "to"])
def test_a_window_cuts_gaps(edge: str) -> None:
    known = Known(steps=[RECORDS, Step(s(5), GapReason.CAMERA_STOPPED, "ann")], uptimes=[UP])
    window = (s(50), s(100)) if edge == "from" else (0, s(50))
    (gap,) = find_gaps([span(0, 5)], *window, known)
    assert (gap.from_us, gap.to_us) == ((s(50), s(100)) if edge == "from" else (s(5), s(50)))


@st.composite
def stretches(draw: st.DrawFn) -> list[tuple[int, int]]:
    """Stretches of time in order that do not overlap."""
    edges = sorted(draw(st.sets(TIMES, max_size=12)))
    return list(zip(edges[::2], edges[1::2], strict=False))


@given(
    footage=st.lists(st.tuples(TIMES, TIMES), max_size=8),
    steps=st.lists(st.tuples(TIMES, st.sampled_from([None, *GapReason])), max_size=8),
    up=stretches(),
    deleted=stretches(),
)
def test_spans_and_gaps_cover_every_moment_once(
    footage: list[tuple[int, int]],
    steps: list[tuple[int, GapReason | None]],
    up: list[tuple[int, int]],
    deleted: list[tuple[int, int]],
) -> None:
    spans = merge_spans(
        sorted(
            (Span(min(pair), max(pair), StreamKind.MAIN) for pair in footage),
            key=lambda span: span.from_us,
        )
    )
    known = Known(
        steps=[Step(*step) for step in sorted(steps, key=lambda step: step[0])],
        uptimes=[Uptime(*pair, GapReason.NODE_STOPPED) for pair in up],
        deletions=[Deletion(*pair, GapReason.DELETED_BY_AGE) for pair in deleted],
    )
    begin, end = s(100), s(400)
    gaps = find_gaps(spans, begin, end, known)
    pieces = sorted(
        [(gap.from_us, gap.to_us) for gap in gaps]
        + [
            (max(begin, span.from_us), min(end, span.to_us))
            for span in spans
            if span.to_us > begin and span.from_us < end
        ]
    )
    at = begin
    for piece_begin, piece_end in pieces:
        assert at <= piece_begin < at + MIN_GAP_US
        at = max(at, piece_end)
    assert end - MIN_GAP_US < at <= end
    assert all(gap.to_us > gap.from_us for gap in gaps)
