"""Whatever happens to a cluster: somebody records, soon only one; no decision loses footage."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from falconeye.federation.placement.deciding import is_drained
from falconeye.federation.placement.rendezvous import rank
from falconeye.federation.placement.words import Role
from tests.examples import examples
from tests.unit.federation.placement_world import BEAT_S, World

RECORDED_AFTER_S = 20
# A node tries for 15 s before it says that it does not reach a camera; another that reaches it has
# to do so for 10 s, and may try first where the port answers and no pictures come.
REACHED_AFTER_S = 45
STEADY_AFTER_S = 30
RECOVERED_AFTER_S = 75  # who reaches it again is first believed for 30 s, and then has its 10 s
JUST_S = 3  # so long what a node hears may be of one that has just died
MOST_CHANGES = 3  # of one node's role at one camera, of one event

EVENTS = (
    "kill", "start", "split", "cut", "heal", "lose", "gain", "move", "drain", "undrain", "remove",
)  # fmt: skip
Event = tuple[str, int, int, int]  # what, of which node, and another, and how long until the next


def happen(world: World, event: Event) -> None:
    what, one, other, _ = event
    names = sorted(world.nodes)
    first, second = names[one % len(names)], names[other % len(names)]
    camera = world.cameras[other % len(world.cameras)]
    acts: dict[str, Callable[[], Any]] = {
        "kill": lambda: world.kill(first),
        "start": lambda: world.start(first),
        "split": lambda: world.split(set(names[: one % len(names)])),
        "cut": lambda: world.cut.add((first, second)) if first != second else None,
        "heal": world.cut.clear,
        "lose": lambda: world.reach.discard((first, camera)),
        "gain": lambda: world.reach.add((first, camera)),
        "move": lambda: world.move(camera, first) if first in world.members else None,
        "drain": lambda: world.drain(first),
        "undrain": lambda: world.drain(first, drains=False),
        "remove": lambda: world.remove(first) if len(world.members) > 2 else None,
    }
    acts[what]()


class Checks:
    """The invariants, looked at each second."""

    def __init__(self, world: World) -> None:
        self.world = world
        # Who takes over is heard of with its footage up to two beats later.
        self.steady_s = STEADY_AFTER_S + (0 if world.prompt else 2 * BEAT_S)
        self.event_s = self.reach_s = world.now_s
        self.before: dict[str, set[str]] = {}

    def event(self, event: Event) -> None:
        happen(self.world, event)
        self.event_s = self.world.now_s
        if event[0] in {"lose", "gain", "start"}:
            self.reach_s = self.world.now_s
        self.world.changes.clear()

    def second(self) -> None:
        going = {
            camera: {name for name in names if self.world.stays_able(name, camera)}
            for camera, names in self.before.items()
        }
        self.world.step()
        quiet_s = self.world.now_s - self.event_s
        reach_s = self.world.now_s - self.reach_s
        for camera in self.world.cameras:
            now = self.world.recorders(camera)
            if quiet_s > JUST_S:
                assert now or not going.get(camera), f"{camera}: a decision ended its recording"
            if quiet_s > RECORDED_AFTER_S and reach_s > REACHED_AFTER_S:
                assert now or not self.world.able(camera), f"{camera}: nobody records it"
            if quiet_s > self.steady_s and reach_s > RECOVERED_AFTER_S:
                self.alone(camera, now)
            self.before[camera] = now
        assert max(self.world.changes.values(), default=0) <= MOST_CHANGES, self.world.changes

    def alone(self, camera: str, now: set[str]) -> None:
        for group in self.world.groups() or ():
            assert len(now & group) <= 1, f"{camera}: {now & group} both record it"


events = st.tuples(
    st.sampled_from(EVENTS), st.integers(0, 7), st.integers(0, 7), st.sampled_from((1, 12, 40, 90))
)


@pytest.mark.timeout(60)
@given(st.integers(2, 8), st.lists(events, max_size=14), st.integers(0, 1000), st.booleans())
@settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_happens_somebody_records(
    nodes: int, happens: list[Event], seed: int, prompt: bool
) -> None:
    world = World(nodes, 3, seed=seed, prompt=prompt)
    checks = Checks(world)
    for _ in range(RECORDED_AFTER_S):
        checks.second()
    for event in happens:
        checks.event(event)
        for _ in range(event[3]):
            checks.second()
    for _ in range(RECOVERED_AFTER_S + 30):
        checks.second()


def test_a_dead_owner_is_stood_in_for_and_takes_over_without_a_hole() -> None:
    world = World(4, 4)
    run(world, 20)
    assert world.recorders("camera-1") == {"node-1"}
    world.kill("node-1")
    dead_s = until(world, lambda: bool(world.recorders("camera-1")))
    assert dead_s <= RECORDED_AFTER_S
    run(world, 30)
    (standby,) = world.recorders("camera-1")
    world.start("node-1")
    both_s = until(world, lambda: world.recorders("camera-1") == {standby, "node-1"})
    assert both_s <= 2  # the owner does not wait for anybody
    alone_s = until(world, lambda: len(world.recorders("camera-1")) == 1)
    assert 10 <= alone_s <= STEADY_AFTER_S
    assert world.recorders("camera-1") == {"node-1"}


@pytest.mark.parametrize("begins_s", range(0, 20, 3))
def test_a_standby_that_begins_just_now_is_not_waited_for(begins_s: int) -> None:
    """It would listen for 15 s of its own first; another that has listened is there."""
    world = World(3, 1)
    first, _ = sorted(set(world.nodes) - {"node-0"}, key=lambda one: rank("camera-0", one))
    run(world, 20)
    world.kill(first)
    run(world, 20)
    world.kill("node-0")
    run(world, begins_s)
    world.start(first)
    waited_s = until(world, lambda: bool(world.recorders("camera-0")))
    assert begins_s + waited_s <= RECORDED_AFTER_S
    run(world, RECOVERED_AFTER_S)
    assert len(world.recorders("camera-0")) == 1


def test_both_sides_of_a_partition_record() -> None:
    world = World(5, 1)
    run(world, 20)
    world.split({"node-0", "node-1"})
    run(world, RECORDED_AFTER_S)
    assert len(world.recorders("camera-0")) == 2
    world.cut.clear()
    run(world, STEADY_AFTER_S)
    assert world.recorders("camera-0") == {"node-0"}


def test_a_move_has_no_hole_and_a_drained_node_has_nothing_left() -> None:
    world = World(3, 3)
    run(world, 20)
    world.move("camera-0", "node-2")
    until(world, lambda: world.recorders("camera-0") == {"node-2"})
    world.drain("node-2")
    node = world.nodes["node-2"]
    until(world, lambda: not is_drained("node-2", node.verdicts))
    left_s = until(world, lambda: not any("node-2" in world.recorders(c) for c in world.cameras))
    assert left_s <= 60
    assert is_drained("node-2", node.verdicts)
    assert all(len(world.recorders(camera)) == 1 for camera in world.cameras)


def test_an_owner_that_is_cut_off_from_its_camera_is_stood_in_for_and_tries_on() -> None:
    world = World(3, 1)
    run(world, 20)
    world.reach.discard(("node-0", "camera-0"))
    lost_s = until(world, lambda: bool(world.recorders("camera-0")))
    assert 25 <= lost_s <= REACHED_AFTER_S
    assert world.nodes["node-0"].role("camera-0") is Role.RECORD_AS_OWNER
    world.reach.add(("node-0", "camera-0"))
    run(world, RECOVERED_AFTER_S)
    assert world.recorders("camera-0") == {"node-0"}


def test_a_camera_that_is_off_stays_with_its_owner() -> None:
    world = World(4, 1)
    run(world, 20)
    world.reach.clear()
    world.changes.clear()
    run(world, 600)
    assert not world.changes


def test_a_camera_that_starts_again_stays_with_its_owner() -> None:
    for away_s in range(5, 60, 3):
        world = World(3, 1, seed=away_s)
        run(world, 90)
        ways = set(world.reach)
        world.reach.clear()
        world.changes.clear()
        run(world, away_s)
        world.reach, world.mute = ways, set(ways)
        run(world, 8)  # its port answers some time before its pictures come
        world.mute.clear()
        run(world, 120)
        assert not world.changes, away_s


def test_a_port_that_answers_without_pictures_is_tried_from_elsewhere_now_and_then() -> None:
    world = World(3, 1)
    run(world, 90)
    world.mute = set(world.reach)
    world.changes.clear()
    run(world, 590)
    # Each of the two others tried once, and let it be for ten minutes.
    assert sum(world.changes.values()) <= 4, world.changes
    world.mute.clear()
    run(world, RECOVERED_AFTER_S)
    assert world.recorders("camera-0") == {"node-0"}


def test_of_those_that_stand_by_one_that_reaches_the_camera_takes_it() -> None:
    world = World(4, 1)
    first = min(("node-1", "node-2", "node-3"), key=lambda one: rank("camera-0", one))
    world.reach.discard((first, "camera-0"))
    run(world, 70)
    world.kill("node-0")
    dead_s = until(world, lambda: bool(world.recorders("camera-0")))
    assert dead_s <= RECORDED_AFTER_S
    run(world, 100)
    assert first not in {name for name, _ in world.changes}


def test_a_camera_of_one_connection_comes_back_to_an_owner_that_had_let_it_go() -> None:
    world = World(3, 1, one_session=True)
    run(world, 90)
    world.reach.discard(("node-0", "camera-0"))
    run(world, REACHED_AFTER_S)
    assert world.recorders("camera-0") not in (set(), {"node-0"})
    world.reach.add(("node-0", "camera-0"))
    run(world, 240)
    assert world.recorders("camera-0") == {"node-0"}


def test_the_cameras_of_a_removed_node_get_another_owner() -> None:
    world = World(4, 4)
    run(world, 20)
    world.remove("node-3")
    world.kill("node-3")
    run(world, 60)
    assert world.owners["camera-3"] in world.members
    assert world.recorders("camera-3") == {world.owners["camera-3"]}


def test_a_camera_of_one_connection_is_let_go_before_the_other_takes_it() -> None:
    world = World(3, 1, one_session=True)
    run(world, 20)
    world.kill("node-0")
    until(world, lambda: bool(world.recorders("camera-0")))
    world.start("node-0")
    without_s = 0
    for _ in range(60):
        world.step()
        without_s += not world.recorders("camera-0")
    assert world.recorders("camera-0") == {"node-0"}
    assert 0 < without_s <= 3


def run(world: World, seconds: int) -> None:
    for _ in range(seconds):
        world.step()


def until(world: World, is_so: Callable[[], bool]) -> int:
    """How many seconds that takes; a hole in a recording that goes on fails it."""
    for waited_s in range(1, 120):
        world.step()
        if is_so():
            return waited_s
    pytest.fail("it never came to that")
