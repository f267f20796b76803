"""kill -9 at random moments of a recorder on the real clock."""

import asyncio
import random
from pathlib import Path

from tests.clock import FakeClock
from tests.faults.footage_on_disk import left_behind, unplayable
from tests.faults.outcome import Holdings, Outcome
from tests.unit.storage_footage.test_kill import AT_ONCE, BUDGET_S, lost_s

MAY_MB = 16.0


async def kills(folder: Path, count: int) -> Outcome:
    """Kill so many processes; recover and check each."""
    seed = random.SystemRandom().randrange(1 << 32)
    chance = random.Random(seed)  # noqa: S311 - moments, not secrets
    outcome = Outcome("kill -9 of a recorder", f"{count} times", f"{BUDGET_S:.0f} s", [], BUDGET_S)
    outcome.notes.append(f"seed {seed}")
    before: Holdings | None = None
    for first in range(0, count, AT_ONCE):
        folders = [folder / str(first + index) for index in range(min(AT_ONCE, count - first))]
        found = await asyncio.gather(
            *(lost_s(one, FakeClock(), chance) for one in folders), return_exceptions=True
        )
        for one, lost in zip(folders, found, strict=True):
            if isinstance(lost, AssertionError):
                outcome.wrong += 1
                outcome.notes.append(str(lost))
            elif isinstance(lost, BaseException):
                raise lost
            else:
                outcome.lost_s.append(lost)
                bad = await asyncio.to_thread(unplayable, one / "data", one / "media")
                outcome.unplayable += bad
                outcome.leaked(await asyncio.to_thread(left_behind, one / "data", one / "media"))
        before = before or await Holdings.now()
    assert before is not None
    outcome.leaked((await Holdings.now()).leaks(before, may_mb=MAY_MB))
    return outcome
