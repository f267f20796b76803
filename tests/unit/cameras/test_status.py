"""The state of a camera over time."""

import pytest

from falconeye.cameras.status import StatusTracker
from falconeye.events.camera_state import CameraState, CameraStatus, ReasonCode
from tests.clock import FakeClock

MINUTE_US = 60_000_000


@pytest.fixture
def seen() -> list[CameraState]:
    return []


@pytest.fixture
def status(clock: FakeClock, seen: list[CameraState]) -> StatusTracker:
    return StatusTracker("cam", clock, seen.append)


def tick(status: StatusTracker, *, arrived_us: int = 0, minutes: int = 3) -> None:
    status.tick(arrived_us, recording=False, creating_timeout_us=minutes * MINUTE_US)


def told(status: StatusTracker) -> tuple[CameraStatus, ReasonCode]:
    return status.state.status, status.state.reason_code


def test_creating_for_too_long_is_an_error(clock: FakeClock, status: StatusTracker) -> None:
    status.starting()
    clock.advance(180)
    tick(status)
    assert told(status) == (CameraStatus.CREATING, ReasonCode.CONNECTING)
    clock.advance(1)
    tick(status)
    assert told(status) == (CameraStatus.ERROR, ReasonCode.CREATING_TOO_LONG)
    assert status.state.reason == "no picture within 3 minutes; check the address and the camera"
    status.running()
    assert (status.state.status, status.state.online) == (CameraStatus.RUNNING, True)


def test_one_minute_is_said_as_one(clock: FakeClock, status: StatusTracker) -> None:
    status.starting()
    clock.advance(61)
    tick(status, minutes=1)
    assert status.state.reason == "no picture within 1 minute; check the address and the camera"


def test_a_camera_that_was_stopped_never_becomes_an_error(
    clock: FakeClock, status: StatusTracker, seen: list[CameraState]
) -> None:
    status.starting()
    status.stopped("stopped")
    clock.advance(600)
    tick(status)
    status.failed(ReasonCode.NO_ANSWER, "late news of the source")
    assert status.state.status is CameraStatus.STOPPED
    assert [state.status for state in seen] == [CameraStatus.CREATING, CameraStatus.STOPPED]


def test_silence_is_not_online(clock: FakeClock, status: StatusTracker) -> None:
    status.starting()
    status.running()
    arrived_us = clock.monotonic_us()
    clock.advance(6)
    tick(status, arrived_us=arrived_us)
    assert status.state.status is CameraStatus.RUNNING
    assert (status.state.online, status.state.reason_code) == (False, ReasonCode.STALLED)
    tick(status, arrived_us=clock.monotonic_us())
    assert status.state.online


def test_what_connecting_waits_for_is_told_while_it_is_new(status: StatusTracker) -> None:
    status.starting()
    status.connecting("connected; waiting for a keyframe")
    assert told(status) == (CameraStatus.CREATING, ReasonCode.CONNECTING)
    assert status.state.reason == "connected; waiting for a keyframe"
    status.failed(ReasonCode.NO_ANSWER, "no answer")
    status.connecting("connecting")
    assert told(status) == (CameraStatus.ERROR, ReasonCode.NO_ANSWER)
    assert status.state.reason == "no answer"
