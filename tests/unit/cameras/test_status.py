"""The state of a camera at every moment."""

from falconeye.cameras.status import StatusTracker
from falconeye.events.camera_state import CameraState, CameraStatus, ReasonCode
from tests.clock import FakeClock

TIMEOUT_US = 180_000_000


def tracker(clock: FakeClock) -> tuple[StatusTracker, list[CameraState]]:
    seen: list[CameraState] = []
    return StatusTracker("cam", clock, seen.append), seen


def tick(status: StatusTracker, arrived_us: int = 0, *, recording: bool = False) -> None:
    status.tick(arrived_us, recording=recording, creating_timeout_us=TIMEOUT_US)


def test_start_run_fail_run_again(clock: FakeClock) -> None:
    status, seen = tracker(clock)
    status.starting()
    status.running()
    status.failed(ReasonCode.DISCONNECTED, "the camera ended the stream")
    status.running()
    assert [(s.status, s.online, s.reason_code) for s in seen] == [
        (CameraStatus.CREATING, False, ReasonCode.CONNECTING),
        (CameraStatus.RUNNING, True, ReasonCode.NONE),
        (CameraStatus.ERROR, False, ReasonCode.DISCONNECTED),
        (CameraStatus.RUNNING, True, ReasonCode.NONE),
    ]


def test_creating_for_more_than_three_minutes_is_an_error(clock: FakeClock) -> None:
    status, seen = tracker(clock)
    status.starting()
    clock.advance(179)
    tick(status)
    assert seen[-1].status is CameraStatus.CREATING
    clock.advance(2)
    tick(status)
    assert (seen[-1].status, seen[-1].reason_code) == (
        CameraStatus.ERROR,
        ReasonCode.CREATING_TOO_LONG,
    )
    assert "3 minutes" in seen[-1].reason


def test_silence_is_not_online_and_pictures_bring_it_back(clock: FakeClock) -> None:
    status, seen = tracker(clock)
    status.starting()
    status.running()
    arrived_us = clock.monotonic_us()
    clock.advance(4)
    tick(status, arrived_us)
    assert seen[-1].online
    clock.advance(2)
    tick(status, arrived_us)
    assert (seen[-1].online, seen[-1].reason_code) == (False, ReasonCode.STALLED)
    assert seen[-1].status is CameraStatus.RUNNING
    tick(status, clock.monotonic_us())
    assert (seen[-1].online, seen[-1].reason) == (True, "")


def test_late_failure_of_a_stopped_camera_changes_nothing(clock: FakeClock) -> None:
    status, seen = tracker(clock)
    status.starting()
    status.stopped("stopped")
    status.failed(ReasonCode.DISCONNECTED, "gone")
    assert seen[-1].status is CameraStatus.STOPPED


def test_same_state_is_told_once_and_keeps_its_time(clock: FakeClock) -> None:
    status, seen = tracker(clock)
    status.failed(ReasonCode.NO_ROUTE, "no route to 10.0.0.9:554")
    since_us = seen[-1].since_us
    clock.advance(5)
    status.failed(ReasonCode.NO_ROUTE, "no route to 10.0.0.9:554")
    assert len(seen) == 1
    status.failed(ReasonCode.PASSWORD_REFUSED, "the camera refused the password")
    assert (len(seen), seen[-1].since_us) == (2, since_us)


def test_recording_is_part_of_the_state(clock: FakeClock) -> None:
    status, seen = tracker(clock)
    status.starting()
    status.running()
    tick(status, clock.monotonic_us(), recording=True)
    assert seen[-1].recording
    tick(status, clock.monotonic_us(), recording=False)
    assert not seen[-1].recording
