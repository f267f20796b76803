"""A USB camera that runs: what is set by API and the device have to stay one."""

import errno
import threading
from collections import deque
from collections.abc import Iterator

import pytest

from falconeye.cameras import trial
from falconeye.cameras.views import NewCamera
from falconeye.config.camera import Protocol
from tests.integration.api.conftest import Served
from tests.peers.media_samples import jpeg_pictures
from tests.peers.video_node import MONOTONIC, NodeControl, VideoNode

pytestmark = pytest.mark.timeout(30)
BRIGHTNESS = 10


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch) -> Iterator[VideoNode]:
    made = VideoNode(controls={BRIGHTNESS: NodeControl(b"Brightness", 1, 128, 255)})
    made.lay(monkeypatch)
    yield made
    made.close()


async def test_a_control_that_was_set_while_it_ran_is_set_again_after_replugging(
    served: Served, node: VideoNode
) -> None:
    (jpeg,) = jpeg_pictures(1, width=320, height=240)
    body = {"name": "Door", "protocol": "usb", "device_path": node.camera().identity}
    node.pictures = deque((jpeg, MONOTONIC, number) for number in range(3))
    answer = await served.admin.post("/api/cameras/", json=body)
    assert answer.status_code == 201, answer.text
    camera_id = answer.json()["id"]
    await node.streams()
    answer = await served.admin.put(
        f"/api/cameras/{camera_id}/controls/brightness", json={"value": 9}
    )
    assert answer.json()["value"] == 9
    node.controls[BRIGHTNESS].value = 128  # its power was away
    node.end = errno.ENODEV
    await node.streams()
    assert node.controls[BRIGHTNESS].value == 9
    await served.admin.delete(f"/api/cameras/{camera_id}")


async def test_a_trial_of_a_camera_that_hangs_ends(
    served: Served, node: VideoNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing ends a call into the kernel: who waited for its thread waited for the device."""
    monkeypatch.setattr(trial, "TRIAL_S", 0.1)
    monkeypatch.setattr(trial, "END_S", 0.1)
    node.hangs = threading.Event()
    identity = node.camera().identity
    new = NewCamera("Door", Protocol.USB, None, device_path=identity)
    try:
        result = await served.services.cameras.test(new)
        assert not result.ok
        assert [each for each in threading.enumerate() if each.name.endswith("-main")]
    finally:
        node.hangs.set()
