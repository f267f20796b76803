"""A node records that camera and hears its input, on a network where its streams are its own.

It announces them at port 554 of loopback, whatever its address: so all of it is in a namespace.
"""

from collections.abc import Iterator

import pytest

from falconeye.events.bus import CameraHappened, CameraStateChanged
from tests.integration.api.conftest import Served, served
from tests.onvif_peer.conftest import NewPeer
from tests.onvif_peer.server import PASSWORD, USER
from tests.peers.media_samples import video_clip
from tests.peers.replay_rtsp import ReplayServer
from tests.peers.site import Site, site_of_test

__all__ = ["served"]

pytestmark = [pytest.mark.root, pytest.mark.timeout(20)]


@pytest.fixture
def site() -> Iterator[Site]:
    """The test runs in the namespace of the site's node, which has a loopback of its own."""
    with site_of_test() as made:
        yield made


@pytest.mark.parametrize("options", [(), ("--renews", "--unsubscribes")])
async def test_an_input_is_an_event_of_the_camera(
    site: Site,  # noqa: ARG001 - before the node
    served: Served,
    new_peer: NewPeer,
    options: tuple[str, ...],
) -> None:
    peer = new_peer("--login", *options)
    body = {
        "name": "Door", "protocol": "onvif", "source_url": peer.url, "start": True,
        "username": USER, "password": PASSWORD, "record": "event",
    }  # fmt: skip
    with ReplayServer(554) as rtsp, served.services.bus.subscribe() as changes:
        clip = video_clip(width=320, height=192, gop=10)
        # The first part of a path is what cameras have for a name there.
        stream = rtsp.add("mock", video=clip, login="digest", user=USER, password=PASSWORD)
        answer = await served.admin.post("/api/cameras/", json=body)
        assert answer.status_code == 201, answer.text
        camera_id = answer.json()["id"]
        while True:
            change = await changes.get()
            if isinstance(change, CameraStateChanged) and change.state.online:
                break
        peer.pulse()
        while True:
            change = await changes.get()
            if isinstance(change, CameraHappened) and change.kind == "digital_input":
                break
        assert change.camera_id == camera_id
        assert change.at_us <= change.until_us
        path = f"/api/cameras/{camera_id}"
        listed = (await served.viewer.get(f"{path}/events")).json()["events"]
        assert [each["kind"] for each in listed].count("digital_input") == 1
        assert (await served.admin.delete(path)).status_code == 200
        assert served.services.onvif.heard == frozenset()
    assert stream.gate.refused == 0
