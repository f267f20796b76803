"""What is said of a camera, by the last step that the ledger knows of it."""

import pytest

from falconeye.config.camera import CameraConfig, Protocol, RecordMode
from falconeye.doctor.cameras import examine
from falconeye.doctor.finding import Level
from falconeye.storage.checks.health_rows import LastStep
from falconeye.storage.ledger.coverage import GapReason
from tests.clock import FakeClock

CAMERA = CameraConfig("cam", "Door", Protocol.DEMO, "demo:", 0, 0, record=RecordMode.EVENT)


@pytest.mark.parametrize(
    ("reason", "level"),
    [
        (GapReason.OUTSIDE_EVENTS, Level.OK),
        (GapReason.OUTSIDE_SCHEDULE, Level.OK),
        (GapReason.PAUSED, Level.OK),
        (GapReason.RECORDING_STOPPED, Level.OK),
        (None, Level.OK),
        (GapReason.CAMERA_OFFLINE, Level.FAIL),
        (GapReason.DISK_FULL, Level.FAIL),
    ],
)
async def test_what_people_want_is_no_fault(reason: GapReason | None, level: Level) -> None:
    steps = {"cam": LastStep(0, reason, "")}
    (found,) = await examine([CAMERA], {}, steps, {}, FakeClock(), is_served=True)
    assert found.level is level
