"""What a node shows and calls things of cameras that belong to others."""

from dataclasses import replace

import pytest

from falconeye.cameras.roles import Roles, Told
from falconeye.cameras.views import Camera
from falconeye.config.camera import CameraConfig, Protocol
from falconeye.events.camera_state import CameraState, CameraStatus, ReasonCode
from falconeye.recording.plan import RecordingIds, RecordingPlan
from falconeye.storage.segments.layout import recording_id

ME, OTHER = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
CONFIG = CameraConfig("door", "Door", Protocol.DEMO, "demo:", 0, 0)
STOPPED = CameraState("door", CameraStatus.STOPPED, False, ReasonCode.NONE, "stopped", 5)
CAMERA = Camera(CONFIG, STOPPED, (), None, None)


@pytest.mark.parametrize(
    ("own_id", "owner_id", "ending"),
    [
        ("", None, ""),
        ("", OTHER, ""),
        (ME, None, ""),
        (ME, ME, ""),
        (ME, OTHER, "-11111111111141118111111111111111"),
    ],
)
def test_recordings_of_anothers_camera_are_called_after_the_node_that_made_them(
    own_id: str, owner_id: str | None, ending: str
) -> None:
    roles = Roles()
    roles.own_id = own_id
    assert roles.id_ending(replace(CONFIG, owner_id=owner_id)) == ending
    plan = RecordingPlan("door", lambda: "Door", "continuous", True, id_ending=ending)
    assert RecordingIds(plan)._new_id(0) == recording_id("door", 0) + ending


def test_a_camera_that_is_to_run_here_is_shown_as_it_is_here() -> None:
    assert Roles().shown(CAMERA) is CAMERA


def test_one_that_runs_elsewhere_is_shown_as_told_or_as_not_told_of() -> None:
    roles = Roles()
    roles.here = lambda _config: False
    nobody_told = roles.shown(CAMERA)
    assert (nobody_told.is_here, nobody_told.runs_on) == (False, None)
    assert nobody_told.state.reason_code is ReasonCode.NODE_UNREACHABLE
    stopped = roles.shown(replace(CAMERA, config=replace(CONFIG, started=False)))
    assert stopped.state is STOPPED
    running = replace(STOPPED, status=CameraStatus.RUNNING, online=True)
    roles.told = {"door": Told("pi-2", running, (), "door_1", 7)}
    shown = roles.shown(CAMERA)
    assert (shown.state, shown.runs_on, shown.is_here) == (running, "pi-2", False)
    assert (shown.recording_id, shown.recording_since_us) == ("door_1", 7)


def test_the_owners_name_and_that_of_who_stands_in_are_both_told() -> None:
    roles = Roles()
    roles.own_id = ME
    names = {ME: "pi-1", OTHER: "pi-2", "3": "pi-3"}
    roles.names = lambda: names
    mine, theirs = (replace(CAMERA, config=replace(CONFIG, owner_id=one)) for one in (ME, OTHER))
    assert (roles.shown(mine).owner_name, roles.shown(mine).stands_in) == ("pi-1", None)
    here = roles.shown(theirs)
    assert (here.owner_name, here.stands_in) == ("pi-2", "pi-1")
    roles.here = lambda _config: False
    running = replace(STOPPED, status=CameraStatus.RUNNING, online=True)
    for runs_on, stands_in in (("pi-2", None), ("pi-3", "pi-3")):
        roles.told = {"door": Told(runs_on, running)}
        assert roles.shown(theirs).stands_in == stands_in
    silent = replace(running, reason_code=ReasonCode.NODE_UNREACHABLE)
    roles.told = {"door": Told("pi-3", silent)}
    assert roles.shown(theirs).stands_in is None
    names[OTHER] = "attic"
    assert roles.shown(theirs).owner_name == "attic"


def test_one_whose_pictures_only_another_node_has_is_told_of_as_it_is_in_both_places() -> None:
    """An owner that is cut off from its camera tries on; people see what its standby has."""
    roles = Roles()
    roles.own_id, roles.names = ME, lambda: {ME: "pi-1", OTHER: "pi-2"}
    mine = replace(CAMERA, config=replace(CONFIG, owner_id=ME))
    running = replace(STOPPED, status=CameraStatus.RUNNING, online=True, recording=True)
    roles.told = {"door": Told("pi-2", running, (), "door_1-2", 7)}
    shown = roles.shown(mine)
    assert (shown.state, shown.is_here, shown.stands_in) == (STOPPED, True, None)
    seen = shown.anywhere
    assert (seen.state, seen.is_here, seen.runs_on, seen.stands_in) == (
        running, False, "pi-2", "pi-2",
    )  # fmt: skip
    assert (seen.owner_name, seen.recording_id, seen.recording_since_us) == ("pi-1", "door_1-2", 7)
    # With pictures of its own, or where nobody has any, it is what it is here.
    with_own = roles.shown(replace(mine, state=running))
    assert with_own.anywhere is with_own
    roles.told = {"door": Told("pi-2", replace(running, online=False))}
    nowhere = roles.shown(mine)
    assert nowhere.anywhere is nowhere
