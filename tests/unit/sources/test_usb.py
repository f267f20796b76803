"""What a USB camera's reader makes of a device's answers; real drivers are asked in `tests/vm`."""

import errno
import os
import threading
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import pytest

from falconeye.base.clock import SystemClock
from falconeye.config.device import DeviceWish
from falconeye.devices.present import UsbDevices
from falconeye.devices.udev import Plugged
from falconeye.devices.v4l2_capture import Capture
from falconeye.events.camera_state import ReasonCode
from falconeye.media.samples import StreamKind
from falconeye.sources import usb_openings
from falconeye.sources.connection import Connection
from falconeye.sources.failures import SourceFailure
from falconeye.sources.interrupt import Interrupt
from falconeye.sources.login import RefusedLogins
from falconeye.sources.target import SourceTarget
from falconeye.sources.usb import UsbReader
from falconeye.sources.usb_openings import Openings
from tests.peers.media_samples import jpeg_pictures
from tests.peers.recording_sink import RecordingSink
from tests.peers.video_node import DAMAGED, G_CTRL, MONOTONIC, NodeControl, VideoNode

WISH = DeviceWish("usb:046d:0825:serial:SN1")
AUTOMATIC, EXPOSURE, GAIN = 10, 20, 30


@pytest.fixture
def node() -> Iterator[VideoNode]:
    made = VideoNode()
    yield made
    made.close()


@pytest.fixture
def devices(node: VideoNode, monkeypatch: pytest.MonkeyPatch) -> UsbDevices:
    return node.lay(monkeypatch)


def _connection(wish: DeviceWish = WISH, sink: RecordingSink | None = None) -> Connection:
    return Connection(
        SourceTarget("c", StreamKind.MAIN, f"usb:{WISH.identity}", device=lambda: wish),
        sink or RecordingSink(),
        SystemClock(),
        Interrupt(),
        RefusedLogins(),
        lambda _carried: None,
        lambda: None,
    )


def _failure(reader: UsbReader, wish: DeviceWish = WISH) -> SourceFailure:
    with pytest.raises(SourceFailure) as caught:
        reader.run_once(_connection(wish))
    return caught.value


@pytest.mark.parametrize("error", [errno.EIO, errno.EINVAL, errno.EPROTO])
def test_a_camera_that_fails_but_is_there_was_not_unplugged(
    node: VideoNode, devices: UsbDevices, error: int
) -> None:
    """A bad cable: whoever looks for a plug that was pulled looks in the wrong place."""
    node.end = error
    failure = _failure(UsbReader(devices, Openings()))
    assert failure.code is ReasonCode.CAMERA_ERROR
    assert os.strerror(error) in failure.reason


@pytest.mark.parametrize("error", [errno.EIO, errno.EINVAL, errno.ENODEV])
def test_a_camera_that_is_not_there_any_more_was_unplugged(
    node: VideoNode, devices: UsbDevices, monkeypatch: pytest.MonkeyPatch, error: int
) -> None:
    node.end = error
    looks = deque([Plugged((node.camera(),))] * 2 + [Plugged()])
    monkeypatch.setattr(UsbDevices, "look", lambda _self: looks.popleft())
    assert _failure(UsbReader(devices, Openings())).code is ReasonCode.DEVICE_MISSING


def test_a_device_that_hangs_holds_one_thread_whoever_asks(
    node: VideoNode, devices: UsbDevices, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A camera that is changed while it hangs begins with a reader of its own."""
    answers, closes = threading.Event(), []
    close = Capture.close

    def hang(capture: Capture) -> None:
        closes.append(threading.current_thread().name)
        answers.wait(8)
        close(capture)

    node.end = errno.ENODEV
    openings = Openings()
    monkeypatch.setattr(usb_openings, "CLOSE_S", 0.05)
    with monkeypatch.context() as patch:
        patch.setattr(Capture, "close", hang)
        assert _failure(UsbReader(devices, openings)).code is ReasonCode.DEVICE_MISSING
        for _ in range(2):
            failure = _failure(UsbReader(devices, openings))
            assert (failure.code, "hangs" in failure.reason) == (ReasonCode.STALLED, True)
        assert closes == [f"usb-close-{node.path}"]
        answers.set()
        for thread in threading.enumerate():
            if thread.name == closes[0]:
                thread.join(8)
    assert _failure(UsbReader(devices, openings)).code is ReasonCode.DEVICE_MISSING


def test_a_camera_that_runs_is_not_called_busy_with_another_program(
    node: VideoNode, devices: UsbDevices
) -> None:
    openings = Openings()
    with openings.opened(node.path, Interrupt()):
        failure = _failure(UsbReader(devices, openings))
        assert failure.code is ReasonCode.DEVICE_BUSY
        assert "FalconEye itself" in failure.reason
    node.end = errno.ENODEV
    assert _failure(UsbReader(devices, openings)).code is ReasonCode.DEVICE_MISSING


def test_a_device_is_let_go_where_there_is_no_thread_left(
    node: VideoNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_thread: threading.Thread) -> None:
        msg = "can't start new thread"
        raise RuntimeError(msg)

    openings = Openings()
    before = list(Path("/proc/self/fd").iterdir())
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        with openings.opened(node.path, Interrupt()):
            pass
    assert len(list(Path("/proc/self/fd").iterdir())) == len(before)
    with openings.opened(node.path, Interrupt()):
        pass


def test_what_an_automatic_lets_go_of_is_set_behind_it(
    node: VideoNode, devices: UsbDevices
) -> None:
    """The automatic had chosen just what is wanted: without it the device takes its own value."""
    node.controls = {
        AUTOMATIC: NodeControl(b"Automatic", 2, 1, 1),
        EXPOSURE: NodeControl(b"Exposure", 1, 250, governed_by=AUTOMATIC, reset_to=100),
        GAIN: NodeControl(b"Gain", 1, 7),
    }
    node.end = errno.ENODEV
    wish = DeviceWish(WISH.identity, controls={"exposure": 250, "automatic": 0})
    _failure(UsbReader(devices, Openings()), wish)
    assert (node.controls[AUTOMATIC].value, node.controls[EXPOSURE].value) == (0, 250)
    assert node.asked.count(G_CTRL) == 4  # nothing is asked of what nobody set


def test_damaged_and_empty_pictures_are_left_out(node: VideoNode, devices: UsbDevices) -> None:
    (jpeg,) = jpeg_pictures(1, width=320, height=240)
    node.pictures = deque(
        [
            (b"", MONOTONIC, 0),
            (jpeg, MONOTONIC | DAMAGED, 1),
            (jpeg[:16], MONOTONIC, 2),
            (jpeg, MONOTONIC, 3),
        ]
    )
    node.end = errno.ENODEV
    sink = RecordingSink()
    with pytest.raises(SourceFailure):
        UsbReader(devices, Openings()).run_once(_connection(sink=sink))
    assert sink.jpegs[-1] == jpeg
    assert jpeg[:16] not in sink.jpegs


@pytest.mark.parametrize(
    ("fourcc", "row_bytes"),
    [(b"YUYV", 640), (b"NV12", 320), (b"YU12", 320), (b"BGR4", 1280), (b"RGBP", 640)],
)
def test_padded_rows_are_refused_and_not_shown_slanted(
    node: VideoNode, devices: UsbDevices, fourcc: bytes, row_bytes: int
) -> None:
    picture = bytes([90]) * (320 * 240 * 4)
    for padding, code in ((0, ReasonCode.DEVICE_MISSING), (64, ReasonCode.UNSUPPORTED_CODEC)):
        node.fourcc, node.bytes_per_line = fourcc, row_bytes + padding
        node.pictures = deque([(picture, MONOTONIC, 0)])
        node.end = errno.ENODEV
        sink = RecordingSink()
        with pytest.raises(SourceFailure) as caught:
            UsbReader(devices, Openings()).run_once(_connection(sink=sink))
        assert caught.value.code is code
