"""The recorder against a store that remembers: where segments and recordings begin and end."""

import asyncio
from dataclasses import dataclass, field, replace

import pytest

from falconeye.base.memory import MemoryBudget
from falconeye.base.times import HOUR_US
from falconeye.hub.stream import StreamHub
from falconeye.media.fragments import RecordingFragment
from falconeye.media.init_segment import make_init_segment
from falconeye.media.runs import RunEnd
from falconeye.media.samples import (
    AudioParameters,
    AudioSample,
    Codec,
    StreamKind,
    VideoSample,
)
from falconeye.recording.plan import RecordingIds, RecordingPlan
from falconeye.recording.recorder import Recorder
from falconeye.storage.segments.segments import Accepted, SegmentEnd, SegmentStart
from tests.clock import START_US, FakeClock
from tests.peers.media_samples import audio_clip, video_clip
from tests.streams import clip_parameters, clip_samples

MONOTONIC_US = 1_000_000_000
AUDIO = AudioParameters(Codec.AAC, 16_000, 1, audio_clip("aac").config, 1024)
PLAN = RecordingPlan("cam", lambda: "Front door", "continuous", lists_recordings=True, segment_s=4)


@dataclass
class File:
    start: SegmentStart
    fragments: list[RecordingFragment] = field(default_factory=list)
    ends: list[SegmentEnd] = field(default_factory=list)
    accept: Accepted = Accepted.YES
    failure: RunEnd | None = None

    def append(self, fragment: RecordingFragment) -> Accepted:
        if self.accept is Accepted.YES:
            self.fragments.append(fragment)
        return self.accept

    def close(self, end: SegmentEnd) -> None:
        self.ends.append(end)

    @property
    def duration_90k(self) -> int:
        return sum(fragment.duration_90k for fragment in self.fragments)


@dataclass
class Store:
    files: list[File] = field(default_factory=list)
    runs: int = 0
    accept: Accepted = Accepted.YES
    room: bool = True

    def begin_run(
        self, _camera_id: str, _stream: StreamKind, _started_us: int, _offset_us: int | None = None
    ) -> int:
        self.runs += 1
        return self.runs

    def has_room(self) -> bool:
        return self.room

    def disk_trouble(self) -> RunEnd | None:
        return None

    def bytes_written(self, _camera_id: str, _stream: StreamKind) -> int:
        return sum(part.size_bytes for file in self.files for part in file.fragments)

    def create(self, start: SegmentStart) -> File:
        self.files.append(File(start, accept=self.accept))
        return self.files[-1]


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
async def hub(clock: FakeClock) -> StreamHub:
    return StreamHub(
        "cam", StreamKind.MAIN, asyncio.get_running_loop(), clock, MemoryBudget(1 << 26)
    )


def recorder(store: Store, clock: FakeClock, plan: RecordingPlan = PLAN) -> Recorder:
    return Recorder(plan, StreamKind.MAIN, store, clock)


def play(hub: StreamHub, clock: FakeClock, samples: list[VideoSample]) -> None:
    """Feed samples while the clock keeps to their arrival."""
    for sample in samples:
        clock.advance((sample.arrived_us - clock.monotonic_us()) / 1_000_000)
        hub.video(sample)


def _trouble(recording: Recorder) -> RunEnd | None:
    """Read anew each time: the type checker believes that an attribute stays."""
    return recording.trouble


def begin(hub: StreamHub) -> None:
    hub.begin_run(clip_parameters(video_clip()), None)


async def test_segments_are_whole_gops_and_join_without_a_hole(
    hub: StreamHub, store: Store, clock: FakeClock
) -> None:
    hub.sinks.add(recorder(store, clock))
    begin(hub)
    play(hub, clock, clip_samples(repeats=5))
    hub.end_run(RunEnd.CAMERA_OFFLINE, "")
    assert [file.duration_90k for file in store.files] == [360_000, 360_000, 180_000]
    assert all(file.fragments[0].is_keyframe for file in store.files)
    assert all(file.fragments[0].start_90k == 0 for file in store.files)
    assert [file.start.media_offset_90k for file in store.files] == [0, 360_000, 720_000]
    for before, after in zip(store.files, store.files[1:], strict=False):
        assert before.ends == [SegmentEnd(after.start.start_us)]
    last = store.files[-1]
    assert last.ends == [SegmentEnd(last.start.start_us + 2_000_000, RunEnd.CAMERA_OFFLINE)]
    assert store.files[0].start.start_us == START_US
    assert len({file.start.recording_id for file in store.files}) == 1


async def test_a_recording_ends_at_the_utc_hour(
    hub: StreamHub, store: Store, clock: FakeClock
) -> None:
    clock.step_utc((HOUR_US - START_US % HOUR_US) / 1_000_000 - 3)
    hub.sinks.add(recorder(store, clock))
    begin(hub)
    play(hub, clock, clip_samples(repeats=4))
    hub.end_run(RunEnd.CAMERA_OFFLINE, "")
    ids = [file.start.recording_id for file in store.files]
    assert ids == ["cam_20260921145957", "cam_20260921150001"]
    assert store.files[0].duration_90k == 360_000


async def test_a_manual_recording_does_not(hub: StreamHub, store: Store, clock: FakeClock) -> None:
    clock.step_utc((HOUR_US - START_US % HOUR_US) / 1_000_000 - 3)
    plan = replace(PLAN, kind="manual")
    hub.sinks.add(recorder(store, clock, plan))
    begin(hub)
    play(hub, clock, clip_samples(repeats=4))
    hub.end_run(RunEnd.CAMERA_OFFLINE, "")
    assert len({file.start.recording_id for file in store.files}) == 1


async def test_short_hole_keeps_the_recording_and_a_long_one_ends_it(
    hub: StreamHub, store: Store, clock: FakeClock
) -> None:
    hub.sinks.add(recorder(store, clock))
    for hole_s in (0, 30, 61):
        clock.advance(hole_s)
        begin(hub)
        play(hub, clock, clip_samples(arrived_us=clock.monotonic_us()))
        hub.end_run(RunEnd.CAMERA_OFFLINE, "")
    ids = [file.start.recording_id for file in store.files]
    assert ids[0] == ids[1]
    assert ids[1] != ids[2]
    assert store.runs == 3


async def test_other_picture_size_begins_another_recording(
    hub: StreamHub, store: Store, clock: FakeClock
) -> None:
    hub.sinks.add(recorder(store, clock))
    begin(hub)
    play(hub, clock, clip_samples())
    large = video_clip(width=320, height=176)
    hub.parameters_changed(clip_parameters(large))
    shifted = [
        VideoSample(s.dts_90k + 180_000, s.cts_90k, s.is_keyframe, s.data, s.arrived_us + 2_000_000)
        for s in clip_samples(large)
    ]
    play(hub, clock, shifted)
    hub.end_run(RunEnd.CAMERA_OFFLINE, "")
    assert [(f.start.init.video.width, f.start.media_offset_90k) for f in store.files] == [
        (640, 0),
        (320, 180_000),
    ]
    assert len({f.start.recording_id for f in store.files}) == 2
    assert store.runs == 1


async def test_slow_disk_is_a_gap_and_recording_resumes(
    hub: StreamHub, store: Store, clock: FakeClock
) -> None:
    store.accept = Accepted.OVER_BUDGET
    recording = recorder(store, clock)
    hub.sinks.add(recording)
    begin(hub)
    samples = clip_samples(repeats=4)
    play(hub, clock, samples[:100])
    assert _trouble(recording) is RunEnd.DISK_TOO_SLOW
    assert recording.lost_fragments.value >= 1
    assert not recording.is_writing
    store.accept = Accepted.YES
    play(hub, clock, samples[100:])
    hub.end_run(RunEnd.CAMERA_OFFLINE, "")
    assert _trouble(recording) is None
    assert store.files[0].ends[0].run_end is RunEnd.DISK_TOO_SLOW
    assert store.files[-1].duration_90k == 360_000
    assert store.files[-1].start.run_id != store.files[0].start.run_id


async def test_failing_disk_names_its_reason(
    hub: StreamHub, store: Store, clock: FakeClock
) -> None:
    recording = recorder(store, clock)
    hub.sinks.add(recording)
    begin(hub)
    samples = clip_samples(repeats=2)
    play(hub, clock, samples[:30])
    store.files[0].accept = Accepted.FAILED
    store.files[0].failure = RunEnd.DISK_FULL
    play(hub, clock, samples[30:50])
    assert recording.trouble is RunEnd.DISK_FULL
    hub.end_run(RunEnd.NODE_STOPPED, "")


async def test_a_camera_that_goes_while_the_disk_fails_is_not_the_disks_trouble(
    hub: StreamHub, store: Store, clock: FakeClock
) -> None:
    store.accept = Accepted.OVER_BUDGET
    recording = recorder(store, clock)
    hub.sinks.add(recording)
    begin(hub)
    play(hub, clock, clip_samples())
    assert _trouble(recording) is RunEnd.DISK_TOO_SLOW
    hub.end_run(RunEnd.CAMERA_OFFLINE, "gone")
    assert _trouble(recording) is None


async def test_stopped_by_a_person_ends_the_recording(
    hub: StreamHub, store: Store, clock: FakeClock
) -> None:
    recording = recorder(store, clock)
    hub.sinks.add(recording)
    begin(hub)
    samples = clip_samples()
    play(hub, clock, samples[:20])
    hub.sinks.remove(recording, RunEnd.STOPPED_BY_USER)
    play(hub, clock, samples[20:])
    assert [f.ends[0].run_end for f in store.files] == [RunEnd.STOPPED_BY_USER]
    assert store.files[0].ends[0].recording_ended
    assert store.files[0].duration_90k == 20 * 3600


def play_with_sound(
    hub: StreamHub, clock: FakeClock, seconds: int, *, silent_from_s: float = 1e9
) -> list[AudioSample]:
    """Pictures, and the audio of their time 0.1 s after them; the audio."""
    hub.begin_run(clip_parameters(video_clip()), AUDIO)
    begun_us = clock.monotonic_us()
    samples: list[VideoSample | AudioSample] = list(
        clip_samples(repeats=-(-seconds // 2), arrived_us=begun_us)
    )
    heard = [
        AudioSample(ticks, 1024, b"tone", begun_us + ticks * 1_000_000 // 16_000 + 100_000)
        for ticks in range(0, seconds * 16_000, 1024)
        if ticks < silent_from_s * 16_000
    ]
    for sample in sorted([*samples, *heard], key=lambda sample: sample.arrived_us):
        clock.advance((sample.arrived_us - clock.monotonic_us()) / 1_000_000)
        if isinstance(sample, VideoSample):
            hub.video(sample)
        else:
            hub.audio(sample)
    return heard


def audio_starts(file: File) -> list[int]:
    return [
        fragment.audio_start_ticks + file.start.audio_offset_ticks
        for fragment in file.fragments
        if fragment.audio_tfdt_offset
    ]


async def test_audio_that_comes_late_belongs_to_the_segment_of_its_time(
    hub: StreamHub, store: Store, clock: FakeClock
) -> None:
    hub.sinks.add(recorder(store, clock))
    heard = play_with_sound(hub, clock, 8)
    hub.end_run(RunEnd.CAMERA_OFFLINE, "")
    assert [file.duration_90k for file in store.files] == [360_000, 360_000]
    count = sum(
        buffer == b"tone"
        for file in store.files
        for part in file.fragments
        for buffer in part.buffers
    )
    assert count == len(heard)
    first, second = store.files
    assert first.ends == [SegmentEnd(second.start.start_us)]
    assert 4 * 16_000 <= audio_starts(second)[0] < 4 * 16_000 + 1024


async def test_a_segment_does_not_wait_long_for_audio_that_stays_away(
    hub: StreamHub, store: Store, clock: FakeClock
) -> None:
    hub.sinks.add(recorder(store, clock))
    play_with_sound(hub, clock, 6, silent_from_s=3.5)
    assert store.files[0].duration_90k == 360_000
    assert store.files[0].ends == [SegmentEnd(store.files[1].start.start_us)]
    hub.end_run(RunEnd.CAMERA_OFFLINE, "")


async def test_the_end_of_a_run_finishes_both_segments(
    hub: StreamHub, store: Store, clock: FakeClock
) -> None:
    recording = recorder(store, clock)
    hub.sinks.add(recording)
    play_with_sound(hub, clock, 4)
    hub.video(replace(clip_samples()[0], dts_90k=360_000, arrived_us=clock.monotonic_us()))
    assert [len(file.ends) for file in store.files] == [0, 0]
    hub.end_run(RunEnd.NODE_STOPPED, "")
    assert [file.duration_90k for file in store.files] == [360_000, 3600]
    assert [[end.run_end for end in file.ends] for file in store.files] == [
        [None],
        [RunEnd.NODE_STOPPED],
    ]


async def test_a_last_fragment_that_is_refused_ends_its_segment_before_it(
    hub: StreamHub, store: Store, clock: FakeClock
) -> None:
    recording = recorder(store, clock)
    hub.sinks.add(recording)
    play_with_sound(hub, clock, 4)
    hub.video(replace(clip_samples()[0], dts_90k=360_000, arrived_us=clock.monotonic_us()))
    store.files[0].accept = Accepted.OVER_BUDGET
    hub.end_run(RunEnd.CAMERA_OFFLINE, "")
    (end,) = store.files[0].ends
    assert end.run_end is RunEnd.DISK_TOO_SLOW
    assert end.end_us - START_US == store.files[0].duration_90k * 100 // 9
    assert recording.lost_fragments.value == 1
    assert store.files[1].duration_90k == 3600


async def test_another_name_counts_from_the_next_segment(
    hub: StreamHub, store: Store, clock: FakeClock
) -> None:
    names = ["Front door"]
    begun: list[int] = []
    plan = replace(PLAN, camera_name=lambda: names[-1])
    recording = Recorder(
        plan, StreamKind.MAIN, store, clock, lambda: begun.append(len(store.files))
    )
    hub.sinks.add(recording)
    begin(hub)
    samples = clip_samples(repeats=4)
    play(hub, clock, samples[:100])
    names.append("Gate")
    play(hub, clock, samples[100:])
    hub.end_run(RunEnd.CAMERA_OFFLINE, "")
    assert [file.start.camera_name for file in store.files] == ["Front door", "Gate"]
    assert begun == [1, 2]
    assert len({file.start.recording_id for file in store.files}) == 1


async def test_footage_after_the_clock_was_set_back_has_its_own_dates(
    hub: StreamHub, store: Store, clock: FakeClock
) -> None:
    hub.sinks.add(recorder(store, clock))
    begin(hub)
    samples = clip_samples(repeats=6)
    play(hub, clock, samples[:200])
    clock.step_utc(-600)
    play(hub, clock, samples[200:])
    hub.end_run(RunEnd.CAMERA_OFFLINE, "")
    starts_s = [(file.start.start_us - START_US) / 1_000_000 for file in store.files]
    assert starts_s == [0, 4, 8 - 600]
    assert store.files[1].ends == [SegmentEnd(START_US + 8_000_000, RunEnd.CLOCK_CHANGED)]
    recordings = [file.start.recording_id for file in store.files]
    assert recordings[0] == recordings[1] != recordings[2]


def test_a_recording_that_claims_the_start_of_another_has_its_own_name() -> None:
    ids = RecordingIds(PLAN)
    init = make_init_segment(clip_parameters(video_clip()), None)
    hour_us = START_US // HOUR_US * HOUR_US
    hours = [hour_us + 1_000_000, hour_us + HOUR_US + 1_500_000]
    again = [hour_us + 30_000_000, hour_us + HOUR_US + 1_000_000, hour_us + 2 * HOUR_US]
    found = [ids.for_segment(start_us, init) for start_us in hours + again]
    assert found == [
        "cam_20260921140001",
        "cam_20260921150001",
        "cam_20260921140030-000000",
        "cam_20260921150001-000000",
        "cam_20260921160000",
    ]
