"""What a camera is kept from recording by, in the order in which it counts."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from falconeye.alerts.faults import WANTED
from falconeye.base.clock import SystemClock
from falconeye.base.memory import MemoryBudget
from falconeye.cameras.coverage import SHORT_PRE_ROLL, keeps_from_recording
from falconeye.cameras.pipeline import CameraPipeline
from falconeye.cameras.privacy import Pause
from falconeye.config.camera import CameraConfig, Protocol, RecordMode
from falconeye.events.camera_state import CameraState, CameraStatus, ReasonCode
from falconeye.media.runs import RunEnd
from falconeye.media.samples import StreamKind
from falconeye.recording.event_recorder import EventRecorder, Rolls
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
    ],
)
def test_reasons(
    config: CameraConfig, state: CameraState, recorder: Any, expected: tuple[Any, str]
) -> None:
    assert keeps_from_recording(pipeline_of(config, state, recorder)) == expected


def pipeline_of(
    config: CameraConfig,
    state: CameraState,
    recorder: Any,
    *,
    pause: Pause | None = None,
    by_hand: bool = False,
    schedule_is_open: bool = True,
    is_here: bool = True,
) -> CameraPipeline:
    stopped = config.record is RecordMode.CONTINUOUS and config.recording_stopped_by is not None
    pipeline = SimpleNamespace(
        config=config,
        is_here=is_here,
        pause=pause,
        records_by_hand=by_hand,
        schedule_is_open=schedule_is_open,
        status=SimpleNamespace(state=state),
        recorders={StreamKind.MAIN: recorder} if recorder else {},
        recording_is_stopped=stopped,
        recording_trouble=recorder and recorder.trouble,
    )
    return cast("CameraPipeline", pipeline)


def why(*arguments: Any, **more: Any) -> tuple[GapReason | None, str]:
    return keeps_from_recording(pipeline_of(*arguments, **more))


def test_what_another_node_is_to_record_is_no_fault_of_this_one() -> None:
    assert why(CONFIG, OFFLINE, None, is_here=False) == (GapReason.ELSEWHERE, "")
    assert GapReason.ELSEWHERE in WANTED


def test_privacy_is_a_persons_will_whatever_the_camera_does() -> None:
    anna = Pause("anna", None)
    assert why(CONFIG, OFFLINE, WRITES, pause=anna) == (GapReason.PAUSED, "anna")
    assert why(CONFIG, OFFLINE, None, pause=Pause("", 5)) == (GapReason.PAUSED, "")
    stopped = replace(CONFIG, started=False, stopped_by="ann")
    assert why(stopped, OFFLINE, None, pause=anna) == (GapReason.CAMERA_STOPPED, "ann")


def test_outside_its_schedule_nothing_is_a_fault_but_what_a_hand_began() -> None:
    outside = GapReason.OUTSIDE_SCHEDULE, ""
    assert why(CONFIG, ONLINE, None, schedule_is_open=False) == outside
    assert why(CONFIG, OFFLINE, None, schedule_is_open=False) == outside
    event = replace(CONFIG, record=RecordMode.EVENT)
    assert why(event, OFFLINE, None, schedule_is_open=False) == outside
    by_hand = {"by_hand": True, "schedule_is_open": False}
    assert why(CONFIG, ONLINE, WRITES, **by_hand) == (None, "")
    assert why(CONFIG, ONLINE, FAILS, **by_hand) == (GapReason.DISK_FULL, "")
    manual = replace(CONFIG, record=RecordMode.MANUAL)
    assert why(manual, OFFLINE, WRITES, **by_hand) == (GapReason.CAMERA_OFFLINE, "no answer")


def test_between_events_it_must_be_ready_for_the_next() -> None:
    event = replace(CONFIG, record=RecordMode.EVENT)
    recorder = EventRecorder(
        cast("Any", None), lambda: Rolls(0, 0), MemoryBudget(1000), SystemClock()
    )
    assert why(event, ONLINE, recorder) == (GapReason.OUTSIDE_EVENTS, "")
    assert why(event, OFFLINE, recorder) == (GapReason.CAMERA_OFFLINE, "no answer")
    recorder._held.is_short = True
    assert why(event, ONLINE, recorder) == (GapReason.OUTSIDE_EVENTS, SHORT_PRE_ROLL)
    recorder._recorder = cast("Any", WRITES)
    assert why(event, ONLINE, recorder) == (None, "")


def test_none_of_these_is_an_alarm() -> None:
    assert {GapReason.PAUSED, GapReason.OUTSIDE_SCHEDULE, GapReason.OUTSIDE_EVENTS} <= WANTED
