"""The index made anew: the same to the row, in batches of whatever size, and as it was recorded."""

import asyncio
import os
import random
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Table, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.base.times import HOUR_US, SECOND_US
from falconeye.media.runs import RunEnd
from falconeye.media.samples import StreamKind
from falconeye.storage.checks.rebuild import IndexBuild, prepare
from falconeye.storage.segments import segment_index
from falconeye.storage.segments.salvage import entry_of, salvage
from falconeye.storage.segments.segment_index import NEAR_US, FileKey, SegmentEntry
from falconeye.storage.segments.segments import Accepted, SegmentEnd
from falconeye.storage.tables.footage import (
    fragments,
    garbage,
    inits,
    open_files,
    recordings,
    runs,
    segments,
    streams,
    usage,
)
from falconeye.storage.tables.ledger import clocks
from tests.clock import START_US, FakeClock
from tests.unit.storage_footage.footage import (
    GOP_90K,
    GOP_US,
    Node,
    init_segment,
    open_node,
    rows,
    segment_fragments,
)
from tests.unit.storage_footage.test_index_build import forget_index
from tests.unit.storage_footage.test_moving import add_archive

CAMERAS = ("0b6f2d8e-70f2-4a2f-9d43-6c3e1f6f8a11", "5d1c7e02-1111-4a2f-9d43-6c3e1f6f8a22")
BOOT = "boot-1"
BORDER_US = -(-START_US // HOUR_US) * HOUR_US  # of an hour
WRONG_US = 1_000 * SECOND_US  # UTC - monotonic of a setting that proved wrong
SHIFT_US = 40 * SECOND_US
TABLES: tuple[Table, ...] = (
    streams, runs, inits, segments, fragments, usage, recordings, garbage, open_files, clocks
)  # fmt: skip
Dump = dict[str, list[tuple[Any, ...]]]


class Stream:
    """One stream that is recorded: with holes, other init segments, clocks that are set."""

    def __init__(self, node: Node, camera_id: str, kind: StreamKind, rng: random.Random) -> None:
        self.node, self.camera_id, self.kind, self.rng = node, camera_id, kind, rng
        self.at_us = BORDER_US - rng.randrange(5, 15) * SECOND_US
        self.first_us = self.at_us
        self.is_tidy = True

    async def record(self, count: int) -> None:
        run_id, offset_90k, audio, utc_offset_us = self._begin_run()
        for index in range(count):
            gops = self.rng.randrange(1, 4)
            drift_us = self.rng.choice((0, 0, 300, -200))
            end_us = self.at_us + gops * GOP_US + drift_us
            ends_run = index == count - 1 or self.rng.random() < 0.3
            start = self.node.start(
                run_id, self.at_us, offset_90k=offset_90k, recording_id=self._recording(),
                stream=self.kind, init=init_segment(audio=audio), camera_id=self.camera_id,
            )  # fmt: skip
            writer = self.node.store.create(replace(start, utc_offset_us=utc_offset_us))
            for fragment in segment_fragments(gops, offset_90k=offset_90k, audio=audio):
                assert writer.append(fragment) is Accepted.YES
            reason = RunEnd.CAMERA_OFFLINE if ends_run else None
            is_last = end_us // HOUR_US > self.at_us // HOUR_US
            writer.close(SegmentEnd(end_us, reason, recording_ended=is_last))
            assert await self.node.store.flush(5)
            offset_90k += gops * GOP_90K
            self.at_us = end_us
            if ends_run and index < count - 1:
                self._hole()
                run_id, offset_90k, audio, utc_offset_us = self._begin_run()

    def _hole(self) -> None:
        if not self.is_tidy and self.rng.random() < 0.4:
            self.at_us = self.first_us  # the clock was set back: two segments claim one start
        else:
            self.at_us += self.rng.choice((0, 3, 90)) * SECOND_US

    def _begin_run(self) -> tuple[int, int, bool, int | None]:
        wrong = WRONG_US if not self.is_tidy and self.rng.random() < 0.3 else None
        run_id = self.node.store.begin_run(self.camera_id, self.kind, self.at_us, wrong)
        if not self.is_tidy and self.rng.random() < 0.4:
            run_id = 7  # as another stream's: the disk is a foreign one
        return run_id, 0, self.rng.random() < 0.7, wrong

    def _recording(self) -> str | None:
        if self.kind is StreamKind.SUB:
            return None
        return f"{self.camera_id[:2]}-{self.at_us // HOUR_US}"


async def record(node: Node, seed: int, *, is_tidy: bool, count: int = 9) -> None:
    rng = random.Random(seed)  # noqa: S311 - the same each time
    for camera_id in CAMERAS:
        for kind in StreamKind:
            stream = Stream(node, camera_id, kind, rng)
            stream.is_tidy = is_tidy
            await stream.record(count)


def spoil(media: Path, archive: Path, seed: int) -> None:
    """Torn files, and such as lie on two disks, whole or not."""
    rng = random.Random(seed)  # noqa: S311 - the same each time
    for file in sorted(media.rglob("*.mp4")):
        size = file.stat().st_size
        match rng.randrange(10):
            case 0:
                with file.open("ab") as end:
                    end.write(b"\0\0\0\x99moof")
            case 1:
                os.truncate(file, rng.randrange(size))  # perhaps amid its head
            case 2 | 3 | 4:
                copy = archive / file.relative_to(media)
                copy.parent.mkdir(parents=True, exist_ok=True)
                _ = shutil.copy2(file, copy)
                half = rng.choice((file, copy, None))
                if half is not None:
                    os.truncate(half, rng.randrange(size // 2, size))
                elif rng.random() < 0.5:
                    file.unlink()  # it had been moved
            case _:
                pass


async def prove_wrong(node: Node) -> None:
    """As the journal beside the media tells."""

    async def prove(connection: AsyncConnection) -> None:
        found = await connection.execute(select(clocks.c.id).where(clocks.c.boot == BOOT))
        values = {"shift_us": SHIFT_US, "state": "settled", "from_us": 0, "to_us": 1}
        if found.first() is None:
            row = {"boot": BOOT, "offset_us": WRONG_US, "synchronised": False, **values}
            await connection.execute(insert(clocks).values(row))
        await connection.execute(update(clocks).where(clocks.c.boot == BOOT).values(values))

    await node.database.write(prove)


class Site:
    """What a disk has after a restore, to be indexed more than once."""

    def __init__(self, tmp_path: Path, *, is_away_first: bool) -> None:
        self.tmp_path = tmp_path
        self.archive = tmp_path / "archive"
        self.is_away_first = is_away_first

    async def make(self, seed: int, *, with_runs: bool) -> None:
        node = await open_node(self.tmp_path, FakeClock(), boot=BOOT, is_synchronised=lambda: False)
        await record(node, seed, is_tidy=False)
        _ = await add_archive(node, self.archive)
        await forget_index(node, with_runs=with_runs)
        await prove_wrong(node)
        await node.stop()
        await asyncio.to_thread(spoil, node.media_dir, self.archive, seed)
        await asyncio.to_thread(self._copy, self.tmp_path, self.tmp_path / "kept")

    def _copy(self, source: Path, target: Path) -> None:
        for name in ("data", "media", "archive"):
            shutil.rmtree(target / name, ignore_errors=True)
            _ = shutil.copytree(source / name, target / name)

    async def index(self) -> tuple[Dump, Any]:
        """Made anew from what there was; with the report."""
        await asyncio.to_thread(self._copy, self.tmp_path / "kept", self.tmp_path)
        node = await open_node(self.tmp_path, FakeClock(), boot=BOOT)
        assert await prepare(node.database, node.volumes)
        build = IndexBuild(
            node.database, node.volumes, node_name="pi-1", numbers=node.store,
            state=node.store.index, until_us=node.deleter.indexed_until_us,
        )  # fmt: skip
        if self.is_away_first:
            away = self.tmp_path / "away"
            await asyncio.to_thread(self.archive.rename, away)
            await node.volumes.all[-1].open()
            assert not await build.run()
            await asyncio.to_thread(away.rename, self.archive)
            await node.volumes.all[-1].open()
        assert await build.run()
        found = await dump(node)
        await node.stop()
        return found, build.report


async def dump(node: Node) -> Dump:
    """All rows of all tables of footage."""
    return {
        table.name: sorted((tuple(row) for row in await rows(node, table)), key=repr)
        for table in TABLES
    }


@pytest.mark.parametrize("seed", range(4))  # runs kept or not, a disk away at first or not
async def test_it_is_the_same_in_batches_of_any_size(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One file a transaction is the plain way; no neighbour in a batch may make a difference."""
    site = Site(tmp_path, is_away_first=seed % 2 == 1)
    await site.make(seed, with_runs=seed in {1, 2})
    found = {}
    for size in (1, 7, 100):
        monkeypatch.setattr("falconeye.storage.checks.rebuild._BATCH_BESIDE", size)
        found[size] = await site.index()
    plain, report = found[1]
    assert plain["segments"]
    assert plain["garbage"]
    assert report.cut_bytes
    assert report.copies or site.is_away_first
    assert found[7] == found[1]
    assert found[100] == found[1]


@pytest.mark.parametrize("seed", range(2))
async def test_it_is_as_it_was_recorded(seed: int, tmp_path: Path, clock: FakeClock) -> None:
    """But for what no file knows: why a run ended, and when its last picture did."""
    node = await open_node(tmp_path, clock)
    await record(node, seed, is_tidy=True)
    before = _as_files_know(await dump(node))
    await forget_index(node)
    await node.database.write(lambda c: c.execute(recordings.delete()))
    await node.stop()
    clock.advance(3600)  # runs of now have later numbers
    node = await open_node(tmp_path, clock)
    assert await prepare(node.database, node.volumes)
    build = IndexBuild(node.database, node.volumes, node_name="pi-1", numbers=node.store)
    assert await build.run()
    assert _as_files_know(await dump(node)) == before
    await node.stop()


async def test_any_number_may_claim_one_start(node: Node) -> None:
    """More than what is looked at together; the next free µs is theirs, one by one or at once."""
    _ = await node.record(1)
    (volume,) = node.volumes.all
    [name] = await volume.readers.run(lambda: list(volume.paths()))
    found = (await volume.readers.run(partial(salvage, volume, name, cut=False))).found
    assert found is not None
    [first] = await rows(node, segments)
    count = NEAR_US + 6
    claims = [
        replace(
            entry_of(found, FileKey(volume.number, first.stream_id, START_US + index),
                     node_name="pi-1", run_end=None),
            recording=None,
        )
        for index in range(1, count)
    ]  # fmt: skip
    halves = claims[: count // 2], claims[count // 2 : -1], claims[-1:]
    for half in halves:
        stored = await node.database.write(partial(add_segments_of, half))
        assert [entry.start_us for entry in stored] == [one.file.named_start_us for one in half]
    again = await node.database.write(partial(add_segments_of, halves[0]))
    assert [entry.file for entry in again] == [one.file for one in halves[0]]
    starts = sorted(row.start_us for row in await rows(node, segments))
    assert starts == list(range(START_US, START_US + count))
    [total] = await rows(node, usage)
    assert total.segments == count


async def add_segments_of(
    entries: Sequence[SegmentEntry], connection: AsyncConnection
) -> list[SegmentEntry]:
    return await segment_index.add_segments(connection, entries)


def _as_files_know(found: Dump) -> Dump:
    """Without the wall ends of last segments of runs, and what follows from them."""
    ids = {row[0]: row[1:] for row in found["streams"]}
    ends = {
        (row[2], row[6]) for row in found["segments"]
    }  # (run, media offset): where a segment begins
    kept: dict[str, Callable[[tuple[Any, ...]], tuple[Any, ...]]] = {
        "streams": lambda row: row[1:],
        "runs": lambda row: (row[0], ids[row[1]], row[2]),
        "inits": lambda row: row,
        "segments": lambda row: (
            ids[row[0]], *row[1:4], row[4] if (row[2], row[6] + row[5]) in ends else None, *row[5:]
        ),
        "fragments": lambda row: (ids[row[0]], *row[1:]),
        "usage": lambda row: (ids[row[0]], *row[1:4]),
        "recordings": lambda row: (
            *row[:4], ids[row[4]], *row[5:8], *row[10:]
        ),
        "garbage": lambda row: row,
        "open_files": lambda row: row,
    }  # fmt: skip
    return {name: sorted((of(row) for row in found[name]), key=repr) for name, of in kept.items()}
