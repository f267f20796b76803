"""Buffers of a device that streams; real drivers are asked in `tests/vm`."""

import errno
import os
import resource
import select
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import pytest

from falconeye.devices.v4l2_capture import Capture
from tests.peers.video_node import MONOTONIC, VideoNode


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch) -> Iterator[VideoNode]:
    made = VideoNode()
    made.lay(monkeypatch)
    yield made
    made.close()


def _open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_only_a_monotonic_time_is_the_time_of_a_picture(node: VideoNode) -> None:
    """Drivers that tell of no clock leave zeros, or times of another one."""
    copied = 0x4000
    node.pictures = deque([(b"a", MONOTONIC, 5_000_007), (b"b", 0, 0), (b"c", copied, 9)])
    with Capture(node.path) as capture:
        capture.start("MJPG", 320, 240, 15.0)
        taken = [capture.read(1.0) for _ in range(3)]
    assert [each.taken_us for each in taken if each] == [5_000_007, None, None]


@pytest.mark.parametrize(
    ("interval", "rate"),
    [((1, 15), 15.0), ((2, 1), 0.5), ((0xFFFFFFFF, 1), None), ((1, 0xFFFFFFFF), None),
     ((0, 1), None), ((1, 0), None), ((0, 0), None)],
)  # fmt: skip
def test_a_rate_that_cannot_be_is_none(
    node: VideoNode, interval: tuple[int, int], rate: float | None
) -> None:
    """Silence is measured by it: at a picture in a hundred years none would ever be noticed."""
    node.interval = interval
    with Capture(node.path) as capture:
        assert capture.start("MJPG", 320, 240, 15.0).rate == rate


def test_silence_ends_though_the_device_calls_itself_ready(node: VideoNode) -> None:
    with Capture(node.path) as capture:
        capture.start("MJPG", 320, 240, 15.0)
        with pytest.raises(TimeoutError):
            capture.read(0.05)


def test_an_error_that_stays_is_told_and_not_asked_again(
    node: VideoNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Failing:
        """A queue in error: `poll` returns at once, always."""

        def register(self, descriptor: int, _events: int) -> None:
            self.descriptor = descriptor

        def poll(self, _limit_ms: float) -> list[tuple[int, int]]:
            return [(self.descriptor, select.POLLERR)]

    with Capture(node.path) as capture:
        capture.start("MJPG", 320, 240, 15.0)
        monkeypatch.setattr(select, "poll", Failing)
        with pytest.raises(OSError, match="Input/output") as failed:
            capture.read(5.0)
        assert failed.value.errno == errno.EIO


@pytest.mark.parametrize("spare", [0, 1])
def test_where_no_file_is_left_none_is_kept(node: VideoNode, spare: int) -> None:
    """A device that stays open is busy for ever, with ourselves."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    before = _open_files()
    highest = os.dup(0)
    os.close(highest)
    free = [number for number in range(highest, highest + 64) if not _is_open(number)]
    resource.setrlimit(resource.RLIMIT_NOFILE, (free[spare], limits[1]))
    try:
        with pytest.raises(OSError, match="Too many open files"):
            Capture(node.path)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert _open_files() == before


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True
