"""The node's clock is set while it records, back and forth, until NTP keeps it."""

import asyncio
import random
from pathlib import Path

from falconeye.base.times import SECOND_US
from falconeye.storage.tables.footage import recordings
from tests.clock import FakeClock
from tests.faults.footage_on_disk import left_behind, unplayable
from tests.faults.outcome import Holdings, Outcome
from tests.unit.storage_footage.boards import Board, boot, overlaps, problems, segments_of
from tests.unit.storage_footage.footage import rows

PLAYED_S = 7
MAY_MB = 16.0


async def clock_steps(folder: Path, count: int) -> Outcome:
    """Boots with a wrong clock, steps of seconds to months; NTP comes at last in each."""
    seed = random.SystemRandom().randrange(1 << 32)
    chance = random.Random(seed)  # noqa: S311 - steps, not secrets
    outcome = Outcome("clock steps, boots with a wrong clock", f"{count} steps", "nothing", [], 0.1)
    outcome.notes.append(f"seed {seed}")
    clock = FakeClock()
    known: set[int] = set()
    before: Holdings | None = None
    steps = number = 0
    played = 0.0
    while steps < count:
        number += 1
        true_us = clock.utc_us()
        behind_s = chance.choice([0, 5, 40, 3600, 90 * 86_400]) * chance.choice([-1, 1])
        clock.step_utc(behind_s)
        board = await boot(folder, clock, name=f"boot-{number}")
        times = await _step(board, behind_s, chance)
        steps += times
        played += PLAYED_S * (times + 1)
        found = await segments_of(board.node)
        outcome.wrong += len(overlaps(found)) + len(await problems(board.node))
        outcome.wrong += sum(
            not true_us - SECOND_US < row.start_us < true_us + 60 * SECOND_US
            for row in found
            if row.run_id not in known
        )
        known |= {row.run_id for row in found}
        kept = sum(row.media_duration_90k for row in found) / 90_000
        outcome.lost_s.append(abs(played - kept))
        listed = await rows(board.node, recordings)
        outcome.wrong += abs(sum(row.segments for row in listed) - len(found))
        await board.stop()
        before = before or await Holdings.now()
        clock.advance(120)
    assert before is not None
    outcome.leaked((await Holdings.now()).leaks(before, may_mb=MAY_MB))
    outcome.leaked(await asyncio.to_thread(left_behind, folder / "data", folder / "media"))
    outcome.unplayable = unplayable(folder / "data", folder / "media")
    return outcome


async def _step(board: Board, off_s: float, chance: random.Random) -> int:
    """Record while the clock, so far off, is set by hand, and at last by NTP; how often it was."""
    by_hand = chance.randrange(1, 4)
    for _ in range(by_hand):
        await board.record(PLAYED_S)
        wrong_s = chance.choice([-30, -2, 2, 30, 7200])
        await board.set_clock(wrong_s, ntp=False)
        off_s += wrong_s
    await board.record(PLAYED_S)
    await board.set_clock(-off_s)
    await board.record(PLAYED_S)
    await board.end()
    await board.redater.round()
    return by_hand + 1
