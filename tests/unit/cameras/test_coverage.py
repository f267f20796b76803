"""What a camera is kept from recording by, in the order in which it counts."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from falconeye.cameras.coverage import keeps_from_recording
from falconeye.cameras.pipeline import CameraPipeline
from falconeye.config.camera import CameraConfig, Protocol, RecordMode
from falconeye.events.camera_state import CameraState, CameraStatus, ReasonCode
from falconeye.media.runs import RunEnd
from falconeye.media.samples import StreamKind
from falconeye.storage.ledger.coverage import GapReason

CONFIG = CameraConfig("cam", "Front door", Protocol.DEMO, "demo:", 0, 0)
ONLINE = CameraState("cam", CameraStatus.RUNNING, True, ReasonCode.NONE, "", 0)
OFFLINE = replace(ONLINE, status=CameraStatus.ERROR, online=False, reason="no answer")
WRITES = SimpleNamespace(trouble=None)
FAILS = SimpleNamespace(trouble=RunEnd.DISK_FULL)


@pytest.mark.parametrize(
    ("config", "state", "recorder", "expected"),
    [
        (CONFIG, ONLINE, WRITES, (None, "")),
        (CONFIG, OFFLINE, WRITES, (GapReason.CAMERA_OFFLINE, "no answer")),
        (CONFIG, ONLINE, FAILS, (GapReason.DISK_FULL, "")),
        (CONFIG, OFFLINE, FAILS, (GapReason.DISK_FULL, "")),
        (CONFIG, ONLINE, None, (GapReason.INTERNAL, "")),
        (
            replace(CONFIG, started=False, stopped_by="ann"),
            OFFLINE,
            None,
            (GapReason.CAMERA_STOPPED, "ann"),
        ),
        (replace(CONFIG, started=False), OFFLINE, None, (GapReason.CAMERA_STOPPED, "")),
        (
            replace(CONFIG, recording_stopped_by="ann"),
            OFFLINE,
            None,
            (GapReason.RECORDING_STOPPED, "ann"),
        ),
        (replace(CONFIG, record=RecordMode.OFF), OFFLINE, None, (GapReason.RECORDING_OFF, "")),
        (replace(CONFIG, record=RecordMode.MANUAL), ONLINE, None, (GapReason.RECORDING_OFF, "")),
        (replace(CONFIG, record=RecordMode.MANUAL), ONLINE, WRITES, (None, "")),
    ],
)
def test_reasons(
    config: CameraConfig, state: CameraState, recorder: Any, expected: tuple[Any, str]
) -> None:
    stopped = config.record is RecordMode.CONTINUOUS and config.recording_stopped_by is not None
    pipeline = SimpleNamespace(
        config=config,
        status=SimpleNamespace(state=state),
        recorders={StreamKind.MAIN: recorder} if recorder else {},
        recording_is_stopped=stopped,
        recording_trouble=recorder and recorder.trouble,
    )
    assert keeps_from_recording(cast("CameraPipeline", pipeline)) == expected
