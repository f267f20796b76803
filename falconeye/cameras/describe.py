"""A pipeline as the values that pages and API show."""

from falconeye.cameras.pipeline import CameraPipeline
from falconeye.cameras.views import Camera, PreRollState, StreamStats
from falconeye.hub.stream import StreamHub
from falconeye.media.parameters import codec_name
from falconeye.media.samples import AudioParameters, StreamKind, VideoParameters
from falconeye.recording.event_recorder import EventRecorder
from falconeye.recording.recorder import Recorder


def video_words(video: VideoParameters) -> str:
    """E.g. "H.264 1920×1080"."""
    return f"{codec_name(video.codec.value)} {video.width}×{video.height}"


def audio_words(audio: AudioParameters) -> str:
    """E.g. "AAC 16 kHz"."""
    return f"{codec_name(audio.codec.value)} {audio.sample_rate / 1000:g} kHz"


def describe(pipeline: CameraPipeline, now_us: int) -> Camera:
    """The camera at this moment; `now_us` is the monotonic clock."""
    recorder = pipeline.recorders.get(StreamKind.MAIN)
    return Camera(
        config=pipeline.config,
        state=pipeline.status.state,
        streams=tuple(_stream(pipeline, kind, hub, now_us) for kind, hub in pipeline.hubs.items()),
        recording_id=recorder.recording_id if recorder else None,
        recording_since_us=recorder.since_us if recorder else None,
        pause=pipeline.pause,
        pre_roll=_pre_roll(recorder),
    )


def _pre_roll(recorder: Recorder | EventRecorder | None) -> PreRollState | None:
    if not isinstance(recorder, EventRecorder):
        return None
    return PreRollState(recorder.held_s, recorder.on_disk_s, recorder.is_short)


def _stream(pipeline: CameraPipeline, kind: StreamKind, hub: StreamHub, now_us: int) -> StreamStats:
    video, audio = hub.video_parameters, hub.audio_parameters
    fps, bits_per_second = hub.meter.rates(now_us)
    inits = hub.live.inits
    init = inits[1] or inits[0]
    recorder = pipeline.recorders.get(kind)
    lost = recorder.lost if recorder else 0
    return StreamStats(
        kind=kind,
        connected=init is not None or hub.latest_jpeg is not None,
        video=video_words(video) if video and video.width else None,
        audio=audio_words(audio) if audio else None,
        codecs=init.codecs if init else None,
        width=video.width if video else None,
        height=video.height if video else None,
        fps=round(fps, 2),
        bits_per_second=round(bits_per_second),
        drops=lost + hub.live.dropped,
        reconnects=pipeline.reconnects[kind],
        viewers=hub.live.viewers + pipeline.watchers(kind),
        bytes_written=pipeline.bytes_written(kind),
    )
