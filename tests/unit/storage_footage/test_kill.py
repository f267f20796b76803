"""kill -9 at random moments: at most 1 s of what the recorder was given is lost (DESIGN 8)."""

import asyncio
import random
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from falconeye.storage.checks.check import check
from falconeye.storage.segments.recovery import recover
from falconeye.storage.tables.footage import segments
from tests.clock import FakeClock
from tests.unit.storage_footage.footage import open_node, rows

KILLS, AT_ONCE = 20, 4
BUDGET_S = 1.0
_FRAME_S = 0.04


async def lost_s(folder: Path, clock: FakeClock, chance: random.Random) -> float:
    """Record, kill, recover: how much of what was handed over cannot be played."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.unit.storage_footage.recorder_process",
        str(folder), str(chance.choice([1, 2, 60])), stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert child.stdout is not None
    line = await child.stdout.readline()
    loop = asyncio.get_running_loop()
    killed = loop.call_later(chance.uniform(0, 3.5), child.send_signal, signal.SIGKILL)
    lines = [line]
    try:
        lines += [line async for line in child.stdout]
    finally:
        killed.cancel()
        if child.returncode is None:
            child.kill()
        await child.wait()
    said = [line for line in lines if line.endswith(b"\n")]
    given_s = max(int(line) for line in said if not line.startswith(b"row")) / 90_000 + _FRAME_S
    stored = max((int(line[4:]) for line in said if line.startswith(b"row")), default=0)
    node = await open_node(folder, clock)
    assert len(await rows(node, segments)) >= stored, "a committed row is lost"
    await recover(node.database, node.volumes, node.store, node_name="pi-1")
    found = await rows(node, segments)
    ends = [row.media_offset_90k + row.media_duration_90k for row in found]
    assert sum(row.media_duration_90k for row in found) == max(ends, default=0), "a hole"
    problems = (await check(node.database, node.volumes)).problems
    await node.deleter.empty_garbage()  # as a node does in its first round
    await node.stop()
    assert problems == []
    return given_s - max(ends, default=0) / 90_000


@pytest.mark.fault
@pytest.mark.timeout(120)
async def test_kill_9_loses_at_most_a_second(
    tmp_path: Path, clock: FakeClock, record_property: Callable[[str, object], None]
) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    chance = random.Random(seed)  # noqa: S311 - moments, not secrets
    lost: list[float] = []
    for first in range(0, KILLS, AT_ONCE):
        folders = [tmp_path / str(first + index) for index in range(AT_ONCE)]
        lost += await asyncio.gather(*(lost_s(folder, clock, chance) for folder in folders))
    lost.sort()
    words = f"lost at kill -9: {' '.join(f'{value:.2f}' for value in lost)} s (seed {seed})"
    print(words)  # noqa: T201 - `pytest -s` shows how it is spread
    record_property("lost_s", words)
    assert max(lost) <= BUDGET_S, words
    assert min(lost) >= 0, words
