"""One stream of one camera: a daemon thread that connects, reads, and tries again.

`run()` loops and waits, `run_once()` works. The readers (RTSP, MJPEG, demo) know how to read one
connection; everything about retrying, states, stalls and stopping is here.
"""

import logging
import threading
from typing import Protocol

from falconeye.base.backoff import Backoff
from falconeye.base.clock import Clock
from falconeye.base.counters import RepeatingLog
from falconeye.events.camera_state import ReasonCode
from falconeye.media.runs import RunEnd
from falconeye.sources.connection import Carried, Connection
from falconeye.sources.demo import DemoReader
from falconeye.sources.failures import Retry, SourceFailure, Stopped, answer_failure
from falconeye.sources.feed import StreamSink
from falconeye.sources.interrupt import Interrupt
from falconeye.sources.login import REFUSED_LOGINS, RefusedLogins
from falconeye.sources.rtsp import RtspReader
from falconeye.sources.state import OnState, SourceState, SourceStatus
from falconeye.sources.target import SourceTarget
from falconeye.sources.watchdog import WATCHDOG, Watchdog

log = logging.getLogger(__name__)

NETWORK_WAITS_S = (0.5, 2.0)
ANSWER_WAITS_S = (2.0, 30.0)
HANGS_US = 2_000_000  # a read that was shut down ends within milliseconds


class Reader(Protocol):
    """Reads one kind of camera."""

    def run_once(self, connection: Connection) -> None:
        """Read until the end; SourceFailure, Stopped, or a plain return for a disconnect."""


def _reader(target: SourceTarget) -> Reader:
    if target.scheme == "demo":
        return DemoReader()
    if target.scheme == "usb":
        # Loaded with the first one, too.
        from falconeye.sources.usb import UsbReader  # noqa: PLC0415

        return UsbReader()
    if target.scheme in ("http", "https"):
        # Loaded with the first HTTP camera: httpx costs 6 MB and 50 ms.
        from falconeye.sources.mjpeg import MjpegReader  # noqa: PLC0415

        return MjpegReader()
    return RtspReader()


class StreamSource:
    """Delivers one target's samples to one sink until it is stopped."""

    def __init__(
        self,
        target: SourceTarget,
        sink: StreamSink,
        on_state: OnState,
        clock: Clock,
        *,
        logins: RefusedLogins = REFUSED_LOGINS,
        watchdog: Watchdog = WATCHDOG,
    ) -> None:
        """`on_state` is called from the source's thread, whenever the state changes."""
        self.target = target
        self._sink = sink
        self._on_state = on_state
        self._clock = clock
        self._logins = logins
        self._watchdog = watchdog
        self._reader = _reader(target)
        self._interrupt = Interrupt()
        self._connection: Connection | None = None
        self._state: SourceState | None = None
        self._telling = threading.RLock()  # the watchdog tells of a thread that is held
        self._hangs_us = 0  # when a thread that was told to end counts as held
        self._end = RunEnd.STOPPED_BY_USER
        self._stopped_us: int | None = None
        self._network_waits = Backoff(*NETWORK_WAITS_S)
        self._answer_waits = Backoff(*ANSWER_WAITS_S)
        self._log = RepeatingLog(log, clock)
        name = f"source-{target.camera_id}-{target.kind}"
        self._thread = threading.Thread(target=self.run, name=name, daemon=True)

    def start(self) -> None:
        """Begin; once only. RuntimeError when the system has no thread left."""
        self._watchdog.add(self._check)
        try:
            self._thread.start()
        except RuntimeError:
            self._watchdog.remove(self._check)
            raise

    def stop(self, reason: RunEnd = RunEnd.STOPPED_BY_USER) -> None:
        """Tell it to end; returns at once. `reason` becomes the reason of the gap that follows."""
        self._end = reason
        if self._stopped_us is None:
            self._stopped_us = self._clock.monotonic_us()
        self._interrupt.stop()
        self._watchdog.look()  # what takes long to interrupt is interrupted there

    def hurry(self) -> None:
        """Try again at once, if it waits: its camera may be there now."""
        self._interrupt.hurry()

    def join(self, timeout_s: float | None = None) -> bool:
        """Wait for the thread's end (the run is over then); False when it takes longer.

        The limit counts from `stop`: of several that are held, one after the other is waited for.
        """
        if timeout_s is not None and self._stopped_us is not None:
            waited_us = self._clock.monotonic_us() - self._stopped_us
            timeout_s = max(0.0, timeout_s - waited_us / 1e6)
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def run(self) -> None:
        """Connect, read and try again until stopped."""
        try:
            self._report(SourceState(SourceStatus.CONNECTING, ReasonCode.CONNECTING, "connecting"))
            while not self._interrupt.stopped:
                failure = self._safe_run_once()
                if failure is None or self._interrupt.wait(self._tell(failure)):
                    return
        finally:
            self._watchdog.remove(self._check)

    def _safe_run_once(self) -> SourceFailure | None:
        """`run_once`, where a bug (ours or a sink's) costs a connection and not the camera."""
        try:
            return self.run_once()
        except Exception:
            log.exception("the source of camera %s failed", self.target.camera_id)
            return answer_failure(ReasonCode.INTERNAL, "an error inside FalconEye; see its log")

    def run_once(self) -> SourceFailure | None:
        """One connection, to its end; None when it ended because of a stop."""
        connection = Connection(
            self.target,
            self._sink,
            self._clock,
            self._interrupt,
            self._logins,
            self._running,
            self._waiting,
        )
        self._connection = connection
        failure = self._read(connection)
        self._connection = None
        if connection.delivered:
            self._network_waits.reset()
            self._answer_waits.reset()
        if self._interrupt.stopped:
            connection.close(self._end, "stopped")
            return None
        if connection.stalled:
            failure = connection.stalled
        connection.close(RunEnd.CAMERA_OFFLINE, failure.reason)
        return failure

    def _read(self, connection: Connection) -> SourceFailure:
        try:
            self._reader.run_once(connection)
        except SourceFailure as failure:
            return failure
        except Stopped:
            pass
        except Exception:
            log.exception("the source of camera %s failed", self.target.camera_id)
            return answer_failure(ReasonCode.INTERNAL, "an error inside FalconEye; see its log")
        return SourceFailure(ReasonCode.DISCONNECTED, "the camera ended the stream")

    def _check(self) -> None:
        """The watchdog's look, from its thread."""
        if self._interrupt.stopped:
            self._interrupt.fire()  # the stop may have come between two waits
            return
        connection = self._connection
        if connection is None:
            return
        if connection.stalled and self._clock.monotonic_us() > self._hangs_us:
            self._tell_hanging(connection, connection.stalled)
        elif stalled := connection.stall():
            if connection.stalled is None:
                self._hangs_us = self._clock.monotonic_us() + HANGS_US
            connection.stalled = stalled
            self._interrupt.fire()

    def _tell_hanging(self, connection: Connection, stalled: SourceFailure) -> None:
        """Its thread was told to end and does not: the kernel holds it with a device that hangs."""
        with self._telling:
            # It may just have been let go: what it tells from then on is newer.
            if self._connection is connection:
                self._report(SourceState(SourceStatus.FAILED, stalled.code, stalled.reason))

    def _running(self, carried: Carried) -> None:
        self._report(
            SourceState(
                SourceStatus.RUNNING,
                ReasonCode.NONE,
                "",
                carried.video,
                carried.audio,
                carried.transport,
            )
        )

    def _waiting(self) -> None:
        words = "waits for the camera's next keyframe"
        self._report(SourceState(SourceStatus.CONNECTING, ReasonCode.CONNECTING, words))

    def _tell(self, failure: SourceFailure) -> float:
        """Report a failure; the wait before the next try, in seconds."""
        if failure.retry is Retry.LOGIN:
            # Somebody may just have let it be tried again; no refusal is answered at once.
            wait_s = max(self._logins.wait_s(self.target, self._clock), NETWORK_WAITS_S[0])
        elif failure.retry is Retry.ANSWER:
            wait_s = self._answer_waits.next_s()
        else:
            wait_s = self._network_waits.next_s()
        self._log.warning(f"camera {self.target.camera_id} ({self.target.kind}): {failure.reason}")
        self._report(SourceState(SourceStatus.FAILED, failure.code, failure.reason, retry_s=wait_s))
        return wait_s

    def _report(self, state: SourceState) -> None:
        with self._telling:
            before = self._state
            self._state = state
            same = before and (before.status, before.reason_code, before.reason, before.video) == (
                state.status,
                state.reason_code,
                state.reason,
                state.video,
            )
            if not same:
                self._on_state(state)
