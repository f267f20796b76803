"""Tombstones of sessions are forgotten when nothing can come back by that; all others stay."""

import asyncio
from pathlib import Path

from falconeye.accounts.sessions import ABSOLUTE_US
from falconeye.base.times import DAY_US
from falconeye.storage.replication.pruning import KEPT_DAYS
from falconeye.storage.replication.replica import Replica
from falconeye.storage.stores.node_store import load_identity
from tests.clock import START_US, FakeClock
from tests.databases import closed_database
from tests.unit.storage_replication.sites import Site, exchange

SESSIONS = "SELECT id FROM replica_fields WHERE kind = 'sessions' ORDER BY id"
OTHERS = "SELECT kind, id FROM replica_fields WHERE field = '' AND kind <> 'sessions' ORDER BY 1"


def days(site: Site, first: int, last: int) -> int:
    """What is forgotten on each day on which it runs, both included."""
    return sum(site.forget_old(START_US + number * DAY_US) for number in range(first, last + 1))


def test_a_session_lives_less_long_than_its_tombstone() -> None:
    assert KEPT_DAYS * DAY_US >= ABSOLUTE_US + 30 * DAY_US


def test_those_of_sessions_go_after_so_many_days_and_others_stay(tmp_path: Path) -> None:
    here, there = Site(tmp_path / "a", "aa"), Site(tmp_path / "b", "bb")
    here.add_user("anna", "Anna")
    here.add_user("otto", "Otto")
    here.add_camera("door")
    for name in ("first", "lives"):
        here.add_session(name, "anna")
    here.edit("DELETE FROM sessions WHERE id = 'first'")
    here.edit("DELETE FROM users WHERE id = 'otto'")
    here.edit("DELETE FROM cameras")
    assert days(here, 0, 9) == 0
    here.add_session("second", "anna")
    here.edit("DELETE FROM sessions WHERE id = 'second'")
    exchange([here, there])
    assert days(here, 10, KEPT_DAYS - 1) == 0
    assert days(here, KEPT_DAYS, KEPT_DAYS + 9) == 1
    assert {row[0] for row in here.rows(SESSIONS)} == {"second", "lives"}
    assert days(here, KEPT_DAYS + 10, KEPT_DAYS + 10) == 1
    assert {row[0] for row in here.rows(SESSIONS)} == {"lives"}
    assert here.rows(OTHERS) == [("cameras", "door"), ("users", "otto")]
    assert here.rows("SELECT id FROM sessions") == [("lives",)]
    noted = {(each.kind, each.id) for each in here.after().changes if each.kind == "settings"}
    assert not noted  # it is this node's own
    exchange([here, there])
    assert {row[0] for row in here.rows(SESSIONS)} == {"lives"}
    here.heard.clear()  # a new start hears all of it once more, from who has them still: no harm
    exchange([here, there])
    assert here.state() == there.state()
    for site in (here, there):
        site.close()


def test_a_clock_that_jumps_forgets_nothing(tmp_path: Path) -> None:
    """A Pi that boots in 1970, one that is set ahead by years, and back."""
    site = Site(tmp_path / "a", "aa")
    site.add_user("anna", "Anna")
    site.add_session("s", "anna")
    site.edit("DELETE FROM sessions")
    for utc_us in (0, START_US, START_US + 9000 * DAY_US, 5, START_US, START_US + DAY_US):
        assert site.forget_old(utc_us) == 0
    assert days(site, 2, 3 * KEPT_DAYS) == 0  # set ahead once: kept for longer, not shorter
    assert site.rows(SESSIONS) == [("s",)]
    site.close()


async def test_the_node_does_so_once_a_day(tmp_path: Path, clock: FakeClock) -> None:
    database = closed_database(tmp_path, clock)
    await database.open()
    await load_identity(database, clock)
    replica = Replica(database)
    await replica.open()
    noted = asyncio.Event()
    database.committed.append(noted.set)
    replica.start()
    await noted.wait()
    await replica.stop()
    database.committed.remove(noted.set)
    await replica.forget_old(clock.utc_us())
    commits = database.commits
    await replica.forget_old(clock.utc_us())
    assert database.commits == commits
    clock.advance(86_400)
    await replica.forget_old(clock.utc_us())
    assert database.commits == commits + 1
    await database.close()
