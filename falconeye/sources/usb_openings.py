"""The devices that this process has open: each once at a time, whoever asks.

A camera that was changed begins anew while its predecessor may still be held by the kernel, and a
trial may ask for a camera that runs. Each more that opens a device that hangs would hang with it.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from falconeye.devices.v4l2_capture import Capture
from falconeye.events.camera_state import ReasonCode
from falconeye.sources.failures import SourceFailure
from falconeye.sources.interrupt import Interrupt

CLOSE_S = 2.0


class Openings:
    """One for the process; any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._holders: dict[str, Interrupt | None] = {}  # by device path; None: it is being closed

    @contextmanager
    def opened(self, device_path: str, interrupt: Interrupt) -> Iterator[Capture]:
        """The device; closed by a thread of its own, which the kernel may hold.

        SourceFailure while it is open already, OSError where it cannot be opened.
        """
        self._take(device_path, interrupt)
        try:
            capture = Capture(device_path)
        except BaseException:
            self._drop(device_path)
            raise
        try:
            yield capture
        finally:
            self._close(device_path, capture)

    def _take(self, device_path: str, interrupt: Interrupt) -> None:
        with self._lock:
            if device_path not in self._holders:
                self._holders[device_path] = interrupt
                return
            holder = self._holders[device_path]
        if holder is None or holder.stopped:
            reason = "the camera hangs and does not let go of its device; unplug it"
            raise SourceFailure(ReasonCode.STALLED, reason)
        reason = "FalconEye itself has this camera open already"
        raise SourceFailure(ReasonCode.DEVICE_BUSY, reason)

    def _drop(self, device_path: str) -> None:
        with self._lock:
            del self._holders[device_path]

    def _close(self, device_path: str, capture: Capture) -> None:
        with self._lock:
            self._holders[device_path] = None

        def close() -> None:
            try:
                capture.close()
            finally:
                self._drop(device_path)

        thread = threading.Thread(target=close, name=f"usb-close-{device_path}", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # no thread left: a device that stayed open could not be opened again
            close()
        else:
            thread.join(CLOSE_S)


OPENINGS = Openings()
