"""The footage of several nodes becomes one line: nothing is lost, or out of order."""

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from falconeye.base.times import SECOND_US
from falconeye.media.samples import StreamKind
from falconeye.storage.reading.merged_lines import JOIN_US, STUCK_US, merge, merge_growing
from falconeye.storage.reading.playback_list import (
    Entries,
    Entry,
    Line,
    ListedSegment,
    lines_of,
    make_playlist,
    write_playlist,
)

LATE_US = 10**15
S = 90_000
NODES = ("", "b" * 32, "c" * 32)


def segment(
    node: str, run: int, start_us: int, lengths_90k: Sequence[int], *, growing: bool = False
) -> ListedSegment:
    entries, at = [], 0
    for length in lengths_90k:
        entries.append(Entry(at, 1000, at, length))
        at += length
    return ListedSegment(
        run, start_us // SECOND_US, start_us, 0, f"{run % 2:064x}", 500,
        Entries(tuple(entries), has_open_gop=False), is_growing=growing, node_id=node,
    )  # fmt: skip


def part_of(segments: Sequence[ListedSegment]) -> list[Line]:
    return lines_of(segments, 0, LATE_US, is_over=True)


def seconds(lines: Sequence[Line]) -> list[tuple[str, float, float]]:
    return [
        (line.segment.node_id, line.wall_us / SECOND_US, line.wall_end_us / SECOND_US)
        for line in lines
    ]


# Of a node: hole before (µs), then the lengths of its entries (1/90000 s); one after the other.
NODE = st.lists(
    st.tuples(
        st.integers(0, 5 * SECOND_US),
        st.lists(st.integers(S // 30, 4 * S), min_size=1, max_size=6),
    ),
    max_size=5,
)


def laid(node: str, stretches: Sequence[tuple[int, list[int]]]) -> list[ListedSegment]:
    found, at_us = [], SECOND_US
    for run, (hole_us, lengths) in enumerate(stretches, 1):
        found.append(segment(node, run, at_us + hole_us, lengths))
        at_us += hole_us + sum(lengths) * 100 // 9
    return found


@given(st.lists(NODE, min_size=1, max_size=3))
def test_nothing_is_lost_repeated_or_out_of_order(nodes: list[list[tuple[int, list[int]]]]) -> None:
    parts = [part_of(laid(name, each)) for name, each in zip(NODES, nodes, strict=False)]
    played = merge(parts)
    every = {id(line) for part in parts for line in part}
    assert len({id(line) for line in played}) == len(played)
    assert {id(line) for line in played} <= every
    # In order, and what is repeated is less than the entry that repeats it.
    for before, after in pairwise(played):
        assert after.wall_end_us > before.wall_end_us - 30  # rounding of 1/90000 s
        overlap_us = before.wall_end_us - after.wall_us
        assert overlap_us < after.wall_end_us - after.wall_us
        if before.segment.node_id == after.segment.node_id:
            assert overlap_us <= 30
    # Every instant that any node has is played, but for less than what is worth a join.
    for part in parts:
        for line in part:
            at_us = line.wall_us
            for one in sorted(played, key=lambda each: each.wall_us):
                if one.wall_us - at_us > JOIN_US or at_us >= line.wall_end_us:
                    break
                at_us = max(at_us, one.wall_end_us)
            assert line.wall_end_us - at_us <= JOIN_US


@given(NODE)
def test_one_node_alone_is_left_as_it_is(stretches: list[tuple[int, list[int]]]) -> None:
    part = part_of(laid("", stretches))
    assert merge([part, [], []]) == part
    assert merge_growing([part], [laid("", stretches)], 0) == part
    assert merge_growing([part, []], [laid("", stretches), []], LATE_US) == part


@example([[(0, [3000])], [(33_334, [3000])]], 1_033_334)  # the second begins as the first ends
@given(st.lists(NODE, min_size=2, max_size=3), st.integers(0, 40 * SECOND_US))
def test_a_list_that_grows_never_changes_what_it_said(
    nodes: list[list[tuple[int, list[int]]]], now_us: int
) -> None:
    def as_of(at_us: int) -> list[Line]:
        segments = [
            [known for one in laid(name, each) if (known := _known(one, at_us)) is not None]
            for name, each in zip(NODES, nodes, strict=False)
        ]
        parts = [lines_of(each, 0, LATE_US, is_over=False) for each in segments]
        return merge_growing(parts, segments, at_us)

    earlier, later = seconds(as_of(now_us)), seconds(as_of(now_us + 3 * SECOND_US))
    assert later[: len(earlier)] == earlier


def _known(whole: ListedSegment, at_us: int) -> ListedSegment | None:
    """What a node has of it at that time; it grows while its last entry is not over."""
    begun = [
        entry for entry in whole.entries.all if whole.start_us + entry.start_90k * 100 // 9 < at_us
    ]
    if not begun:
        return None
    lengths = [entry.duration_90k for entry in begun]
    end_us = whole.start_us + sum(lengths) * 100 // 9
    return segment(whole.node_id, whole.run_id, whole.start_us, lengths, growing=end_us > at_us - 1)


def test_make_before_break_changes_once_at_the_end_of_the_standby() -> None:
    owner = [segment("", 1, 0, [2 * S] * 5), segment("", 2, 40 * SECOND_US, [2 * S] * 10)]
    standby = [segment(NODES[1], 1, 20 * SECOND_US, [2 * S] * 15 + [S])]
    played = seconds(merge([part_of(owner), part_of(standby)]))
    nodes = [node for node, _, _ in played]
    assert nodes == [""] * 5 + [NODES[1]] * 16 + [""] * 5
    assert played[20] == (NODES[1], 50.0, 51.0)
    assert played[21] == ("", 50.0, 52.0)  # from its keyframe on: nothing is lost


def test_keyframes_that_arrive_a_little_apart_repeat_nothing() -> None:
    first = [segment("", 1, 0, [2 * S] * 4)]
    for apart_us in (-200_000, 30_000, 200_000):
        second = [segment(NODES[1], 1, 2 * SECOND_US + apart_us, [2 * S] * 8)]
        played = seconds(merge([part_of(first), part_of(second)]))
        assert [node for node, _, _ in played] == [""] * 4 + [NODES[1]] * 5, apart_us
        assert played[4][1] == pytest.approx(8 + apart_us / SECOND_US)


def test_a_node_whose_clock_was_set_back_keeps_its_order() -> None:
    twice = [segment("", 1, 20 * SECOND_US, [S] * 5), segment("", 2, 15 * SECOND_US, [S] * 10)]
    other = [segment(NODES[1], 1, 40 * SECOND_US, [S] * 2)]
    played = merge([part_of(twice), part_of(other)])
    assert [line.segment.run_id for line in played] == [1] * 5 + [2] * 10 + [1] * 2


def test_a_file_that_does_not_grow_any_more_holds_nobody_up() -> None:
    stuck = [segment("", 1, 0, [S, S], growing=True)]
    other = [segment(NODES[1], 1, SECOND_US, [S] * 5)]
    segments = [stuck, other]
    parts = [lines_of(each, 0, LATE_US, is_over=False) for each in segments]
    assert len(merge_growing(parts, segments, 10 * SECOND_US)) == 1
    assert len(merge_growing(parts, segments, 2 * SECOND_US + STUCK_US)) == 6


def test_the_list_says_who_has_each_piece_and_where_it_changes() -> None:
    kind = StreamKind.MAIN
    own, other = segment("", 1, 0, [S, S]), segment(NODES[1], 1, 2 * SECOND_US, [S, S])
    text = write_playlist(merge([part_of([own]), part_of([other])]), kind, is_over=True)
    assert text is not None
    wanted = [line for line in text.splitlines() if not line.startswith(("#EXTINF", "#EXT-X-BYTE"))]
    named = f"?node={NODES[1]}"
    assert wanted[5:] == [
        "#EXT-X-INDEPENDENT-SEGMENTS",
        f'#EXT-X-MAP:URI="inits/{own.init_digest}.mp4",BYTERANGE="500@0"',
        "#MEDIA-TIME:0.000000",
        "#EXT-X-PROGRAM-DATE-TIME:1970-01-01T00:00:00.000Z",
        "footage/main-1-0.m4s",
        "footage/main-1-0.m4s",
        "#EXT-X-DISCONTINUITY",
        f'#EXT-X-MAP:URI="inits/{own.init_digest}.mp4{named}",BYTERANGE="500@0"',
        "#MEDIA-TIME:2.000000",
        "#EXT-X-PROGRAM-DATE-TIME:1970-01-01T00:00:02.000Z",
        f"footage/main-1-2000000.m4s{named}",
        f"footage/main-1-2000000.m4s{named}",
        "#EXT-X-ENDLIST",
    ]
    lone = make_playlist([own], kind, 0, LATE_US, is_over=True)
    assert write_playlist(merge([part_of([own]), []]), kind, is_over=True) == lone
