"""The audit log is shortened from its beginning, says so, and by nothing else."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import delete, update
from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.accounts import audit as audit_module
from falconeye.accounts import audit_pruning as pruning_module
from falconeye.accounts import service as service_module
from falconeye.accounts.audit import AuditLog
from falconeye.accounts.audit_pruning import AuditPruning
from falconeye.accounts.service import Accounts
from falconeye.base.times import DAY_US, MINUTE_US
from falconeye.storage.index.database import Database
from falconeye.storage.stores.audit_store import AuditEntry, AuditStore
from falconeye.storage.stores.node_store import load_identity
from falconeye.storage.tables.node import AUDIT
from tests.clock import START_US, FakeClock

TODAY_US = START_US // DAY_US * DAY_US


@pytest.fixture
async def database(tmp_path: Path, clock: FakeClock) -> AsyncIterator[Database]:
    opened = Database(tmp_path, clock)
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
def log(database: Database, clock: FakeClock) -> AuditLog:
    return AuditLog(AuditStore(database), clock)


async def noted(database: Database, *days_ago: float, action: str = "camera.changed") -> None:
    store = AuditStore(database)
    for days in days_ago:
        at_us = TODAY_US - round(days * DAY_US)
        await store.add(AuditEntry(at_us, "user", "1", "anna", action, "camera", "c", "", ""))


async def ages(log: AuditLog) -> list[float]:
    """How many days ago each entry but those of prunings is dated, the oldest first."""
    entries, _ = await log.list(limit=1000)
    kept = [one for one in entries if one.action != "audit.pruned"]
    return [(TODAY_US - one.at_us) / DAY_US for one in reversed(kept)]


def settled(pruning: AuditPruning, clock: FakeClock) -> None:
    """Ten minutes on which the clock ran without a jump."""
    assert pruning._time.now_us() is None
    clock.advance(10 * 60)


async def test_whole_days_go_and_one_entry_says_so(
    database: Database, log: AuditLog, clock: FakeClock
) -> None:
    await noted(database, 40, 31, 30, 29.5, 1)
    pruning = AuditPruning(log, clock, lambda: 30, lambda: True)
    settled(pruning, clock)
    assert await pruning.look() == 2
    assert await ages(log) == [30, 29.5, 1]
    newest = (await log.list())[0][0]
    assert (newest.action, newest.who_name, newest.at_us) == (
        "audit.pruned",
        "system",
        clock.utc_us(),
    )
    assert newest.detail.startswith("2 entries up to ")
    assert newest.detail.endswith("kept for 30 days")
    assert await pruning.look() == 0
    assert (await log.list())[1] == 4
    clock.advance(86_400)
    assert await pruning.look() == 2  # a day later: of the thirtieth, and half past it


async def test_a_year_by_default_and_none_for_good(
    database: Database, log: AuditLog, clock: FakeClock
) -> None:
    await noted(database, 5000, 366, 365)
    for_good = AuditPruning(log, clock, lambda: None, lambda: True)
    settled(for_good, clock)
    assert await for_good.look() == 0
    assert len(await ages(log)) == 3


async def test_a_clock_that_nobody_set_deletes_nothing(
    database: Database, log: AuditLog, clock: FakeClock
) -> None:
    await noted(database, 400)
    pruning = AuditPruning(log, clock, lambda: 30, lambda: False)
    settled(pruning, clock)
    assert await pruning.look() == 0
    leaping = AuditPruning(log, clock, lambda: 30, lambda: True)
    settled(leaping, clock)
    clock.step_utc(3 * 3600)  # NTP has only now set it
    assert await leaping.look() == 0
    assert await ages(log) == [400]


async def test_dates_that_a_wrong_clock_gave_neither_go_early_nor_hold_others_up(
    database: Database, log: AuditLog, clock: FakeClock
) -> None:
    in_1970 = TODAY_US / DAY_US
    await noted(database, 40, -5000, 39, 20, in_1970, 10)
    pruning = AuditPruning(log, clock, lambda: 30, lambda: True)
    settled(pruning, clock)
    assert await pruning.look() == 3  # the one dated ahead stood among those of 40 days ago
    assert await ages(log) == [20, in_1970, 10]


async def test_many_go_in_steps_that_each_say_what_went(
    database: Database, log: AuditLog, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_module, "PRUNED_AT_ONCE", 4)
    await noted(database, *(40 for _ in range(10)), 1)
    pruning = AuditPruning(log, clock, lambda: 30, lambda: True)
    settled(pruning, clock)
    assert await pruning.look() == 10
    entries, _ = await log.list()
    told = [one.detail.partition(" ")[0] for one in entries if one.action == "audit.pruned"]
    assert told == ["2", "4", "4"]
    assert await ages(log) == [1]


async def test_checksums_of_exports_stay(
    database: Database, log: AuditLog, clock: FakeClock
) -> None:
    await noted(database, 400)
    await noted(database, 399, action="export.hash")
    await noted(database, 398)
    pruning = AuditPruning(log, clock, lambda: 30, lambda: True)
    settled(pruning, clock)
    assert await pruning.look() == 2
    assert await ages(log) == [399]
    assert await pruning.look() == 0


async def test_the_database_refuses_all_other_deletions(
    database: Database, log: AuditLog, clock: FakeClock
) -> None:
    await noted(database, 40, 39)
    await noted(database, 38, action="export.hash")
    await noted(database, 5, 4)
    pruning = AuditPruning(log, clock, lambda: 30, lambda: True)
    settled(pruning, clock)
    assert await pruning.look() == 2
    await noted(database, 3)

    async def forged(connection: AsyncConnection) -> None:
        await connection.execute(update(AUDIT).values(detail="nothing happened"))

    async def all_gone(connection: AsyncConnection) -> None:
        await connection.execute(delete(AUDIT))

    async def newest_gone(connection: AsyncConnection) -> None:
        await connection.execute(delete(AUDIT).where(AUDIT.c.at_us == TODAY_US - 3 * DAY_US))

    async def hash_gone(connection: AsyncConnection) -> None:
        await connection.execute(delete(AUDIT).where(AUDIT.c.action == "export.hash"))

    for deed in (forged, all_gone, newest_gone, hash_gone):
        with pytest.raises(Exception, match="only grows"):
            await database.write(deed)
    assert await ages(log) == [38, 5, 4, 3]


async def test_a_shorter_time_counts_within_a_minute(
    database: Database, log: AuditLog, clock: FakeClock
) -> None:
    days = 365
    await noted(database, 100)
    pruning = AuditPruning(log, clock, lambda: days, lambda: True)
    settled(pruning, clock)
    assert await pruning.look() == 0
    days = 30
    clock.advance(MINUTE_US / 1_000_000)
    assert await pruning.look() == 1


async def test_a_node_that_serves_does_it_by_itself(
    database: Database, log: AuditLog, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await noted(database, 40, 1)
    ready = partial(AuditPruning, is_synchronised=lambda: True)
    monkeypatch.setattr(service_module, "AuditPruning", ready)
    monkeypatch.setattr(pruning_module, "LOOK_S", 0.01)
    _ = await load_identity(database, clock)
    accounts = Accounts(database, clock)
    await accounts.start(serving=True, keep_audit_days=lambda: 30)
    try:
        async with asyncio.timeout(8):
            while len(await ages(log)) > 1:
                clock.advance(60)
                await asyncio.sleep(0.02)
    finally:
        await accounts.stop()
    assert await ages(log) == [1]
