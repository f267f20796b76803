"""Load as one number, the owner of a new camera, and plans of moves."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from falconeye.federation.placement.load import (
    CameraLoad,
    Chosen,
    Defaults,
    NodeLoad,
    PlacingNode,
    choose_owner,
)
from falconeye.federation.placement.rebalancing import (
    Move,
    Objection,
    OwnedCamera,
    object_to_move,
    plan_moves,
)
from tests.examples import examples

TB = 10**12
IDLE = NodeLoad(cpu=0.05, cores=4, mbit_s=0, room_bytes=TB)
BUSY = NodeLoad(cpu=0.6, cores=4, mbit_s=100, room_bytes=TB)


def test_load_is_the_sum_of_its_parts() -> None:
    node = NodeLoad(cpu=0.25, cores=4, mbit_s=40, room_bytes=8_640_000_000_000)
    assert node.days_left == pytest.approx(20)
    assert node.load == pytest.approx(0.25 + 0.1 + 0.05)
    assert NodeLoad(0.1, 4, 0, 0).load == pytest.approx(0.1)
    assert NodeLoad(0.1, 4, 1, 0).load > 100  # without room it is full, and still a number


def nodes(**loads: NodeLoad | None) -> dict[str, PlacingNode]:
    return {f"{name}-id": PlacingNode(name, load) for name, load in loads.items()}


def test_a_pin_goes_before_the_defaults_and_they_before_load() -> None:
    members = nodes(a=BUSY, b=IDLE, c=BUSY, d=None)
    both = Defaults("c", "a")
    assert choose_owner(members, "a-id", pinned_to="d-id", defaults=both).why is Chosen.PINNED
    found = choose_owner(members, "a-id", defaults=both)
    assert (found.node_id, found.why) == ("c-id", Chosen.DEFAULT_RECORDER)
    found = choose_owner(members, "a-id", defaults=Defaults("gone", "d"))
    assert (found.node_id, found.why) == ("d-id", Chosen.DEFAULT_CAMERA)
    found = choose_owner(members, "a-id")
    assert (found.node_id, found.why) == ("b-id", Chosen.LEAST_LOADED)


def test_a_node_that_does_not_reach_it_is_no_owner_unless_pinned() -> None:
    members = nodes(a=BUSY, b=IDLE)
    reached = frozenset({"a-id"})
    found = choose_owner(members, "b-id", defaults=Defaults("b"), reached_by=reached)
    assert found.node_id == "a-id"
    assert choose_owner(members, "a-id", pinned_to="b-id", reached_by=reached).node_id == "b-id"
    assert choose_owner(members, "a-id", reached_by=frozenset()).why is Chosen.HERE


def test_a_draining_node_gets_nothing_and_equals_go_to_this_one() -> None:
    members = {**nodes(a=BUSY, c=BUSY), "b-id": PlacingNode("b", IDLE, is_draining=True)}
    assert choose_owner(members, "c-id").node_id == "c-id"


cameras = st.builds(
    OwnedCamera,
    id=st.uuids().map(str),
    owner_id=st.sampled_from("abcd"),
    load=st.builds(CameraLoad, st.floats(0.5, 30), st.floats(0.01, 0.5)),
    pinned=st.booleans(),
    stays=st.booleans(),
    reached_by=st.none() | st.frozensets(st.sampled_from("abcd")),
)


def loads_of(owned: list[OwnedCamera], owner: dict[str, str]) -> dict[str, NodeLoad]:
    found = dict.fromkeys("abcd", IDLE)
    for camera in owned:
        found[owner[camera.id]] = found[owner[camera.id]].with_camera(camera.load)
    return found


@pytest.mark.timeout(60)
@settings(max_examples=examples(60), deadline=None)
@given(st.lists(cameras, max_size=20, unique_by=lambda one: one.id))
def test_a_plan_evens_load_and_obeys(owned: list[OwnedCamera]) -> None:
    owner = {camera.id: camera.owner_id for camera in owned}
    plan = plan_moves(loads_of(owned, owner), owned)
    by_id = {camera.id: camera for camera in owned}
    for move in plan.moves:
        camera = by_id[move.camera_id]
        assert camera.may_move
        assert camera.is_reached_by(move.to_id)
        assert owner[move.camera_id] == move.from_id != move.to_id
        owner[move.camera_id] = move.to_id
    assert len({move.camera_id for move in plan.moves}) == len(plan.moves)
    after = {node: load.load for node, load in loads_of(owned, owner).items()}
    assert plan.after == pytest.approx(after)
    assert sum(load**2 for load in after.values()) <= sum(v**2 for v in plan.before.values())
    assert max(after.values()) <= max(plan.before.values()) + 1e-9
    again = plan_moves(loads_of(owned, owner), [_now_at(one, owner[one.id]) for one in owned])
    assert not again.moves


def _now_at(camera: OwnedCamera, owner_id: str) -> OwnedCamera:
    return OwnedCamera(
        camera.id, owner_id, camera.load, camera.pinned, camera.stays, camera.reached_by
    )


def test_the_heaviest_fitting_camera_goes_so_that_moves_are_few() -> None:
    heavy, light = CameraLoad(20, 0.4), CameraLoad(2, 0.02)
    owned = [OwnedCamera("heavy", "a", heavy), OwnedCamera("pinned", "a", heavy, pinned=True)]
    owned.append(OwnedCamera("light", "a", light))
    full = IDLE
    for camera in owned:
        full = full.with_camera(camera.load)
    plan = plan_moves({"a": full, "b": IDLE}, owned)
    assert plan.moves == [Move("heavy", "a", "b")]


def test_what_speaks_against_a_move() -> None:
    members = {
        "a": PlacingNode("a", IDLE),
        "b": PlacingNode("b", None),
        "c": PlacingNode("c", NodeLoad(0.1, 4, 90, 10**12), is_draining=True),
        "d": PlacingNode("d", NodeLoad(0.1, 4, 90, 10**9)),
    }
    camera = OwnedCamera("camera", "x", CameraLoad(), pinned=True)
    assert object_to_move(camera, "a", members) == []
    assert object_to_move(camera, "b", members) == [Objection.SILENT]
    assert object_to_move(camera, "c", members) == [Objection.DRAINING, Objection.FEW_DAYS]
    assert object_to_move(camera, "d", members) == [Objection.LITTLE_ROOM]
    assert object_to_move(camera, "x", members) == [Objection.NO_MEMBER]
    usb = OwnedCamera("camera", "x", CameraLoad(), stays=True)
    assert object_to_move(usb, "a", members) == [Objection.STAYS]
    far = OwnedCamera("camera", "a", CameraLoad(), reached_by=frozenset({"b"}))
    assert object_to_move(far, "a", members) == [Objection.IS_THERE]
    assert object_to_move(_now_at(far, "b"), "a", members) == [Objection.UNREACHED]


def test_a_plan_of_many_cameras_judges_anew_only_what_a_move_changes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each look judged each camera at each node: minutes of a small machine's core."""
    judged = 0
    real = NodeLoad.with_camera

    def counted(node: NodeLoad, camera: CameraLoad) -> NodeLoad:
        nonlocal judged
        judged += 1
        return real(node, camera)

    monkeypatch.setattr(NodeLoad, "with_camera", counted)
    full = NodeLoad(cpu=0.8, cores=4, mbit_s=400, room_bytes=TB)
    owned = [OwnedCamera(f"{n:03}", "a", CameraLoad(4 + n / 1000)) for n in range(100)]
    plan = plan_moves({"a": full, **dict.fromkeys("bcdefgh", IDLE)}, owned)
    assert len(plan.moves) > 20
    assert judged <= 100 * 8 + len(plan.moves) * (2 * 100 + 1)
    assert max(plan.after.values()) < plan.before["a"] / 2
