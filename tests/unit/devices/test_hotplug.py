"""What is plugged in is followed, whatever single looks come to."""

import errno
import os
import threading
from collections.abc import Iterator

import pytest

from falconeye.devices import hotplug
from falconeye.devices.hotplug import Hotplug
from falconeye.devices.udev import CsiModule, Plugged

NOTHING, SOMETHING = Plugged(), Plugged(modules=(CsiModule("/dev/video0", "unicam", "csi"),))


class Ports:
    """In place of udev: `looks` are what it finds, one after the other, the last for ever."""

    def __init__(self, looks: list[Plugged | Exception]) -> None:
        self._looks = looks

    def plugged(self) -> Plugged:
        found = self._looks.pop(0) if len(self._looks) > 1 else self._looks[0]
        if isinstance(found, Exception):
            raise found
        return found


class Monitor:
    """Has something to tell from the start; reading it fails."""

    def __init__(self, error: int) -> None:
        self._ready = os.eventfd(1, os.EFD_NONBLOCK)
        self._error = error
        self.polls = 0

    def fileno(self) -> int:
        return self._ready

    def poll(self, timeout: float) -> None:
        assert timeout > 0
        self.polls += 1
        if self._error == errno.ENOBUFS:
            os.eventfd_read(self._ready)  # the socket forgets its error by being read
        raise OSError(self._error, os.strerror(self._error))

    def close(self) -> None:
        os.close(self._ready)


@pytest.fixture
def monitor(request: pytest.FixtureRequest) -> Iterator[Monitor]:
    made = Monitor(request.param)
    yield made
    made.close()


def followed(
    patch: pytest.MonkeyPatch, looks: list[Plugged | Exception], monitor: Monitor | None
) -> tuple[list[Plugged], bool]:
    """What is told until SOMETHING is, and whether its thread goes on."""
    patch.setattr(hotplug, "Udev", lambda _allowed: Ports(looks))
    patch.setattr(hotplug, "_monitor", lambda _udev: monitor)
    patch.setattr(hotplug, "LOOK_S", 0.02)
    told, there = [], threading.Event()

    def on_change(plugged: Plugged) -> None:
        told.append(plugged)
        if plugged == SOMETHING:
            there.set()

    following = Hotplug(on_change)
    following.start()
    try:
        there.wait(5)
        return told, following._thread.is_alive()
    finally:
        following.stop()


@pytest.mark.parametrize(
    "error", [OSError(errno.ENODEV, "gone"), UnicodeDecodeError("utf-8", b"\xff", 0, 1, "odd")]
)
def test_a_look_that_fails_is_not_the_last(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    told, goes_on = followed(monkeypatch, [error, SOMETHING], None)
    assert (told, goes_on) == ([SOMETHING], True)


@pytest.mark.parametrize("monitor", [errno.ENOBUFS, errno.ENOTCONN], indirect=True)
def test_a_monitor_that_fails_is_no_end(monkeypatch: pytest.MonkeyPatch, monitor: Monitor) -> None:
    """More events at once than the kernel keeps for a listener, and a socket that is lost."""
    told, goes_on = followed(monkeypatch, [NOTHING, SOMETHING], monitor)
    assert (told, goes_on) == ([NOTHING, SOMETHING], True)
    assert monitor.polls == 1
