"""A camera in event mode against a store that remembers; its pictures tell their number."""

import asyncio
import io

import av

from falconeye.base.memory import MemoryBudget
from falconeye.base.times import SECOND_US
from falconeye.hub.stream import StreamHub
from falconeye.media.nal import join_length_prefixed, split_annex_b
from falconeye.media.runs import RunEnd
from falconeye.media.samples import AudioSample, StreamKind, VideoSample
from falconeye.recording.event_recorder import EventRecorder, Rolls
from falconeye.recording.plan import RecordingPlan
from falconeye.recording.recorder import Recorder
from falconeye.sources.demo_picture import read_barcode
from falconeye.storage.volumes.spool import Spool
from tests import clocked_footage
from tests.clock import START_US, FakeClock
from tests.clocked_footage import FPS, FRAME_90K, FRAME_US, Piece
from tests.peers.media_samples import audio_clip
from tests.unit.recording.test_recorder import File, Store

PLAN = RecordingPlan("cam", lambda: "Door", "event", lists_recordings=True, segment_s=4)
PIECE = Piece(START_US, 60, 0)
BUDGET = 1 << 26


class Camera:
    """Pictures that tell their number in tenths of a second, and a tone 150 ms behind them."""

    def __init__(
        self,
        clock: FakeClock,
        budget: int = BUDGET,
        *,
        pre_s: int = 10,
        spool: Spool | None = None,
    ) -> None:
        self.clock = clock
        self.store = Store()
        self.budget = MemoryBudget(budget)
        loop = asyncio.get_running_loop()
        self.hub = StreamHub("cam", StreamKind.MAIN, loop, clock, MemoryBudget(BUDGET))
        rolls = Rolls(pre_s * SECOND_US, 5 * SECOND_US)
        self.recorder = EventRecorder(self._make, lambda: rolls, self.budget, clock, spool=spool)
        self.hub.sinks.add(self.recorder)
        self.number = 0  # of the next picture
        self._ticks = 0
        self._began = 0

    def _make(self) -> Recorder:
        return Recorder(PLAN, StreamKind.MAIN, self.store, self.clock)

    def connect(self) -> None:
        init = clocked_footage.init_of(PIECE)
        self.hub.begin_run(init.video, init.audio)
        self._ticks, self._began = 0, self.number

    def leave(self, reason: RunEnd = RunEnd.CAMERA_OFFLINE) -> None:
        self.hub.end_run(reason, "")

    def play(self, seconds: float) -> None:
        pictures = clocked_footage._encoded(PIECE)[1]
        for _ in range(round(seconds * FPS)):
            data, is_keyframe = pictures[self.number]
            dts = (self.number - self._began) * FRAME_90K
            at = self.clock.monotonic_us()
            self._hear(dts - clocked_footage.LATE_90K, at)
            picture = join_length_prefixed(split_annex_b(data))
            self.hub.video(VideoSample(dts, 0, is_keyframe, picture, at))
            self.number += 1
            self.clock.advance(FRAME_US / SECOND_US)

    def _hear(self, until_90k: int, at: int) -> None:
        sound = audio_clip("aac")
        while (self._ticks + sound.frame_ticks) * 90_000 <= until_90k * 16_000:
            tone = sound.frames[self._ticks // sound.frame_ticks % len(sound.frames)]
            self.hub.audio(AudioSample(self._ticks, sound.frame_ticks, tone, at))
            self._ticks += sound.frame_ticks

    def recordings(self) -> dict[str, list[int]]:
        """The numbers of the recorded pictures, by recording."""
        found: dict[str, list[int]] = {}
        for file in self.store.files:
            assert file.start.recording_kind == "event"
            found.setdefault(str(file.start.recording_id), []).extend(numbers(file))
        return found


def numbers(file: File) -> list[int]:
    """What the bar codes of a file say, in tenths of a second from the start."""
    boxes = b"".join(bytes(part) for piece in file.fragments for part in piece.buffers)
    with av.open(io.BytesIO(file.start.init.data + boxes), mode="r") as container:
        frames = list(container.decode(video=0))
    told = [read_barcode(bytes(f.planes[0]), f.planes[0].line_size, f.width) for f in frames]
    assert None not in told
    since = [((one or 0) - START_US // 1000) % (1 << 32) for one in told]
    return [round(ms * 1000 / FRAME_US) for ms in since]


def sound_times(file: File) -> list[int]:
    """When the audio frames of a file begin, in ticks."""
    boxes = b"".join(bytes(part) for piece in file.fragments for part in piece.buffers)
    with av.open(io.BytesIO(file.start.init.data + boxes), mode="r") as container:
        return [packet.pts for packet in container.demux(audio=0) if packet.pts is not None]


def whole(first: int, last: int) -> list[int]:
    return list(range(first, last))
