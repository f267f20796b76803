"""Displays on several nodes: told with their secrets' hashes, ended everywhere."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.storage_replication.sites import Site

HALL = {
    "id": "hall", "name": "Hall", "name_key": "hall", "secret_hash": b"\1" * 32,
    "created_at_us": 5, "created_by": "anna", "address": "10.0.0.7", "user_agent": "a tablet",
    "last_seen_us": 99, "active_us": 7,
}  # fmt: skip


@pytest.fixture
def sites(tmp_path: Path) -> Iterator[list[Site]]:
    made = [Site(tmp_path / f"{name}.sqlite3", name, b"") for name in ("one", "two")]
    yield made
    for site in made:
        site.close()


def spread(sites: list[Site]) -> None:
    for sender in sites:
        for receiver in sites:
            if sender is not receiver:
                receiver.merge(sender.after().changes)


def test_a_display_is_known_everywhere_and_when_it_was_seen_is_each_nodes_own(
    sites: list[Site],
) -> None:
    one, two = sites
    one.add("displays", **HALL)
    spread(sites)
    query = "SELECT name, name_key, secret_hash, active_us, last_seen_us FROM displays"
    assert two.rows(query) == [("Hall", "hall", b"\1" * 32, 7, 7)]
    two.edit("UPDATE displays SET last_seen_us = 500, name = 'Landing', name_key = 'landing'")
    spread(sites)
    assert one.rows(query) == [("Landing", "landing", b"\1" * 32, 7, 99)]
    one.edit("UPDATE displays SET active_us = 900")
    spread(sites)
    assert two.rows(query) == [("Landing", "landing", b"\1" * 32, 900, 500)]


def test_removing_it_beats_every_edit_beside_it(sites: list[Site]) -> None:
    one, two = sites
    one.add("displays", **HALL)
    spread(sites)
    one.edit("DELETE FROM displays")
    for number in range(5):
        two.edit("UPDATE displays SET name = ?, expires_at_us = ?", f"Hall {number}", number)
    spread(sites)
    assert [site.rows("SELECT id FROM displays") for site in sites] == [[], []]


def test_fewer_cameras_beat_what_was_written_beside_it(sites: list[Site]) -> None:
    one, two = sites
    one.add("displays", **HALL, cameras='["bath", "door"]')
    spread(sites)
    one.edit("""UPDATE displays SET cameras = '["door"]'""")
    for number in range(5):  # many edits: its clock is far ahead
        more = json.dumps(["bath", "door", *(f"yard {each}" for each in range(number))])
        two.edit("UPDATE displays SET cameras = ?", more)
    two.edit("UPDATE displays SET cameras = NULL")
    spread(sites)
    query = "SELECT json(cameras) FROM displays"
    assert [site.rows(query) for site in sites] == [[('["door"]',)], [('["door"]',)]]


def test_of_one_name_one_is_called_otherwise(sites: list[Site]) -> None:
    one, two = sites
    one.add("displays", **HALL)
    two.add("displays", **{**HALL, "id": "other", "secret_hash": b"\2" * 32})
    spread(sites)
    spread(sites)
    for site in sites:
        assert site.rows("SELECT id, name FROM displays ORDER BY id") == [
            ("hall", "Hall"), ("other", "Hall (2)"),
        ]  # fmt: skip


def test_where_it_was_seen_is_no_conflict_of_persons(sites: list[Site]) -> None:
    one, two = sites
    one.add("displays", **HALL)
    spread(sites)
    one.edit("UPDATE displays SET address = '10.0.0.8', active_us = 50")
    two.edit("UPDATE displays SET address = '10.0.0.9', active_us = 60")
    spread(sites)
    assert (one.conflicts, two.conflicts) == ([], [])
