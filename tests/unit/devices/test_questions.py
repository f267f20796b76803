"""Questions to a device: one after the other, and none behind one that hangs."""

import asyncio
import errno
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from falconeye.base.errors import Conflict, Unavailable
from falconeye.devices import v4l2, v4l2_controls
from falconeye.devices.questions import DeviceQuestions

BRIGHTNESS = v4l2_controls.Control(1, "Brightness", "number", 0, 255, 1, 128, 128, is_active=True)


class Device:
    """Answers once it is let; counts who asks at the same time."""

    def __init__(self) -> None:
        self.asked = threading.Semaphore(0)
        self.answers = threading.Event()
        self.now = self.most = 0

    @contextmanager
    def opened(self, _device_path: str) -> Iterator[int]:
        self.now += 1
        self.most = max(self.most, self.now)
        self.asked.release()
        self.answers.wait(8)
        try:
            yield -1
        finally:
            self.now -= 1


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> Iterator[Device]:
    made = Device()
    monkeypatch.setattr(v4l2, "opened", made.opened)
    monkeypatch.setattr(v4l2, "pixel_formats", lambda _descriptor: ())
    monkeypatch.setattr(v4l2_controls, "controls", lambda _descriptor: (BRIGHTNESS,))
    yield made
    made.answers.set()


async def test_two_who_ask_at_once_are_both_answered(device: Device) -> None:
    """Two people have the page open, or one of them has it twice."""
    questions = DeviceQuestions()
    async with asyncio.TaskGroup() as group:
        asked = [group.create_task(questions.facts("/dev/video0")) for _ in range(3)]
        await asyncio.to_thread(device.asked.acquire)
        device.answers.set()
    assert all(each.result().controls == (BRIGHTNESS,) for each in asked)
    assert device.most == 1


async def test_nobody_waits_behind_a_question_that_was_given_up(device: Device) -> None:
    questions = DeviceQuestions(answer_s=0.05)
    with pytest.raises(Unavailable, match="does not answer"):
        await questions.facts("/dev/video0")
    with pytest.raises(Unavailable, match="has not answered the last question"):
        await questions.facts("/dev/video0")
    assert device.most == 1
    late = questions._asked["/dev/video0"]
    device.answers.set()
    await late.wait()
    assert (await questions.facts("/dev/video0")).controls


async def test_a_question_that_is_cancelled_leaves_its_turn_to_the_next(device: Device) -> None:
    questions = DeviceQuestions()
    async with asyncio.TaskGroup() as group:
        first = group.create_task(questions.facts("/dev/video0"))
        await asyncio.to_thread(device.asked.acquire)
        first.cancel()
        second = group.create_task(questions.facts("/dev/video0"))
        device.answers.set()
    assert second.result().controls


async def test_a_thread_that_could_not_be_had_blocks_no_later_question(
    device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_thread: threading.Thread) -> None:
        msg = "can't start new thread"
        raise RuntimeError(msg)

    questions = DeviceQuestions()
    device.answers.set()
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(Unavailable, match="no thread left"):
            await questions.facts("/dev/video0")
    assert (await questions.facts("/dev/video0")).controls


@pytest.mark.parametrize(
    ("error", "refused", "words"),
    [
        (errno.EACCES, Conflict, "set by the camera itself"),
        (errno.EBUSY, Unavailable, "does not take it"),
        (errno.ENODEV, Unavailable, "not plugged in"),
    ],
)
async def test_why_a_control_was_not_taken_is_said(
    device: Device,
    monkeypatch: pytest.MonkeyPatch,
    error: int,
    refused: type[Exception],
    words: str,
) -> None:
    """EACCES is an automatic here, and no matter of groups: the device was opened."""

    def refuse(_descriptor: int, _control_id: int, _value: int) -> int:
        raise OSError(error, "said the kernel")

    monkeypatch.setattr(v4l2_controls, "set_control", refuse)
    device.answers.set()
    with pytest.raises(refused, match=words):
        await DeviceQuestions().set_control("/dev/video0", "brightness", 9)
