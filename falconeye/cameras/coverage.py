"""What keeps a camera from recording now, for the coverage ledger."""

from falconeye.cameras.pipeline import CameraPipeline
from falconeye.config.camera import RecordMode
from falconeye.media.runs import RunEnd
from falconeye.media.samples import StreamKind
from falconeye.recording.event_recorder import EventRecorder
from falconeye.storage.ledger.coverage import GapReason

_TROUBLES = {
    RunEnd.DISK_FULL: GapReason.DISK_FULL,
    RunEnd.DISK_TOO_SLOW: GapReason.DISK_TOO_SLOW,
    RunEnd.DISK_ERROR: GapReason.DISK_ERROR,
}
SHORT_PRE_ROLL = "memory is short for the time before events"
# What was before an event is recorded also of a camera that has gone.
RECORDS_PRE_ROLL = (None, GapReason.CAMERA_OFFLINE)
# People want it so: no fault of the node.
WILLED = frozenset(
    {
        GapReason.CAMERA_STOPPED,
        GapReason.PAUSED,
        GapReason.RECORDING_STOPPED,
        GapReason.RECORDING_OFF,
        GapReason.OUTSIDE_SCHEDULE,
        GapReason.OUTSIDE_EVENTS,
    }
)
Why = tuple[GapReason | None, str]


def keeps_from_recording(pipeline: CameraPipeline) -> Why:
    """The reason, and words for it; (None, "") where nothing does.

    What people want comes first, then the disk, then the camera. A recorder that waits for its
    first keyframe is kept by nothing.
    """
    if not pipeline.is_here:
        return GapReason.ELSEWHERE, ""
    return _will(pipeline) or _fault(pipeline) or _nothing_happens(pipeline) or (None, "")


def _will(pipeline: CameraPipeline) -> Why | None:
    """A person, or what people have set."""
    config = pipeline.config
    if not config.started:
        return GapReason.CAMERA_STOPPED, config.stopped_by or ""
    if pipeline.pause is not None:
        return GapReason.PAUSED, pipeline.pause.by
    if pipeline.recording_is_stopped:
        return GapReason.RECORDING_STOPPED, config.recording_stopped_by or ""
    if pipeline.records_by_hand:
        return None
    if config.record in (RecordMode.MANUAL, RecordMode.OFF):
        return GapReason.RECORDING_OFF, ""
    return None if pipeline.schedule_is_open else (GapReason.OUTSIDE_SCHEDULE, "")


def _fault(pipeline: CameraPipeline) -> Why | None:
    state = pipeline.status.state
    if (trouble := pipeline.recording_trouble) is not None:
        return _TROUBLES.get(trouble, GapReason.DISK_ERROR), ""
    if not state.online:
        return GapReason.CAMERA_OFFLINE, state.reason
    return None if pipeline.recorders.get(StreamKind.MAIN) else (GapReason.INTERNAL, "")


def _nothing_happens(pipeline: CameraPipeline) -> Why | None:
    recorder = pipeline.recorders.get(StreamKind.MAIN)
    if not isinstance(recorder, EventRecorder) or recorder.is_active:
        return None
    return GapReason.OUTSIDE_EVENTS, SHORT_PRE_ROLL if recorder.is_short else ""
