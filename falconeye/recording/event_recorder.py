"""Records one stream around events: pre-roll, then live, until post-roll is over.

```
        held                                  written
 ──|─────|─────|──────────────        K = a keyframe
   K     K     K    ▲ event           written: from the K at or before (event − pre-roll)
   └──── pre-roll ──┘── post-roll ──▶          to the first K after (event + length + post-roll)
```

What is held begins where the last recording ended, so that two of them share no picture.

Where memory is short, the oldest of it lies in files of the spool. An event has them read one after
the other, and all that comes meanwhile is held, too, until its turn comes. No event ends before.
"""

import logging
import struct
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from falconeye.base.clock import Clock
from falconeye.base.memory import MemoryBudget
from falconeye.base.times import SECOND_US
from falconeye.hub.sink import Run
from falconeye.media.fragments import InitSegment
from falconeye.media.runs import RunEnd
from falconeye.media.samples import AudioSample, VideoSample
from falconeye.recording.held_gop import HeldGop, decode
from falconeye.recording.pre_roll import PreRoll, PreRollShares
from falconeye.recording.recorder import Recorder
from falconeye.recording.replay import Replay
from falconeye.storage.volumes.spool import Spool, Spooled

log = logging.getLogger(__name__)

_FOR_EVER_US = sys.maxsize
# What kept an event from the disk is told for so long after it: few last until it is noticed.
_TROUBLE_LASTS_US = 60 * SECOND_US
# What the disk has not given back by then is lost.
_REPLAY_LASTS_US = 10 * SECOND_US
# After these nobody is to find in a recording what came before.
_FORGETS = frozenset(
    {
        RunEnd.STOPPED_BY_USER,
        RunEnd.PAUSED,
        RunEnd.SCHEDULE_OVER,
        RunEnd.NODE_STOPPED,
        RunEnd.HANDED_OVER,
    }
)


@dataclass(frozen=True, slots=True)
class Rolls:
    """How much is kept before and after an event."""

    pre_us: int
    post_us: int


class EventRecorder:
    """A sink of its hub. All methods are for any thread; none waits for a disk."""

    def __init__(
        self,
        make_recorder: Callable[[], Recorder],
        rolls: Callable[[], Rolls],
        budget: MemoryBudget,
        clock: Clock,
        shares: PreRollShares | None = None,
        spool: Spool | None = None,
    ) -> None:
        """`make_recorder`: a new one for each event. `rolls` is asked again and again.

        `shares`: with whom it shares the memory for what is before events; `spool`: where that
        goes for which there is no memory.
        """
        self._make_recorder = make_recorder
        self._rolls = rolls
        self._clock = clock
        self._lock = threading.Lock()
        self._spool = spool
        self._held = PreRoll(budget, shares, self._spill if spool else None)
        self._run: Run | None = None
        self._init: InitSegment | None = None
        self._recorder: Recorder | None = None  # while an event lasts
        self._replay: Replay | None = None  # while it is not handed all that was before
        self._is_released = False  # by a person, meanwhile
        self._until_us = 0
        self._lost_before = 0
        self._last_trouble: RunEnd | None = None  # of the last event
        self._trouble_until_us = 0
        self._closed = False

    # -- the loop, or a thread of it -------------------------------------------------------

    def trigger(self, length_us: int | None) -> bool:
        """Something happens, for `length_us`; None: until `release`. Extends one that lasts.

        Whether something is recorded of the time before.
        """
        rolls = self._rolls()
        with self._lock:
            if self._closed:
                return False
            now_us = self._clock.monotonic_us()
            until_us = _FOR_EVER_US if length_us is None else now_us + length_us + rolls.post_us
            if self._recorder is not None:
                self._until_us = max(self._until_us, until_us)
                return True
            self._until_us = until_us
            self._recorder = self._make_recorder()
            self._replay = Replay(self._recorder, now_us + _REPLAY_LASTS_US)
            self._held.trim(now_us - rolls.pre_us)
            self._held.is_claimed = True
            was_held = self._held.first is not None
            self._go_on()
            return was_held

    def release(self) -> None:
        """A person ends what is being recorded; what was before it is waited for."""
        with self._lock:
            if self._replay:
                self._is_released = True
            else:
                self._finish(RunEnd.STOPPED_BY_USER, "")

    def close(self, reason: RunEnd) -> None:
        """End for good, also where its hub delivers nothing: the memory is given back."""
        with self._lock:
            self._closed = True
            self._wait_no_longer()
            self._finish(reason, "")
            self._held.clear()

    def tick(self) -> None:
        """Once a second: what a camera sent that is off grows too old, and its event ends."""
        with self._lock:
            now_us = self._clock.monotonic_us()
            self._go_on()
            if self._run is not None or self._replay:
                return
            self._held.trim(now_us - self._rolls().pre_us)
            if now_us >= self._until_us:
                self._leave_recorder()

    @property
    def is_active(self) -> bool:
        """An event lasts, with its post-roll."""
        return self._recorder is not None

    @property
    def held_s(self) -> float:
        """How much of the time before an event is there now."""
        with self._lock:
            return self._held.held_us / SECOND_US

    @property
    def on_disk_s(self) -> float:
        """How much of that lies in files, because memory is short."""
        with self._lock:
            return self._held.on_disk_us / SECOND_US

    @property
    def is_short(self) -> bool:
        """Neither the node's memory nor its disk takes all that is asked for."""
        return self._held.is_short

    @property
    def recording_id(self) -> str | None:
        recorder = self._recorder
        return recorder.recording_id if recorder else None

    @property
    def is_writing(self) -> bool:
        recorder = self._recorder
        return recorder is not None and recorder.is_writing

    @property
    def since_us(self) -> int | None:
        recorder = self._recorder
        return recorder.since_us if recorder else None

    @property
    def trouble(self) -> RunEnd | None:
        """What keeps an event from the disk, or kept one from it less than a minute ago."""
        recorder = self._recorder
        if recorder:
            return recorder.trouble
        return self._last_trouble if self._clock.monotonic_us() < self._trouble_until_us else None

    @property
    def lost(self) -> int:
        """Fragments that no disk took, since this was made."""
        recorder = self._recorder
        return self._lost_before + (recorder.lost if recorder else 0)

    # -- the stream's thread ---------------------------------------------------------------

    def begin_run(self, run: Run) -> None:
        with self._lock:
            self._run, self._init = run, None
            if self._live:
                self._live.begin_run(run)

    def begin_init(self, init: InitSegment) -> None:
        with self._lock:
            self._init = init
            if self._live:
                self._live.begin_init(init)

    def video(self, sample: VideoSample) -> None:
        pre_us = self._rolls().pre_us
        with self._lock:
            if sample.is_keyframe and not self._replay and sample.arrived_us >= self._until_us:
                self._finish(RunEnd.EVENT_OVER, "")
            self._go_on(len(sample.data))
            if self._live:
                self._live.video(sample)
            elif self._run is not None and self._init is not None and not self._closed:
                self._held.picture(sample, self._run, self._init)
                if not self._replay:
                    self._held.trim(sample.arrived_us - pre_us)

    def audio(self, sample: AudioSample) -> None:
        with self._lock:
            self._go_on(len(sample.data))
            if self._live:
                self._live.audio(sample)
            else:
                self._held.sound(sample)

    def end_run(self, reason: RunEnd, detail: str) -> None:
        """A camera that goes may be the event: what is held of it stays for the pre-roll's time."""
        with self._lock:
            if reason in _FORGETS:
                self._wait_no_longer()
                self._held.clear()
                self._finish(reason, detail)
            elif self._live:  # one that comes back in time goes on with the recording
                self._live.end_run(reason, detail)
            self._run = None
            self._held.break_off()

    # -- the spool's thread ----------------------------------------------------------------

    def _written(self, gop: HeldGop, file: Spooled | None) -> None:
        with self._lock:
            self._held.written(gop, file)

    def _read(self, gop: HeldGop, content: bytes | None) -> None:
        """It came from the disk; None: it is lost."""
        samples = None
        if content is not None:
            try:
                samples = decode(content)
            except struct.error:
                log.warning("what was before an event cannot be understood")
        with self._lock:
            if self._replay is None or self._replay.reads is not gop:
                return  # not waited for any longer
            self._replay.reads = None
            if samples is None:
                self._held.lose(gop)
            else:
                gop.samples = samples
            self._go_on()

    # -- within the lock -------------------------------------------------------------------

    @property
    def _live(self) -> Recorder | None:
        """What takes samples as they come."""
        return None if self._replay else self._recorder

    def _spill(self, gop: HeldGop) -> bool:
        if self._spool is None or self._replay:  # what an event waits for is not sent away
            return False
        return self._spool.write(gop.buffers, partial(self._written, gop))

    def _go_on(self, coming_bytes: int = 0) -> None:
        """Hand over what is held, as far as it is in memory; the first that is not is read.

        The disk is waited for while memory has room for what comes.
        """
        replay = self._replay
        if replay is None:
            return
        is_late = self._clock.monotonic_us() >= replay.until_us
        if is_late or not self._held.has_room(coming_bytes):
            self._lose_files()
        while (gop := self._held.first) is not None:
            if gop.samples:
                replay.hand_over(self._held.pop())
            elif replay.reads is not None or not replay.recorder.has_room:
                return  # the next picture asks again, or `tick`
            elif gop.file is not None and gop.file.read(partial(self._read, gop)):
                replay.reads = gop
                return
            else:
                self._held.lose(gop)
        self._replay = None
        self._held.is_claimed = False
        replay.finish(self._run, self._init)
        if self._is_released:
            self._finish(RunEnd.STOPPED_BY_USER, "")

    def _wait_no_longer(self) -> None:
        """For the disk: what is in memory is recorded."""
        if self._replay:
            self._lose_files()
            self._go_on()

    def _lose_files(self) -> None:
        if self._replay:
            self._replay.reads = None
        if lost := self._held.lose_files():
            log.warning("%d GOPs before an event came too late from the disk", lost)

    def _finish(self, reason: RunEnd, detail: str) -> None:
        if self._recorder is None:
            return
        self._last_trouble = self._recorder.trouble
        self._trouble_until_us = self._clock.monotonic_us() + _TROUBLE_LASTS_US
        self._recorder.end_run(reason, detail)
        self._leave_recorder()

    def _leave_recorder(self) -> None:
        if self._recorder is not None:
            self._lost_before += self._recorder.lost
            self._recorder = None
        self._is_released = False
        self._until_us = 0
