"""What keeps a camera from recording now, for the coverage ledger."""

from falconeye.cameras.pipeline import CameraPipeline
from falconeye.config.camera import RecordMode
from falconeye.media.runs import RunEnd
from falconeye.media.samples import StreamKind
from falconeye.storage.ledger.coverage import GapReason

_TROUBLES = {
    RunEnd.DISK_FULL: GapReason.DISK_FULL,
    RunEnd.DISK_TOO_SLOW: GapReason.DISK_TOO_SLOW,
    RunEnd.DISK_ERROR: GapReason.DISK_ERROR,
}


def keeps_from_recording(pipeline: CameraPipeline) -> tuple[GapReason | None, str]:
    """The reason, and words for it; (None, "") where nothing does.

    What people want comes first, then the disk, then the camera. A recorder that waits for its
    first keyframe is kept by nothing.
    """
    config, state = pipeline.config, pipeline.status.state
    recorder = pipeline.recorders.get(StreamKind.MAIN)
    found: tuple[GapReason | None, str] = None, ""
    if not config.started:
        found = GapReason.CAMERA_STOPPED, config.stopped_by or ""
    elif pipeline.recording_is_stopped:
        found = GapReason.RECORDING_STOPPED, config.recording_stopped_by or ""
    elif recorder is None and config.record is not RecordMode.CONTINUOUS:
        found = GapReason.RECORDING_OFF, ""
    elif (trouble := pipeline.recording_trouble) is not None:
        found = _TROUBLES.get(trouble, GapReason.DISK_ERROR), ""
    elif not state.online:
        found = GapReason.CAMERA_OFFLINE, state.reason
    elif recorder is None:
        found = GapReason.INTERNAL, ""
    return found
