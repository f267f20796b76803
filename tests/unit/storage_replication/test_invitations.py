"""Invitations on two sides of a partition: what is taken back stays so, and all nodes agree."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.storage_replication.sites import Site, exchange

CHOOSE = (
    "UPDATE users SET password_hash = ?, password_changed_at_us = ?, invitation_hash = NULL, "
    "invited_until_us = NULL"
)
ROW = "SELECT password_hash, invitation_hash, invited_until_us FROM users"


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[tuple[Site, Site]]:
    """Two that have heard of one invitation, and then do not hear each other."""
    here, there = Site(tmp_path / "here", "11"), Site(tmp_path / "there", "22")
    here.add_user("eve", "Eve", password_hash="", invitation_hash=b"first", invited_until_us=9)
    exchange([here, there])
    assert there.rows(ROW) == [("", b"first", 9)]
    yield here, there
    here.close()
    there.close()


def test_who_is_taken_back_is_gone_though_the_link_was_used(nodes: tuple[Site, Site]) -> None:
    here, there = nodes
    here.edit("DELETE FROM users")
    there.edit(CHOOSE, "chosen", 5)
    there.edit("UPDATE users SET role = 'operator'")
    exchange([here, there])
    assert here.rows(ROW) == there.rows(ROW) == []


def test_a_link_made_beside_a_chosen_password_opens_nothing(nodes: tuple[Site, Site]) -> None:
    here, there = nodes
    here.edit("UPDATE users SET invitation_hash = ?, invited_until_us = 20", b"second")
    there.edit(CHOOSE, "chosen", 5)
    exchange([here, there])
    assert here.rows(ROW) == there.rows(ROW)
    assert here.rows("SELECT password_hash FROM users") == [("chosen",)]  # whatever link stands


def test_of_two_passwords_chosen_by_one_link_one_stands(nodes: tuple[Site, Site]) -> None:
    here, there = nodes
    here.edit(CHOOSE, "one", 5)
    there.edit(CHOOSE, "other", 6)
    exchange([here, there])
    assert here.rows(ROW) == there.rows(ROW)
    assert here.rows(ROW)[0][1:] == (None, None)
    assert here.conflicts + there.conflicts != []  # told, and without what it was
    said = " ".join(str(each) for each in here.conflicts + there.conflicts)
    assert "first" not in said
    assert "chosen" not in said
