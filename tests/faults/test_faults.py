"""Every fault of `make faults`, met a few times."""

import asyncio
import os
import random
import struct
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import pytest

from falconeye.media.samples import StreamKind
from falconeye.storage.tables.footage import open_files
from tests.clock import START_US, FakeClock
from tests.faults.clock_steps import clock_steps
from tests.faults.ext4_volumes import ext4_volumes
from tests.faults.footage_on_disk import left_behind, unplayable
from tests.faults.ill_cameras import changes, other_streams, stalls, truncations
from tests.faults.kills import kills, node_kills
from tests.faults.long_time import many_rows, retention_week
from tests.faults.outcome import Holdings, Outcome, table
from tests.faults.power import Entry, power_cuts, rebuild
from tests.faults.reconnects import reconnects
from tests.faults.vm_clock import vm_clock_steps
from tests.faults.vm_job import NotHere
from tests.faults.vm_power import WriteLog, vm_power_cuts
from tests.faults.volumes import failing_volumes, full_disk, slow_volumes
from tests.unit.storage_footage.footage import CAMERA, GOP_US, open_node

pytestmark = [pytest.mark.fault, pytest.mark.timeout(180)]
needs_root = pytest.mark.skipif(
    os.geteuid() != 0 or not Path("/dev/fuse").exists() or not Path("/dev/loop-control").exists(),
    reason="mounting needs root, FUSE and loop devices",
)
Fault = Callable[[Path, int], Awaitable[Outcome]]


def judge(outcome: Outcome) -> None:
    assert outcome.ok, f"{outcome.line()}\n{outcome.notes}\n{outcome.lost_s}"


@pytest.mark.parametrize(
    ("fault", "amount"),
    [
        pytest.param(clock_steps, 12, id="clock"),
        pytest.param(kills, 4, id="kill"),
        pytest.param(node_kills, 2, id="kill-node"),
        pytest.param(reconnects, 30, id="reconnect"),
        pytest.param(stalls, 3, id="camera-stall"),
        pytest.param(truncations, 3, id="camera-truncate"),
        pytest.param(changes, 2, id="camera-change"),
        pytest.param(other_streams, 2, id="camera-other"),
        pytest.param(retention_week, 3, id="retention-bytes"),
        pytest.param(partial(retention_week, file_s=600), 40, id="retention-age"),
        pytest.param(many_rows, 1, id="rows"),
    ],
)
async def test_it_costs_no_more_than_the_budget(tmp_path: Path, fault: Fault, amount: int) -> None:
    judge(await fault(tmp_path, amount))


@pytest.mark.root
@needs_root
@pytest.mark.parametrize(
    ("fault", "amount"),
    [
        (full_disk, 60),
        (failing_volumes, 3),
        (ext4_volumes, 3),
        (slow_volumes, 2),
        (partial(power_cuts, record_s=15.0), 5),
    ],
    ids=["full-disk", "sick-disk", "ext4", "slow-disk", "power"],
)
async def test_a_disk_costs_no_more_than_the_budget(
    tmp_path: Path, fault: Fault, amount: int
) -> None:
    judge(await fault(tmp_path, amount))


def test_the_table_tells_what_is_beyond_the_budget() -> None:
    good = Outcome("kill", "2 times", "1 s", [0.2, 0.9, 0.3], 1.0)
    assert good.ok
    assert "0.30 / 0.90 s" in table([good])
    for bad in (
        Outcome("kill", "", "", [1.1], 1.0),
        Outcome("kill", "", "", unplayable=1),
        Outcome("kill", "", "", wrong=1),
        Outcome("kill", "", "", leaks=["2 threads"]),
    ):
        assert not bad.ok
    held = Holdings(10, 5, 100.0)
    assert Holdings(12, 6, 130.0).leaks(held, may_mb=16) == [
        "2 file descriptors", "1 threads", "30 MB",
    ]  # fmt: skip
    assert Holdings(10, 5, 110.0).leaks(held, may_mb=16) == []
    assert Holdings(10, 5, 100.0, tasks=2).leaks(held, may_mb=16) == ["2 tasks"]


@pytest.mark.parametrize(
    ("fault", "words"), [(vm_clock_steps, "clock of a virtual"), (vm_power_cuts, "power cut of a")]
)
async def test_what_cannot_be_met_here_is_told_by_its_own_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: Fault, words: str
) -> None:
    """Its row is taken out of the table, and no other one's."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(NotHere) as told:
        await fault(tmp_path, 1)
    assert told.value.fault.startswith(words)


async def test_what_is_held_counts_tasks_and_open_files(tmp_path: Path) -> None:
    before, ended = await Holdings.now(), asyncio.Event()
    async with asyncio.TaskGroup() as group:
        _ = group.create_task(ended.wait())
        with (tmp_path / "file").open("w"):
            found = (await Holdings.now()).leaks(before, may_mb=100)
        ended.set()
    assert found == ["1 file descriptors", "1 tasks"]
    assert (await Holdings.now()).leaks(before, may_mb=100) == []


async def test_what_a_crash_left_on_the_disk_is_found(tmp_path: Path) -> None:
    node = await open_node(tmp_path, FakeClock())
    run = node.store.begin_run(CAMERA, StreamKind.MAIN, START_US)
    await node.record(run)
    await node.database.write(
        lambda connection: connection.execute(
            open_files.insert(),
            {"volume_id": 1, "stream_id": 1, "named_start_us": 7, "run_id": run},
        )
    )
    await node.stop()
    data, media = tmp_path / "data", tmp_path / "media"
    assert await asyncio.to_thread(left_behind, data, media) == ["1 rows of open_files"]
    segment = next(iter(media.rglob("*.mp4")))
    (data / "socket").touch()
    lost = segment.with_name("1.mp4")
    lost.touch()
    assert await asyncio.to_thread(left_behind, data, media) == [
        "1 rows of open_files", "socket", lost.relative_to(media).as_posix(),
    ]  # fmt: skip


async def test_what_a_virtual_machine_writes_is_read_while_it_grows(tmp_path: Path) -> None:
    path = tmp_path / "log"
    await asyncio.to_thread(path.write_bytes, bytes(1 << 20))
    log, at = WriteLog(path), 512

    def append(sector: int, sectors: int, flags: int, data: bytes = b"") -> None:
        nonlocal at
        content = struct.pack("<QQQQ", sector, sectors, flags, len(data)).ljust(512, b"\0") + data
        with path.open("r+b") as file:
            file.seek(at)
            file.write(content)
        at += len(content)

    assert log.length() == 0
    await asyncio.to_thread(append, 8, 2, 0, b"a" * 1024)
    assert log.length() == 1
    await asyncio.to_thread(append, 0, 0, 1)
    await asyncio.to_thread(append, 9, 1, 4)
    await asyncio.to_thread(append, 10, 1, 2, b"b" * 512)
    assert log.length() == 4
    assert log.entries() == [
        Entry(0, 8 * 512, b"a" * 1024, is_flush=False),
        Entry(1, 0, b"", is_flush=True),
        Entry(2, 9 * 512, bytes(512), is_flush=False),  # discarded
        Entry(3, 10 * 512, b"b" * 512, is_flush=False),
        Entry(3, 0, b"", is_flush=True),  # FUA
    ]
    log.close()


def test_a_cut_keeps_what_was_flushed_and_some_of_the_rest(tmp_path: Path) -> None:
    base, image = tmp_path / "base", tmp_path / "image"
    base.write_bytes(bytes(4096))
    entries = [
        Entry(1, 0, b"a" * 512, is_flush=False),
        Entry(2, 0, b"", is_flush=True),
        Entry(3, 512, b"b" * 1024, is_flush=False),
        Entry(4, 2048, b"c" * 512, is_flush=False),
    ]
    found = set()
    for seed in range(60):
        rebuild(base, image, entries, 4, random.Random(seed))  # noqa: S311 - no secret
        found.add(image.read_bytes())
    kept = [b"a" * 512 + (b"b" * 512 * sectors).ljust(3584, b"\0") for sectors in range(3)]
    assert sorted(found) == sorted(kept)


async def test_a_file_that_does_not_play_is_found(tmp_path: Path) -> None:
    node = await open_node(tmp_path, FakeClock())
    run = node.store.begin_run(CAMERA, StreamKind.MAIN, START_US)
    for index in range(2):
        start_us = START_US + index * 2 * GOP_US
        await node.record(run, start_us, offset_90k=index * 180_000)
    await node.stop()
    data, media = tmp_path / "data", tmp_path / "media"
    assert await asyncio.to_thread(unplayable, data, media) == 0
    path = next(iter(media.rglob("*.mp4")))
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    assert await asyncio.to_thread(unplayable, data, media) == 1
