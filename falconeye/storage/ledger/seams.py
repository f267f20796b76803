"""Where the node's clock was set while it ran: seams of all cameras' time.

Ahead leaves a time that nothing was recorded in; back makes a time come again, and two runs then
claim it. A seam is stored with the stretch of the node's life that begins at it
(`uptimes.step_us`).
Where a setting of the clock proved wrong, its times are moved, and what was a seam closes.
"""

from dataclasses import dataclass

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.storage.ledger.clocks import PROOF_US, SAME_US
from falconeye.storage.tables.ledger import uptimes


@dataclass(frozen=True, slots=True)
class ClockSeam:
    """The clock showed `before_us` (UTC) when it was set to `after_us`."""

    before_us: int
    after_us: int

    @property
    def step_us(self) -> int:
        """How far it was set; negative: back."""
        return self.after_us - self.before_us


async def read_seams(from_us: int, to_us: int, connection: AsyncConnection) -> list[ClockSeam]:
    """Those that touch [from, to), in the order of the times that the clock showed."""
    after_us, step_us = uptimes.c.from_us, uptimes.c.step_us
    before_us = after_us - step_us
    rows = await connection.execute(
        select(before_us, after_us)
        .where(
            step_us.is_not(None),
            func.min(before_us, after_us) < to_us,
            func.max(before_us, after_us) >= from_us,
        )
        .order_by(before_us)
    )
    return [ClockSeam(before, after) for before, after in rows]


async def move_seam_after(connection: AsyncConnection, ended_us: int, by_us: int) -> None:
    """A stretch that ended at a seam, then `ended_us`, is moved: what follows it is as it was.

    The stretch that follows is the one whose clock was set where this one's ended; whether that
    was moved already does not matter.
    """
    begun_us = uptimes.c.from_us - uptimes.c.step_us
    rows = await connection.execute(
        select(uptimes.c.from_us, uptimes.c.step_us).where(
            uptimes.c.step_us.is_not(None), func.abs(begun_us - ended_us) < SAME_US
        )
    )
    for from_us, step_us in rows.all():
        await connection.execute(
            update(uptimes)
            .where(uptimes.c.from_us == from_us)
            .values(step_us=step_left(step_us - by_us))
        )


def step_left(step_us: int) -> int | None:
    """What is stored of a step: None where times were put right, to what they are exact to."""
    return step_us if abs(step_us) > PROOF_US else None
