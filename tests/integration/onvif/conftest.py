"""Cameras of the tests, each checked at its end for what it had to complain of."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.peers.onvif_device import OnvifCamera
from tests.peers.onvif_state import Deviations

NewCamera = Callable[..., OnvifCamera]


@pytest.fixture
def new_camera() -> Iterator[NewCamera]:
    """A camera with these deviations; ended, and without complaints, after the test."""
    cameras: list[OnvifCamera] = []
    with ExitStack() as stack:

        def start(*, tls: bool = False, **deviations: object) -> OnvifCamera:
            camera = OnvifCamera(Deviations(**deviations), tls=tls)  # type: ignore[arg-type]
            cameras.append(stack.enter_context(camera))
            return camera

        yield start
    assert [camera.complaints for camera in cameras] == [[]] * len(cameras)
