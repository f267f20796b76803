"""Playlists of footage: what is listed, in which order, where time runs on; keyframes of it."""

import asyncio
import re
from collections.abc import Iterator

import pytest
from sqlalchemy import delete, update
from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.base.errors import NotFound, Unavailable
from falconeye.base.times import SECOND_US
from falconeye.media.boxes import top_level_boxes
from falconeye.media.movie import TrackFragment, movie_of, parse_moof
from falconeye.media.random_access import RandomAccess
from falconeye.media.samples import StreamKind
from falconeye.media.segment_file import FragmentPlace
from falconeye.storage.reading import playback_list
from falconeye.storage.reading.download import DownloadPlan
from falconeye.storage.reading.playback import Playback
from falconeye.storage.reading.playback_list import entries_of
from falconeye.storage.segments.fragment_table import FragmentTable
from falconeye.storage.segments.segments import SegmentEnd
from falconeye.storage.tables.footage import fragments
from tests.clock import START_US
from tests.clocked_footage import (
    HOLE_S,
    OLD_RUN_S,
    SEGMENT_S,
    Piece,
    begin,
    fragments_of,
    init_of,
    record,
    record_hole_and_change,
)
from tests.unit.storage_footage.footage import CAMERA, Node, read

DAY_US = 86_400 * SECOND_US
LONG_AFTER = START_US + DAY_US


@pytest.fixture
async def playback(node: Node) -> Playback:
    node.clock.advance(86_400)
    return Playback(node.database, node.volumes, node.store, node.clock)


async def listed(playback: Playback, from_us: int = START_US, seconds: int = 3600) -> str:
    return await playback.playlist(CAMERA, StreamKind.MAIN, from_us, from_us + seconds * SECOND_US)


def lines(text: str, tag: str) -> list[str]:
    return [line.partition(":")[2] for line in text.splitlines() if line.startswith(f"#{tag}:")]


async def test_time_runs_on_but_over_a_hole_and_a_change_of_format(
    node: Node, playback: Playback
) -> None:
    pieces = await record_hole_and_change(node.store, CAMERA, START_US)
    text = await listed(playback)
    assert text.count("#EXT-X-DISCONTINUITY\n") == 2
    assert text.endswith("#EXT-X-ENDLIST\n")
    assert "EXT-X-GAP" not in text
    assert lines(text, "EXTINF") == ["2.000000,"] * 12
    assert lines(text, "EXT-X-TARGETDURATION") == ["2"]
    assert len(lines(text, "EXT-X-MAP")) == 2  # the format is the same behind the hole
    times = lines(text, "EXT-X-PROGRAM-DATE-TIME")
    assert len(times) == 4
    assert times[0] == "2026-09-21T14:13:20.000Z"
    hole = (SEGMENT_S + HOLE_S) * SECOND_US
    assert [float(found) for found in lines(text, "MEDIA-TIME")] == [
        START_US / SECOND_US,
        (pieces[1].start_us + hole) / SECOND_US,
        (pieces[1].start_us + hole) / SECOND_US + SEGMENT_S,
    ]


async def test_a_window_has_what_touches_it(node: Node, playback: Playback) -> None:
    pieces = await record_hole_and_change(node.store, CAMERA, START_US)
    text = await listed(playback, START_US + 3 * SECOND_US, 4)
    assert text.count("#EXTINF") == 3  # of 2 to 4, 4 to 6, 6 to 8 s
    assert float(lines(text, "MEDIA-TIME")[0]) == START_US / SECOND_US + 2
    with pytest.raises(NotFound, match="nothing was recorded"):
        await listed(playback, pieces[1].start_us + SEGMENT_S * SECOND_US, HOLE_S)
    with pytest.raises(NotFound):
        await playback.playlist(CAMERA, StreamKind.SUB, START_US, LONG_AFTER)


def moofs(data: bytes, init: bytes) -> Iterator[tuple[TrackFragment, TrackFragment | None]]:
    for box in top_level_boxes(lambda at, size: data[at : at + size], len(data)):
        if box.kind == b"moof":
            yield parse_moof(data[box.offset : box.end], movie_of(init))


async def test_decode_times_rise_through_all_of_it(node: Node, playback: Playback) -> None:
    pieces = await record_hole_and_change(node.store, CAMERA, START_US)
    names = dict.fromkeys(re.findall(r"^footage/(\S+)$", await listed(playback), re.MULTILINE))
    assert len(names) == 4
    video: list[float] = []
    audio: list[float] = []
    for name, piece in zip(names, pieces, strict=True):
        data = await read(await playback.media(CAMERA, name))
        for picture, sound in moofs(data, init_of(piece).data):
            video.append(picture.start / 90_000)
            if sound:
                audio.append(sound.start / 16_000)
    runs_s = START_US / SECOND_US
    wanted = [runs_s + 0.5 * index for index in range(24)]
    wanted += [runs_s + 2 * SEGMENT_S + HOLE_S + 0.5 * index for index in range(24)]
    assert video == pytest.approx(wanted, abs=1e-5)
    assert audio == sorted(audio)
    assert audio[0] == pytest.approx(video[0], abs=1e-4)


async def test_any_range_is_a_slice_of_the_whole(node: Node, playback: Playback) -> None:
    await record_hole_and_change(node.store, CAMERA, START_US)
    text = await listed(playback)
    found = re.findall(r"#EXT-X-BYTERANGE:(\d+)@(\d+)\nfootage/(\S+)", text)
    plans: dict[str, DownloadPlan] = {}
    parts: dict[str, bytes] = {}
    for size, first, name in found:
        plan = plans.setdefault(name, await playback.media(CAMERA, name))
        assert int(first) == len(parts.get(name, b""))
        data = await read(plan, int(first), int(first) + int(size))
        parts[name] = parts.get(name, b"") + data
    for name, plan in plans.items():
        assert parts[name] == await read(plan)
        assert (await playback.media(CAMERA, name)).etag == plan.etag


def test_gops_are_joined_up_to_a_second_and_never_cut() -> None:
    key = RandomAccess()

    def places(seconds: list[tuple[float, bool]]) -> list[tuple[int, int, int]]:
        fragments, at = [], 0
        for length, is_keyframe in seconds:
            access = key if is_keyframe else None
            ticks = round(length * 90_000)
            fragments.append(FragmentPlace(1000, access, at, ticks, 84, 0, 0))
            at += ticks
        found = entries_of(FragmentTable(900, 0, 0, tuple(fragments)))
        return [(entry.offset, entry.start_90k, entry.duration_90k) for entry in found.all]

    assert places([(0.04, True)] * 50) == [(0, 0, 90_000), (25_000, 90_000, 90_000)]
    assert places([(0.5, index % 20 == 0) for index in range(40)]) == [
        (0, 0, 900_000),
        (20_000, 900_000, 900_000),
    ]
    assert places([(0.99, True)] * 4) == [(0, 0, 178_200), (2_000, 178_200, 178_200)]
    assert places([]) == []


def test_an_open_gop_is_not_called_independent() -> None:
    closed = FragmentPlace(1000, RandomAccess(), 0, 90_000, 84, 0, 0)
    opened = FragmentPlace(1000, RandomAccess(3, 3600, 7200), 90_000, 90_000, 84, 0, 0)
    assert not entries_of(FragmentTable(900, 0, 0, (closed,))).has_open_gop
    assert entries_of(FragmentTable(900, 0, 0, (closed, opened))).has_open_gop


async def _damage(node: Node, *starts: int) -> None:
    async def operation(connection: AsyncConnection) -> None:
        await connection.execute(
            update(fragments).where(fragments.c.start_us.in_(starts)).values(places=b"\x01\x80")
        )

    await node.database.write(operation)


async def test_a_damaged_row_is_a_hole_in_the_list(node: Node, playback: Playback) -> None:
    pieces = await record_hole_and_change(node.store, CAMERA, START_US)
    names = re.findall(r"^footage/(\S+)$", await listed(playback), re.MULTILINE)
    await _damage(node, pieces[1].start_us)
    text = await listed(playback)
    assert text.count("#EXTINF") == 9
    with pytest.raises(Unavailable, match="damaged"):
        await playback.media(CAMERA, names[3])
    with pytest.raises(Unavailable, match="damaged"):
        await playback.keyframe(CAMERA, StreamKind.MAIN, pieces[1].start_us)
    await _damage(node, *(piece.start_us for piece in pieces))
    with pytest.raises(Unavailable, match="falconeye check"):
        await listed(playback)

    async def lose(connection: AsyncConnection) -> None:
        await connection.execute(delete(fragments))

    await node.database.write(lose)
    with pytest.raises(Unavailable):
        await listed(playback)


async def test_a_clock_set_back_mixes_no_runs(node: Node, playback: Playback) -> None:
    first = node.store.begin_run(CAMERA, StreamKind.MAIN, START_US)
    await record(node.store, CAMERA, first, Piece(START_US, 6, 0))
    await record(node.store, CAMERA, first, Piece(START_US + 6 * SECOND_US, 6, 6))
    back_us = START_US + 3 * SECOND_US
    second = node.store.begin_run(CAMERA, StreamKind.MAIN, back_us)
    await record(node.store, CAMERA, second, Piece(back_us, 6, 0))
    text = await listed(playback)
    assert text.count("#EXTINF") == 9
    assert text.count("#EXT-X-DISCONTINUITY\n") == 1
    runs = [int(found) for found in re.findall(r"footage/main-(\d+)-", text)]
    assert runs == [first] * 6 + [second] * 3


async def test_a_list_that_grows_keeps_what_it_said(node: Node, playback: Playback) -> None:
    """One file waits for its last fragment while the next has begun: nothing is listed early."""
    now_us = node.clock.utc_us()
    run_id = node.store.begin_run(CAMERA, StreamKind.MAIN, now_us)
    one, two = Piece(now_us, 6, OLD_RUN_S), Piece(now_us + 6 * SECOND_US, 6, OLD_RUN_S + 6)
    writers = [begin(node.store, CAMERA, run_id, piece) for piece in (one, two)]
    for writer, piece in zip(writers, (one, two), strict=True):
        found = list(fragments_of(piece))
        for fragment in found:
            _ = writer.append(fragment)
        async with asyncio.timeout(5):
            while len(writer.written.fragments) < len(found):  # noqa: ASYNC110 - another thread
                await asyncio.sleep(0.01)
    to_us = now_us + 60 * SECOND_US
    growing = await playback.playlist(CAMERA, StreamKind.MAIN, now_us, to_us)
    assert growing.count("#EXTINF") == 2
    assert lines(growing, "EXT-X-TARGETDURATION") == [str(playback_list.MIN_TARGET_S)]
    whole = await playback.playlist(CAMERA, StreamKind.MAIN, now_us, to_us, grows=False)
    assert whole.count("#EXTINF") == 6
    assert whole.count("#EXT-X-DISCONTINUITY\n") == 0
    for writer, piece in zip(writers, (one, two), strict=True):
        writer.close(SegmentEnd(piece.start_us + 6 * SECOND_US))
    assert await node.store.flush(5)
    grown = await playback.playlist(CAMERA, StreamKind.MAIN, now_us, to_us)
    assert grown.count("#EXTINF") == 6
    assert grown.startswith(growing)
