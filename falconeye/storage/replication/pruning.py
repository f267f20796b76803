"""Forgets tombstones of sessions, which are the many: one for each sign-in that ends.

A tombstone keeps a row that some node still has from coming back. A session ends by its age 90 days
after it began, on every node, whatever any node has heard: so after more than that it holds nothing
back any more. All other tombstones stay for good: a user, token or camera has no age, and there are
few. The node's clock may be wrong by years; so days on which it ran are counted, none is believed.
"""

from typing import Any, Final

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.engine import Connection

from falconeye.base.times import DAY_US
from falconeye.storage.tables.node import SETTINGS
from falconeye.storage.tables.replicated import (
    SESSION_DAYS,
    TOMBSTONE,
    replica_fields,
    replica_state,
)

KEPT_DAYS: Final = 120  # sessions live 90 (accounts/sessions.py)


def forget_old(connection: Connection, utc_us: int) -> int:
    """Once a day: note how far the numbers are, forget what came `KEPT_DAYS` notes ago; how many.

    A day that is before the last one noted is none: the clock was set back.
    """
    day = utc_us // DAY_US
    noted = connection.execute(
        select(SETTINGS.c.value).where(SETTINGS.c.key == SESSION_DAYS)
    ).scalar()
    last, numbers = _read(noted)
    if day <= last:
        return 0
    numbers.append(connection.execute(select(replica_state.c.next_seq)).scalar_one() - 1)
    forgotten = 0
    if len(numbers) > KEPT_DAYS:
        old = delete(replica_fields).where(
            replica_fields.c.kind == "sessions",
            replica_fields.c.field == TOMBSTONE,
            replica_fields.c.seq <= numbers[-1 - KEPT_DAYS],
        )
        forgotten = connection.execute(old).rowcount
    _write(connection, {"day": day, "numbers": numbers[-KEPT_DAYS:]})
    return forgotten


def _read(noted: Any) -> tuple[int, list[int]]:
    """(the last day noted, how far the numbers were on each); what is no note counts as none."""
    try:
        return int(noted["day"]), [int(each) for each in noted["numbers"]]
    except (TypeError, KeyError, ValueError):
        return -1, []


def _write(connection: Connection, noted: dict[str, Any]) -> None:
    """As this node's own: the triggers of an older schema would tell it to all."""
    connection.execute(update(replica_state).values(applying=1))
    row = insert(SETTINGS).values(key=SESSION_DAYS, value=noted)
    connection.execute(
        row.on_conflict_do_update(index_elements=[SETTINGS.c.key], set_={"value": noted})
    )
    connection.execute(update(replica_state).values(applying=0))
