"""Power cuts: a recorder on ext4, on a disk whose every write and flush is kept.

The disk is a loop device upon a file of our own file system (`tests.faults.fuse`), so nothing that
ext4 or SQLite did not flush is known to have happened. A crash point is a flush, and a random half
of what was written after it: what a disk with a write cache keeps. The recorder says on a pipe what
it was given, and when. Root; no virtual machine is needed.
"""

import asyncio
import contextlib
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from falconeye.storage.checks.check import check
from falconeye.storage.segments.recovery import recover
from falconeye.storage.tables.footage import segments
from tests.clock import FakeClock
from tests.faults.footage_on_disk import unplayable
from tests.faults.fuse import LOG_ENTRY
from tests.faults.outcome import Outcome
from tests.faults.volumes import sick_volume
from tests.unit.storage_footage.footage import open_node, rows
from tests.unit.storage_footage.test_kill import _CHILD

DISK_MB = 96
SYNC_INTERVAL_S = 2.0  # `_CHILD` records with it
BUDGET_S = SYNC_INTERVAL_S + 1
FIRST_S = 4.0  # the recorder's first file is on the disk by then


@dataclass(frozen=True)
class Entry:
    """A write, or a flush (no bytes)."""

    at_s: float
    offset: int
    data: bytes
    is_flush: bool


def read_log(path: Path) -> list[Entry]:
    content = path.read_bytes()
    found, at = [], 0
    while at + LOG_ENTRY.size <= len(content):
        at_s, kind, offset, size = LOG_ENTRY.unpack_from(content, at)
        at += LOG_ENTRY.size
        found.append(Entry(at_s, offset, content[at : at + size], kind == 1))
        at += size
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
        "power cut (ext4, unflushed writes half lost)", f"{count} crash points",
        f"sync interval {SYNC_INTERVAL_S:.0f} s + 1 s", [], BUDGET_S,
    )  # fmt: skip
    outcome.notes.append(f"seed {seed}")
    base, entries, given = await _record(folder, record_s)
    begun_s = given[0][0]
    flushes = [
        number
        for number, entry in enumerate(entries)
        if entry.is_flush and begun_s + FIRST_S < entry.at_s < given[-1][0]
    ]
    outcome.notes.append(f"{len(entries)} writes and flushes, {len(flushes)} points to choose from")
    for number in range(count):
        await _cut(folder / "cut", base, entries, chance.choice(flushes), given, chance, outcome)
        if number % 20 == 19:
            print(f"power cut {number + 1} of {count}", file=sys.stderr)  # noqa: T201
    return outcome


async def _record(
    folder: Path, record_s: float
) -> tuple[Path, list[Entry], list[tuple[float, float]]]:
    """(the disk as it was empty, all that happened on it, (when, seconds of video given))."""
    backing, outer, inner = folder / "backing", folder / "outer", folder / "inner"
    log, base = folder / "log", folder / "base.img"
    async with sick_volume(backing, outer, log):
        await asyncio.to_thread(_make_disk, outer / "disk.img")
        await asyncio.to_thread(shutil.copyfile, backing / "disk.img", base)
        await asyncio.to_thread(os.truncate, log, 0)  # it is appended to
        await asyncio.to_thread(inner.mkdir)
        await _run("mount", "-o", "loop", str(outer / "disk.img"), str(inner))
        try:
            given = await _given(inner / "node", record_s)
        finally:
            await _run("umount", str(inner))
    return base, await asyncio.to_thread(read_log, log), given


def _make_disk(image: Path) -> None:
    with image.open("wb") as file:
        file.truncate(DISK_MB << 20)
    subprocess.run(["mkfs.ext4", "-q", "-F", str(image)], check=True)


async def _run(*words: str) -> None:
    process = await asyncio.create_subprocess_exec(*words)
    assert await process.wait() == 0, words


async def _given(folder: Path, record_s: float) -> list[tuple[float, float]]:
    """Run a recorder there; what it was given when."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _CHILD, str(folder), "2", stdout=asyncio.subprocess.PIPE
    )
    assert child.stdout is not None
    found: list[tuple[float, float]] = []
    try:
        while not found or found[-1][0] - found[0][0] < record_s:
            line = await child.stdout.readline()
            assert line.endswith(b"\n"), "the recorder ended"
            found.append((time.monotonic(), int(line) / 90_000))
    finally:
        child.kill()
        await child.wait()
    return found


async def _cut(
    folder: Path,
    base: Path,
    entries: list[Entry],
    flush: int,
    given: list[tuple[float, float]],
    chance: random.Random,
    outcome: Outcome,
) -> None:
    """The disk at that flush, half of what came after it, and what a node finds there."""
    image, target = folder / "disk.img", folder / "mounted"
    await asyncio.to_thread(folder.mkdir, exist_ok=True)
    following = next(
        (number for number in range(flush + 1, len(entries)) if entries[number].is_flush),
        len(entries),
    )
    some = [entry for entry in entries[flush + 1 : following] if chance.random() < 0.5]
    await asyncio.to_thread(_rebuild, base, image, entries[: flush + 1] + some)
    cut_s = entries[flush].at_s
    given_s = max((media for at_s, media in given if at_s <= cut_s), default=0.0)
    with mounted_image(image, target):
        node = await open_node(target / "node", FakeClock())
        await recover(node.database, node.volumes, node.store, node_name="pi-1")
        found = await rows(node, segments)
        ends = [row.media_offset_90k + row.media_duration_90k for row in found]
        length_90k = sum(row.media_duration_90k for row in found)
        outcome.wrong += length_90k != max(ends, default=0)  # a hole
        outcome.wrong += len((await check(node.database, node.volumes)).problems)
        await node.stop()
        outcome.lost_s.append(max(0.0, given_s - length_90k / 90_000))
        outcome.unplayable += await asyncio.to_thread(
            unplayable, target / "node" / "data", target / "node" / "media"
        )


def _rebuild(base: Path, image: Path, entries: list[Entry]) -> None:
    shutil.copyfile(base, image)
    with image.open("r+b") as disk:
        for entry in entries:
            if not entry.is_flush:
                disk.seek(entry.offset)
                disk.write(entry.data)
