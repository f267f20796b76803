"""Events: what was before one, what comes after, and the seam; told by the pictures themselves."""

from itertools import pairwise

import pytest

from falconeye.base.memory import MemoryBudget
from falconeye.base.times import SECOND_US
from falconeye.hub.sink import Run
from falconeye.media.runs import RunEnd
from falconeye.media.samples import VideoSample
from falconeye.media.wallclock import RunClock
from falconeye.recording.pre_roll import PreRoll, PreRollShares
from falconeye.storage.segments.segments import Accepted
from tests import clocked_footage
from tests.clock import START_US, FakeClock
from tests.clocked_footage import FPS, GOP_S
from tests.peers.media_samples import audio_clip
from tests.unit.recording.event_camera import PIECE, Camera, sound_times, whole


@pytest.fixture
async def camera(clock: FakeClock) -> Camera:
    made = Camera(clock)
    made.connect()
    return made


async def test_an_event_is_recorded_from_the_keyframe_before_its_pre_roll(camera: Camera) -> None:
    camera.play(25.3)
    camera.recorder.trigger(0)  # at 25.3: 15.3 is wanted, the keyframe before that is at 14
    camera.play(20)
    (recorded,) = camera.recordings().values()
    # 30.3 is the end of the post-roll, the keyframe after that is at 32: nothing lost, none twice
    assert recorded == whole(140, 320)
    assert not camera.recorder.is_active


async def test_the_sound_goes_through_the_seam_as_well(camera: Camera) -> None:
    camera.play(25.3)
    camera.recorder.trigger(0)
    camera.play(20)
    frame = audio_clip("aac").frame_ticks
    total = 0
    for file in camera.store.files:
        times = sound_times(file)
        assert all(b - a == frame for a, b in pairwise(times))
        total += len(times)
    assert total * frame / 16_000 == pytest.approx(18, abs=0.5)


async def test_an_event_meanwhile_makes_the_recording_longer(camera: Camera) -> None:
    camera.play(12)
    camera.recorder.trigger(0)
    camera.play(4)
    camera.recorder.trigger(3 * SECOND_US)  # until 16 + 3 + 5
    camera.play(1)
    camera.recorder.trigger(0)  # ends earlier: of no effect
    camera.play(12)
    (recorded,) = camera.recordings().values()
    assert recorded == whole(20, 240)


async def test_two_events_one_after_the_other_share_no_picture(camera: Camera) -> None:
    camera.play(12)
    camera.recorder.trigger(0)  # up to the keyframe at 18
    camera.play(7.5)
    assert not camera.recorder.is_active
    camera.recorder.trigger(0)  # at 19.5: what was before 18 is recorded already
    camera.play(8)
    first, second = camera.recordings().values()
    assert first == whole(20, 180)
    assert second == whole(180, 260)


async def test_an_event_soon_after_the_start_has_what_there_is(camera: Camera) -> None:
    camera.play(3.1)
    camera.recorder.trigger(0)
    camera.play(8)
    (recorded,) = camera.recordings().values()
    assert recorded == whole(0, 100)


async def test_an_event_before_any_picture_records_from_the_first(clock: FakeClock) -> None:
    camera = Camera(clock)
    camera.recorder.trigger(10 * SECOND_US)
    camera.connect()
    camera.play(30)
    (recorded,) = camera.recordings().values()
    assert recorded == whole(0, 160)


async def test_what_is_held_is_whole_gops_charged_to_the_budget(camera: Camera) -> None:
    camera.play(30)
    assert camera.budget.used_bytes > 0
    assert 10 <= camera.recorder.held_s <= 10 + GOP_S
    assert not camera.recorder.is_short
    camera.recorder.trigger(0)
    assert camera.budget.used_bytes == 0
    assert camera.recorder.held_s == 0


async def test_where_memory_is_short_less_is_held_and_said(clock: FakeClock) -> None:
    gauge = Camera(clock)
    gauge.connect()
    gauge.play(13)
    needed = gauge.budget.used_bytes
    camera = Camera(clock, needed * 8 // 3 // 2)  # three eighths of it hold half
    camera.connect()
    camera.play(30.5)
    assert camera.recorder.is_short
    held = camera.recorder.held_s
    assert 1 <= held < 8
    assert camera.budget.used_bytes <= camera.budget.limit_bytes * 3 // 8
    camera.recorder.trigger(0)
    camera.play(10)
    (recorded,) = camera.recordings().values()
    assert recorded == whole(305 - round(held * FPS) - 1, 360)


async def test_it_is_said_no_more_once_memory_is_there_again(clock: FakeClock) -> None:
    camera = Camera(clock)
    hog = camera.budget.limit_bytes * 3 // 8 - 20_000
    assert camera.budget.take(hog)
    camera.connect()
    camera.play(20)
    assert camera.recorder.is_short
    camera.budget.give_back(hog)
    camera.play(14)
    assert not camera.recorder.is_short


async def test_what_kept_an_event_from_the_disk_is_told_after_it_too(camera: Camera) -> None:
    """An event is over before anybody notices: what is wrong would be said by nothing."""

    def trouble() -> RunEnd | None:
        return camera.recorder.trouble

    camera.play(5)
    camera.store.accept = Accepted.FAILED
    camera.recorder.trigger(0)
    camera.play(9)
    assert not camera.recorder.is_active
    assert trouble() is RunEnd.DISK_ERROR
    camera.clock.advance(60)
    assert trouble() is None
    camera.recorder.trigger(0)
    camera.play(9)
    assert trouble() is RunEnd.DISK_ERROR
    camera.store.accept = Accepted.YES
    camera.recorder.trigger(0)
    camera.play(9)
    assert not camera.recorder.is_active
    assert trouble() is None


def test_one_that_comes_later_is_given_its_share() -> None:
    """Memory is full of what others hold: they give way, none is left with nothing."""
    run, init = Run(START_US, RunClock(START_US)), clocked_footage.init_of(PIECE)
    budget = MemoryBudget(8 * 3_200_000)  # 3/8 of it, 9.6 MB, for 30 GOPs of 320 kB
    shares = PreRollShares(budget)
    rolls = [PreRoll(budget, shares) for _ in range(3)]

    def play(seconds: range, playing: list[PreRoll]) -> None:
        for second in seconds:
            for roll in playing:
                for tenth in range(10):
                    at_us = second * SECOND_US + tenth * 100_000
                    sample = VideoSample(0, 0, tenth == 0, bytes(32_000), at_us)
                    roll.picture(sample, run, init)
                    roll.trim(at_us - 60 * SECOND_US)

    play(range(30), rolls[:2])
    assert all(roll.held_us > 13 * SECOND_US for roll in rolls[:2])
    play(range(30, 60), rolls)
    assert all(roll.held_us > 8 * SECOND_US for roll in rolls)
    assert all(roll.is_short for roll in rolls)
    held = 0
    for roll in rolls:
        while roll.first:
            roll.pop()
            held += 1
    assert held >= 27
    assert budget.used_bytes == 0
    play(range(60, 80), rolls[:1])  # alone it may have all of it again
    assert rolls[0].held_us > 18 * SECOND_US


async def test_a_gop_larger_than_the_budget_is_recorded_from_the_next_keyframe(
    clock: FakeClock,
) -> None:
    camera = Camera(clock, 1000)
    camera.connect()
    camera.play(10.5)
    assert camera.recorder.is_short
    assert camera.budget.used_bytes == 0
    camera.recorder.trigger(0)
    camera.play(10)
    (recorded,) = camera.recordings().values()
    assert recorded == whole(120, 160)


async def test_what_a_camera_sent_before_it_went_is_there_for_an_event(camera: Camera) -> None:
    """Who cuts the cable is on the last pictures."""
    camera.play(20)
    camera.leave()
    camera.clock.advance(4)
    camera.recorder.trigger(0)
    (recorded,) = camera.recordings().values()
    assert recorded == whole(140, 200)  # 24 - 10
    assert camera.store.files[-1].ends[-1].run_end is RunEnd.CAMERA_OFFLINE
    assert camera.store.files[-1].ends[-1].recording_ended


async def test_a_camera_that_comes_back_in_time_goes_on_with_the_recording(camera: Camera) -> None:
    camera.play(20)
    camera.recorder.trigger(10 * SECOND_US)
    camera.play(2)
    camera.leave()
    camera.clock.advance(2)
    camera.connect()
    camera.play(20)
    (recorded,) = camera.recordings().values()
    assert recorded[:120] == whole(100, 220)
    assert recorded[120:] == whole(220, 220 + len(recorded) - 120)
    assert not camera.recorder.is_active


async def test_what_grows_too_old_while_it_is_off_is_given_up(camera: Camera) -> None:
    camera.play(20)
    camera.leave()
    camera.recorder.tick()
    assert camera.budget.used_bytes > 0
    camera.clock.advance(11)
    camera.recorder.tick()
    assert camera.budget.used_bytes == 0
    camera.recorder.trigger(0)
    assert camera.store.files == []
    camera.clock.advance(6)
    camera.recorder.tick()
    assert not camera.recorder.is_active


@pytest.mark.parametrize("reason", [RunEnd.PAUSED, RunEnd.STOPPED_BY_USER, RunEnd.SCHEDULE_OVER])
async def test_where_people_want_no_footage_nothing_is_held_on(
    camera: Camera, reason: RunEnd
) -> None:
    camera.play(20)
    camera.leave(reason)
    assert camera.budget.used_bytes == 0
    camera.recorder.trigger(0)
    assert camera.store.files == []


async def test_a_person_records_until_a_person_stops_it(camera: Camera) -> None:
    camera.play(12)
    camera.recorder.trigger(None)
    camera.play(20)
    assert camera.recorder.is_active
    camera.recorder.release()
    camera.play(4)
    (recorded,) = camera.recordings().values()
    assert recorded == whole(20, 320)
    assert camera.store.files[-1].ends[-1].run_end is RunEnd.STOPPED_BY_USER


async def test_one_that_is_closed_gives_its_memory_back_and_takes_nothing(camera: Camera) -> None:
    camera.play(20)
    camera.hub.sinks.remove(camera.recorder, RunEnd.SCHEDULE_OVER)
    camera.recorder.close(RunEnd.SCHEDULE_OVER)
    assert camera.budget.used_bytes == 0
    camera.recorder.trigger(0)
    camera.play(3)
    assert camera.budget.used_bytes == 0
    assert camera.store.files == []


async def test_without_pre_roll_it_begins_with_the_gop_that_lasts(clock: FakeClock) -> None:
    camera = Camera(clock, pre_s=0)
    camera.connect()
    camera.play(21)
    camera.recorder.trigger(0)
    camera.play(8)
    (recorded,) = camera.recordings().values()
    assert recorded == whole(200, 260)
