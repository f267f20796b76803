"""Any edits, in any order of delivery, through partitions, restarts and restores: one state."""

import random
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from falconeye.storage.replication.changes import Change
from tests.examples import examples
from tests.unit.storage_replication.sites import Site, exchange

pytestmark = pytest.mark.timeout(60)  # each runs a hundred small worlds
NODES = ("aa", "bb", "cc")
COLUMNS = ("name", "location", "username", "owner_id")
RIGHTS = ("role", "live_only", "expires_at_us", "cameras")
VALUES: dict[str, tuple[Any, ...]] = {
    "role": ("viewer", "operator", "admin"),
    "live_only": (0, 1),
    "expires_at_us": (None, 5, 9),
    "cameras": (None, '["a"]', '["a", "b"]', "[]"),
}
quick = settings(
    max_examples=examples(12),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
)
node = st.integers(0, 2)
few = st.integers(0, 2)
operations = st.lists(
    st.one_of(
        st.tuples(st.just("camera"), node, few),
        st.tuples(st.just("change"), node, few, st.sampled_from(COLUMNS), few),
        st.tuples(st.just("delete"), node, st.sampled_from(["cameras", "users", "sessions"]), few),
        st.tuples(st.just("user"), node, few, st.sampled_from(["Anna", "anna", "Otto"])),
        st.tuples(st.just("rights"), node, few, st.sampled_from(RIGHTS), few),
        st.tuples(st.just("session"), node, few, few),
        st.tuples(st.just("set"), node, few, st.sampled_from([None, 1, "x"])),
        st.tuples(st.just("ignore"), node, few, st.booleans()),
        st.tuples(st.just("newer"), node, few, few),
        st.tuples(st.just("hear"), node, node, st.sampled_from([1, 7, 1000])),
        st.tuples(st.just("shuffled"), node, node, st.integers(0, 1000)),
        st.tuples(st.just("restart"), node),
    ),
    max_size=30,
)
restores = st.tuples(st.just("back up"), node) | st.tuples(st.just("restore"), node)


class World:
    """Three nodes, and what was done to them."""

    def __init__(self, folder: Path, *, empty: bool) -> None:
        begun = {} if empty else _begun()
        self.sites = [
            Site(folder / f"{name}.sqlite3", name, begun.get(name, b"")) for name in NODES
        ]
        self.made = {kind: list[str]() for kind in ("cameras", "users", "sessions")}
        self.deleted = {kind: set[str]() for kind in self.made}
        self.newer: dict[tuple[str, str, str], Change] = {}
        self.copies: dict[int, Path] = {}
        self.seeds = 0
        if not empty:
            self.made |= {"cameras": ["cameras-0"], "users": ["users-0", "users-1"]}

    def do(self, name: str, number: int, *more: Any) -> None:
        getattr(self, "_" + name.replace(" ", "_"))(self.sites[number], *more)

    def _id(self, kind: str, which: int) -> str:
        return self.made[kind][which % len(self.made[kind])] if self.made[kind] else "none"

    def _new(self, kind: str) -> str:
        self.made[kind].append(f"{kind}-{len(self.made[kind])}")
        return self.made[kind][-1]

    def _camera(self, site: Site, which: int) -> None:
        url = f"rtsp://10.0.0.{which}/"
        site.add_camera(self._new("cameras"), source_url=url, address_key=f"10.0.0.{which}:554/")

    def _change(self, site: Site, which: int, column: str, value: int) -> None:
        values = (f"{column} {value}", self._id("cameras", which))
        site.edit(f"UPDATE cameras SET {column} = ? WHERE id = ?", *values)  # noqa: S608

    def _delete(self, site: Site, kind: str, which: int) -> None:
        row_id = self._id(kind, which)
        if site.edit(f"DELETE FROM {kind} WHERE id = ?", row_id):  # noqa: S608
            self.deleted[kind].add(row_id)

    def _user(self, site: Site, _which: int, name: str) -> None:
        if not site.rows("SELECT 1 FROM users WHERE name_key = ?", name.casefold()):
            site.add_user(self._new("users"), name)

    def _rights(self, site: Site, which: int, column: str, value: int) -> None:
        options = VALUES[column]
        site.edit(
            f"UPDATE users SET {column} = ? WHERE id = ?",  # noqa: S608
            options[value % len(options)], self._id("users", which),
        )  # fmt: skip

    def _session(self, site: Site, _which: int, user: int) -> None:
        user_id = self._id("users", user)
        if site.rows("SELECT 1 FROM users WHERE id = ?", user_id):
            site.add_session(self._new("sessions"), user_id)

    def _set(self, site: Site, which: int, value: Any) -> None:
        site.set(f"key_{which}", value)

    def _ignore(self, site: Site, which: int, wanted: bool) -> None:
        if wanted:
            site.edit("INSERT OR IGNORE INTO ignored_candidates VALUES (?, 7)", f"found-{which}")
        else:
            site.edit("DELETE FROM ignored_candidates WHERE id = ?", f"found-{which}")

    def _newer(self, site: Site, which: int, value: int) -> None:
        """A release to come knows more of a camera, and more kinds."""
        self.seeds += 1
        for kind, row_id, field in (
            ("cameras", self._id("cameras", which), "lens"),
            ("floorplans", f"plan-{which}", "picture"),
        ):
            change = Change(kind, row_id, field, {"f": value}, 500 + self.seeds, "dd", {})
            site.merge([change])
            self.newer[kind, row_id, field] = change

    def _hear(self, site: Site, other: int, limit: int) -> None:
        if self.sites[other] is not site:
            site.hear(self.sites[other], limit)

    def _shuffled(self, site: Site, other: int, seed: int) -> None:
        """Some of it, twice, in any order, in pieces."""
        dice = random.Random(seed)  # noqa: S311 - no secret
        changes = list(self.sites[other].after().changes)
        some = [each for each in changes if dice.random() < 0.6]
        dice.shuffle(some)
        some += some[: len(some) // 3]
        while some:
            size = dice.randint(1, len(some))
            site.merge(some[:size])
            some = some[size:]

    def _restart(self, site: Site) -> None:
        site.restart()

    def _back_up(self, site: Site) -> None:
        self.copies[self.sites.index(site)] = site.back_up()

    def _restore(self, site: Site) -> None:
        number = self.sites.index(site)
        if number in self.copies:
            site.bring_back(self.copies[number])
            site.heard.clear()  # it is stored with the rest

    def check(self, *, restored: bool = False) -> None:
        """`restored`: what one node alone knew may be gone with its database."""
        first, *others = self.sites
        for other in others:
            assert other.state() == first.state()
            assert other.stored() == first.stored()
        if not restored:
            self._check_nothing_is_lost(first)
        keys = first.rows("SELECT name_key FROM users")
        assert len(set(keys)) == len(keys)
        assert not first.rows("SELECT id FROM sessions WHERE user_id NOT IN (SELECT id FROM users)")
        for site in self.sites:
            for other in self.sites:
                assert site.merge(other.after().changes).applied == 0

    def _check_nothing_is_lost(self, site: Site) -> None:
        stored = {kind: {row[0] for row in rows} for kind, rows in site.stored().items()}
        for kind, ids in self.deleted.items():
            assert not ids & stored[kind]
        state = site.state()
        for (kind, row_id, field), change in self.newer.items():
            if (kind, row_id, "") not in state:
                assert state[kind, row_id, field][0] == change.counter


@cache
def _begun() -> dict[str, bytes]:
    """What three nodes share at first, by node."""
    with new_world(empty=True) as world:
        world._camera(world.sites[0], 0)
        world._user(world.sites[0], 0, "Anna")
        world._user(world.sites[1], 0, "Otto")
        exchange(world.sites)
        return {site.node_id: site.path.read_bytes() for site in world.sites}


@contextmanager
def new_world(*, empty: bool = False) -> Iterator[World]:
    with tempfile.TemporaryDirectory(prefix="falconeye-replicas-") as folder:
        made = World(Path(folder), empty=empty)
        try:
            yield made
        finally:
            for site in made.sites:
                site.close()


@given(operations, st.sampled_from([60, 10_000]))
@quick
def test_all_come_to_the_same(done: list[Any], limit: int) -> None:
    with new_world() as world:
        for operation in done:
            world.do(*operation)
        exchange(world.sites, limit)
        world.check()
        reported = [
            (site.node_id, each.kind, each.id, each.field, each.lost, each.kept)
            for site in world.sites
            for each in site.conflicts
        ]
        told = len(reported)
        exchange(world.sites)
        assert sum(len(site.conflicts) for site in world.sites) == told


@given(
    st.lists(
        operations.flatmap(lambda some: st.sampled_from(some or [("restart", 0)])) | restores,
        max_size=30,
    )
)
@quick
def test_they_do_after_restores_too(done: list[Any]) -> None:
    with new_world() as world:
        for operation in done:
            world.do(*operation)
        exchange(world.sites)
        world.check(restored=True)


@given(st.integers(0, 8), st.integers(0, 8), st.booleans())
@quick
def test_what_a_restored_node_edits_from_then_on_is_not_lost(
    mine: int, theirs: int, hears_first: bool
) -> None:
    """Its counter is below what peers have seen, of itself too: no version is given twice."""
    with new_world() as world:
        here, there, _ = world.sites
        copy = here.back_up()
        for number in range(mine):
            here.edit("UPDATE cameras SET name = ?", f"mine {number}")
        exchange(world.sites)
        for number in range(theirs):
            there.edit("UPDATE cameras SET location = ?", f"theirs {number}")
        here.bring_back(copy)
        here.heard.clear()
        if hears_first:
            here.hear(there)
        here.edit("UPDATE cameras SET name = 'after', location = 'after'")
        here.add_camera("added after")
        exchange(world.sites)
        world.check(restored=True)
        for site in world.sites:
            rows = site.rows("SELECT name, location FROM cameras WHERE id = 'cameras-0'")
            assert rows == [("after", "after")]
            assert site.rows("SELECT id FROM cameras WHERE id = 'added after'")


@given(operations, st.integers(0, 10_000))
@quick
def test_the_order_of_delivery_makes_no_difference(done: list[Any], seed: int) -> None:
    """Without what nodes put in order themselves: each has edits of its own only."""
    with new_world() as world:
        for operation in done:
            if operation[0] not in {"hear", "shuffled", "user", "session", "newer"}:
                world.do(*operation)
        changes = [change for site in world.sites for change in site.after().changes]
        dice = random.Random(seed)  # noqa: S311 - no secret
        with new_world(empty=True) as fresh:
            for site in fresh.sites:
                dice.shuffle(changes)
                told = changes + changes[: len(changes) // 3]
                while told:
                    size = dice.randint(1, len(told))
                    site.merge(told[:size])
                    told = told[size:]
            fresh.check()


@given(st.lists(st.tuples(st.integers(0, 1), few, st.booleans()), max_size=25))
@quick
def test_each_lost_edit_is_reported_once_by_whose_it_was(done: list[tuple[int, int, bool]]) -> None:
    """Two nodes, one field: each time both wrote without knowing of the other, one loses."""
    with new_world() as world:
        one, two, _ = world.sites
        one.edit("DELETE FROM cameras")
        one.add_camera("door")
        exchange([one, two])
        expected = 0
        apart: list[set[int]] = [set(), set()]
        for who, value, meets in done:
            before = one.rows("SELECT name FROM cameras"), two.rows("SELECT name FROM cameras")
            world.sites[who].edit("UPDATE cameras SET name = ?", f"name {value}")
            if before[who] != [(f"name {value}",)]:
                apart[who].add(value)
            if meets:
                names = one.rows("SELECT name FROM cameras"), two.rows("SELECT name FROM cameras")
                expected += bool(apart[0] and apart[1] and names[0] != names[1])
                exchange([one, two])
                apart = [set(), set()]
                assert len(one.conflicts) + len(two.conflicts) == expected


@given(st.permutations(range(3)), st.integers(0, 4))
@settings(quick, max_examples=examples(10))
def test_taking_away_beats_what_was_written_beside_it(order: list[int], later: int) -> None:
    """However much the others wrote meanwhile, as long as they took nothing away."""
    with new_world() as world:
        one, two, three = (world.sites[number] for number in order)
        one.edit("DELETE FROM users")
        one.add_user("user", "Anna", role="operator")
        one.edit("UPDATE users SET cameras = '[\"a\"]', expires_at_us = 9")
        exchange(world.sites)
        one.edit(
            "UPDATE users SET role = 'viewer', live_only = 1, cameras = '[]', expires_at_us = 5, "
            "password_hash = 'new', password_changed_at_us = 2"
        )
        for number in range(later):
            two.add_camera(f"camera-{number}")
        two.edit("UPDATE users SET role = 'admin', cameras = '[\"a\",\"b\"]', expires_at_us = 10")
        two.edit("UPDATE users SET expires_at_us = NULL, cameras = NULL")
        three.edit("UPDATE users SET password_hash = 'the old one, hashed otherwise'")
        exchange(world.sites)
        rights = "SELECT role, live_only, cameras, expires_at_us, password_hash FROM users"
        for site in world.sites:
            assert site.rows(rights) == [("viewer", 1, "[]", 5, "new")]
        two.edit("UPDATE users SET role = 'admin'")  # who has seen it can give it back
        exchange(world.sites)
        assert one.rows("SELECT role FROM users") == [("admin",)]


@pytest.mark.parametrize("turn", [1, -1])
def test_edits_of_one_tick_are_decided_by_the_node(tmp_path: Path, turn: int) -> None:
    one, two = Site(tmp_path / "1", "aa"), Site(tmp_path / "2", "bb")
    one.add_camera("door")
    exchange([one, two])
    two.edit("UPDATE replica_state SET counter = (SELECT 50)")
    one.edit("UPDATE replica_state SET counter = (SELECT 50)")
    one.edit("UPDATE cameras SET name = 'of aa'")
    two.edit("UPDATE cameras SET name = 'of bb'")
    told = [one.after().changes, two.after().changes][::turn]
    three = Site(tmp_path / "3", "cc")
    for changes in told:
        three.merge(changes)
    assert three.rows("SELECT name FROM cameras") == [("of bb",)]
    for site in (one, two, three):
        site.close()


def test_what_is_new_travels_on_and_what_lost_does_not(tmp_path: Path) -> None:
    """Two nodes that hear each other only by a third one."""
    one, between, two = (Site(tmp_path / name, name) for name in ("aa", "bb", "cc"))
    one.add_camera("door")
    exchange([one, between])
    exchange([between, two])
    assert two.stored() == one.stored()
    one.edit("UPDATE cameras SET name = 'older'")
    for number in range(3):
        two.edit("UPDATE cameras SET name = ?", f"newer {number}")
    between.hear(two)
    _, seq = between.position()
    assert between.hear(one) == 0
    assert between.after(seq).changes == []
    assert one.hear(between) == 1
    assert [each.lost for each in one.conflicts] == ["older"]
    one.edit("UPDATE cameras SET name = 'older'")
    between.hear(one)
    for number in range(3):
        two.edit("UPDATE cameras SET name = ?", f"newest {number}")
    between.hear(two)
    one.hear(between)
    assert [each.kept for each in one.conflicts] == ["newer 2", "newest 2"]
    assert between.conflicts == two.conflicts == []  # it was not theirs
    exchange([between, two])
    assert (one.state(), one.stored()) == (two.state(), two.stored())
    for site in (one, between, two):
        site.close()


def test_a_version_that_was_given_twice_is_decided_by_what_it_says() -> None:
    """A database that was copied by hand and went on from there."""
    one = Change("cameras", "door", "name", "A", 7, "aa", {})
    other = Change("cameras", "door", "name", "B", 7, "aa", {})
    assert other.beats(one)
    assert not one.beats(other)
    assert not one.beats(one)


def test_of_two_that_take_away_the_one_that_leaves_less_stands(tmp_path: Path) -> None:
    one, two = Site(tmp_path / "1", "aa"), Site(tmp_path / "2", "bb")
    one.add_user("user", "Anna")
    exchange([one, two])
    one.edit("UPDATE users SET role = 'viewer'")
    two.edit("UPDATE users SET name = 'A'")
    two.edit("UPDATE users SET role = 'operator'")
    exchange([one, two])
    for site in (one, two):
        assert site.rows("SELECT role FROM users") == [("viewer",)]
        site.close()
