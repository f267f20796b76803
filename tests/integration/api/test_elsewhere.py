"""Cameras that another node runs: not connected here, shown as that node tells of them."""

import pytest

from falconeye.cameras.roles import Told
from falconeye.events.camera_state import CameraState, CameraStatus, ReasonCode
from falconeye.media.samples import StreamKind
from tests.integration.api.conftest import Served
from tests.integration.api.test_camera_life import closed_with, demo, until

pytestmark = pytest.mark.timeout(30)


async def test_a_camera_that_goes_to_another_node_is_left_alone_until_it_comes_back(
    served: Served,
) -> None:
    path = await demo(served)
    camera_id = path.rpartition("/")[2]
    await until(served, path, lambda camera: camera["status"] == "running")
    cameras = served.services.cameras
    hub = cameras.hub(camera_id, StreamKind.MAIN)

    async def goes() -> object:
        cameras.roles.here = lambda _config: False
        await cameras.follow_roles()
        return await served.viewer.get(path)

    code, _said = await closed_with(served, path, goes())
    assert code == 1001  # come again: the other node has it
    seen = hub.meter.last_arrived_us
    await cameras.follow_roles()  # once more changes nothing
    assert hub.meter.last_arrived_us == seen
    answer = (await served.viewer.get(path)).json()
    assert (answer["status"], answer["online"]) == ("pending", False)
    assert answer["reason_code"] == "node_unreachable"
    listed = (await served.viewer.get("/api/recordings/")).json()["recordings"]
    assert [one["status"] for one in listed] == ["completed"]

    state = CameraState(camera_id, CameraStatus.RUNNING, True, ReasonCode.NONE, "", 5, True)
    cameras.roles.told = {camera_id: Told("pi-2", state)}
    shown = cameras.get(camera_id)
    assert (shown.state, shown.runs_on, shown.is_here) == (state, "pi-2", False)
    for refused in ("/start", "/restart"):  # wanted of the camera, not of this node
        assert (await served.admin.post(path + refused)).status_code == 200
        assert hub.meter.last_arrived_us == seen

    cameras.roles.here = lambda _config: True
    await cameras.follow_roles()
    # Until this node has pictures, people are told of those of the other one.
    shown = cameras.get(camera_id)
    assert (shown.is_here, shown.state.online, shown.anywhere.state) == (True, False, state)
    cameras.roles.told = {}
    await until(served, path, lambda camera: camera["online"])
    assert cameras.get(camera_id).is_here
    assert cameras.get(camera_id).state.status is CameraStatus.RUNNING
