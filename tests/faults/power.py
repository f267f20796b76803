"""Power cuts: a recorder on ext4, on a disk whose every write and flush is kept.

The disk is a loop device upon a file of our own file system (`tests.faults.fuse`), so nothing that
ext4 or SQLite did not flush is known to have happened. Media and database lie on it. A crash point
is any moment, or the one just before a flush, when most is at stake: what was flushed by then is on
the disk, and of each write after it nothing, all, or its first sectors, as on a disk with a write
cache. The recorder says on a pipe what it was given and which rows are committed, and when. Root.
"""

import asyncio
import contextlib
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from falconeye.storage.checks.check import check
from falconeye.storage.index.data_directory import DATABASE_NAME
from falconeye.storage.segments.recovery import recover
from falconeye.storage.tables.footage import segments
from tests.clock import FakeClock
from tests.faults.footage_on_disk import left_behind, unplayable
from tests.faults.fuse import LOG_ENTRY
from tests.faults.outcome import Holdings, Outcome
from tests.faults.volumes import sick_volume
from tests.unit.storage_footage.footage import open_node, rows
from tests.unit.storage_footage.recorder_process import SYNC_INTERVAL_S

DISK_MB = 96
SECTOR_BYTES = 512
BUDGET_S = SYNC_INTERVAL_S + 1
MAY_MB = 16.0
FIRST_S = 4.0  # the recorder's first file is on the disk by then


@dataclass(frozen=True)
class Said:
    """What the recorder had told."""

    at: float  # as `Entry.at`
    given_s: float  # of video
    stored: int  # files whose row is committed


@dataclass(frozen=True)
class Entry:
    """A write, or a flush (no bytes)."""

    at: float  # seconds; of a virtual machine its number
    offset: int
    data: bytes
    is_flush: bool


@dataclass(frozen=True)
class Recorded:
    """The disk as it was empty, all that happened on it, and what the recorder told."""

    base: Path
    entries: Sequence[Entry]
    said: Sequence[Said]


def read_log(path: Path) -> list[Entry]:
    content = path.read_bytes()
    found, place = [], 0
    while place + LOG_ENTRY.size <= len(content):
        at, kind, offset, size = LOG_ENTRY.unpack_from(content, place)
        place += LOG_ENTRY.size
        found.append(Entry(at, offset, content[place : place + size], kind == 1))
        place += size
    return found


@contextlib.contextmanager
def mounted_image(image: Path, target: Path) -> Iterator[None]:
    """ext4 in a file, as after the power came back: the kernel replays its journal."""
    target.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-o", "loop", str(image), str(target)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", str(target)], check=True)


async def power_cuts(folder: Path, count: int, record_s: float = 25.0) -> Outcome:
    """One recording, cut at so many points."""
    seed = random.SystemRandom().randrange(1 << 32)
    chance = random.Random(seed)  # noqa: S311 - moments, not secrets
    outcome = Outcome(
        "power cut (ext4, files and SQLite; unflushed writes lost, kept or torn)",
        f"{count} crash points", f"sync interval {SYNC_INTERVAL_S:.0f} s + 1 s", [], BUDGET_S,
    )  # fmt: skip
    outcome.notes.append(f"seed {seed}")
    base, entries, said = await _record(folder, record_s)
    await cut_often(folder, count, Recorded(base, entries, said), chance, outcome)
    return outcome


async def cut_often(
    folder: Path, count: int, recorded: Recorded, chance: random.Random, outcome: Outcome
) -> None:
    """Rebuild and judge the disk at so many points."""
    entries, said = recorded.entries, recorded.said
    first = next(one.at for one in said if one.given_s > FIRST_S)
    flushes = [entry.at for entry in entries if entry.is_flush and first < entry.at < said[-1].at]
    outcome.notes.append(f"{len(entries)} writes and flushes, {len(flushes)} flushes to cut before")
    before: Holdings | None = None
    for number in range(count):
        # The last moment before a flush, or any.
        at = chance.choice(flushes) if number % 2 else chance.uniform(first, said[-1].at)
        image = folder / "cut.img"
        await asyncio.to_thread(rebuild, recorded.base, image, entries, at, chance)
        await judge(image, folder / "mounted", told_by(said, at), outcome)
        before = before or await Holdings.now()
        if number % 20 == 19:
            print(f"power cut {number + 1} of {count}", file=sys.stderr)  # noqa: T201
    assert before is not None
    outcome.leaked((await Holdings.now()).leaks(before, may_mb=MAY_MB))


def told_by(said: Sequence[Said], at: float) -> Said:
    """The last that was told by then."""
    return next((one for one in reversed(said) if one.at <= at), Said(at, 0.0, 0))


async def _record(folder: Path, record_s: float) -> tuple[Path, list[Entry], list[Said]]:
    """(the disk as it was empty, all that happened on it, what the recorder told)."""
    backing, outer, inner = folder / "backing", folder / "outer", folder / "inner"
    log, base = folder / "log", folder / "base.img"
    async with sick_volume(backing, outer, log):
        await asyncio.to_thread(make_disk, outer / "disk.img")
        await asyncio.to_thread(shutil.copyfile, backing / "disk.img", base)
        await asyncio.to_thread(os.truncate, log, 0)  # it is appended to
        await asyncio.to_thread(inner.mkdir)
        await _run("mount", "-o", "loop", str(outer / "disk.img"), str(inner))
        try:
            said = await _told(inner / "node", record_s)
        finally:
            await _run("umount", str(inner))
    return base, await asyncio.to_thread(read_log, log), said


def make_disk(image: Path) -> None:
    """An empty one."""
    with image.open("wb") as file:
        file.truncate(DISK_MB << 20)
    subprocess.run(["mkfs.ext4", "-q", "-F", str(image)], check=True)


async def _run(*words: str) -> None:
    process = await asyncio.create_subprocess_exec(*words)
    assert await process.wait() == 0, words


async def _told(folder: Path, record_s: float) -> list[Said]:
    """Run a recorder there; what it told."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.unit.storage_footage.recorder_process", str(folder), "2",
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert child.stdout is not None
    found: list[Said] = []
    try:
        while not found or found[-1].at - found[0].at < record_s:
            line = await child.stdout.readline()
            assert line.endswith(b"\n"), "the recorder ended"
            found.append(heard(line, time.monotonic(), found))
    finally:
        child.kill()
        await child.wait()
    return found


def heard(line: bytes, at: float, before: Sequence[Said]) -> Said:
    """A line of the recorder's, after what it had told."""
    last = before[-1] if before else Said(at, 0.0, 0)
    if line.startswith(b"row"):
        return Said(at, last.given_s, int(line.split()[1]))
    return Said(at, int(line) / 90_000, last.stored)


def rebuild(
    base: Path, image: Path, entries: Sequence[Entry], at: float, chance: random.Random
) -> None:
    """The disk after a cut at this moment."""
    by_then = [entry for entry in entries if entry.at < at]
    flushed = max((number for number, entry in enumerate(by_then) if entry.is_flush), default=-1)
    shutil.copyfile(base, image)
    with image.open("r+b") as disk:
        for number, entry in enumerate(by_then):
            data = entry.data if number <= flushed else _some_of(entry.data, chance)
            disk.seek(entry.offset)
            disk.write(data)


def _some_of(data: bytes, chance: random.Random) -> bytes:
    """Nothing, all, or the first sectors."""
    sectors = len(data) // SECTOR_BYTES
    return data[: SECTOR_BYTES * chance.choice([0, sectors, chance.randint(0, sectors)])]


async def judge(image: Path, target: Path, told: Said, outcome: Outcome) -> None:
    """What a node finds on that disk, and what it leaves there."""
    data_dir, media_dir = target / "node" / "data", target / "node" / "media"
    with mounted_image(image, target):
        node = await open_node(target / "node", FakeClock())
        outcome.wrong += max(0, told.stored - len(await rows(node, segments)))
        await recover(node.database, node.volumes, node.store, node_name="pi-1")
        found = await rows(node, segments)
        ends = [row.media_offset_90k + row.media_duration_90k for row in found]
        length_90k = sum(row.media_duration_90k for row in found)
        outcome.wrong += length_90k != max(ends, default=0)  # a hole
        outcome.wrong += len((await check(node.database, node.volumes)).problems)
        await node.deleter.empty_garbage()  # as a node does in its first round
        await node.stop()
        outcome.lost_s.append(max(0.0, told.given_s - length_90k / 90_000))
        outcome.wrong += await asyncio.to_thread(_damaged, data_dir / DATABASE_NAME)
        outcome.leaked(await asyncio.to_thread(left_behind, data_dir, media_dir))
        outcome.unplayable += await asyncio.to_thread(unplayable, data_dir, media_dir)


def _damaged(database: Path) -> bool:
    """Whether SQLite finds its file damaged."""
    with closing(sqlite3.connect(database)) as connection:
        return bool(connection.execute("PRAGMA integrity_check").fetchall() != [("ok",)])
