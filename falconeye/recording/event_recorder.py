"""Records one stream around events: pre-roll from memory, then live, until post-roll is over.

```
        held in memory                        written
 ──|─────|─────|──────────────        K = a keyframe
   K     K     K    ▲ event           written: from the K at or before (event − pre-roll)
   └──── pre-roll ──┘── post-roll ──▶          to the first K after (event + length + post-roll)
```

What is held begins where the last recording ended, so that two of them share no picture.
"""

import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass

from falconeye.base.clock import Clock
from falconeye.base.memory import MemoryBudget
from falconeye.base.times import SECOND_US
from falconeye.hub.sink import Run
from falconeye.media.fragments import InitSegment
from falconeye.media.runs import RunEnd
from falconeye.media.samples import AudioSample, VideoSample
from falconeye.recording.pre_roll import PreRoll, PreRollShares
from falconeye.recording.recorder import Recorder

_FOR_EVER_US = sys.maxsize
# What kept an event from the disk is told for so long after it: few last until it is noticed.
_TROUBLE_LASTS_US = 60 * SECOND_US
# After these nobody is to find in a recording what came before.
_FORGETS = frozenset(
    {RunEnd.STOPPED_BY_USER, RunEnd.PAUSED, RunEnd.SCHEDULE_OVER, RunEnd.NODE_STOPPED}
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
    ) -> None:
        """`make_recorder`: a new one for each event. `rolls` is asked again and again.

        `shares`: with whom it shares the memory for what is before events.
        """
        self._make_recorder = make_recorder
        self._rolls = rolls
        self._clock = clock
        self._lock = threading.Lock()
        self._held = PreRoll(budget, shares)
        self._run: Run | None = None
        self._init: InitSegment | None = None
        self._recorder: Recorder | None = None  # while an event lasts
        self._until_us = 0
        self._lost_before = 0
        self._last_trouble: RunEnd | None = None  # of the last event
        self._trouble_until_us = 0
        self._closed = False

    # -- the loop, or a thread of it -------------------------------------------------------

    def trigger(self, length_us: int | None) -> None:
        """Something happens, for `length_us`; None: until `release`. Extends one that lasts."""
        rolls = self._rolls()
        with self._lock:
            if self._closed:
                return
            now_us = self._clock.monotonic_us()
            until_us = _FOR_EVER_US if length_us is None else now_us + length_us + rolls.post_us
            if self._recorder is not None:
                self._until_us = max(self._until_us, until_us)
                return
            self._until_us = until_us
            self._recorder = self._make_recorder()
            self._replay(self._recorder, now_us - rolls.pre_us)

    def release(self) -> None:
        """A person ends what is being recorded."""
        with self._lock:
            self._finish(RunEnd.STOPPED_BY_USER, "")

    def close(self, reason: RunEnd) -> None:
        """End for good, also where its hub delivers nothing: the memory is given back."""
        with self._lock:
            self._closed = True
            self._finish(reason, "")
            self._held.clear()

    def tick(self) -> None:
        """Once a second: what a camera sent that is off grows too old, and its event ends."""
        with self._lock:
            if self._run is not None:
                return
            now_us = self._clock.monotonic_us()
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
    def is_short(self) -> bool:
        """The node's memory does not hold all that is asked for."""
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
            if self._recorder:
                self._recorder.begin_run(run)

    def begin_init(self, init: InitSegment) -> None:
        with self._lock:
            self._init = init
            if self._recorder:
                self._recorder.begin_init(init)

    def video(self, sample: VideoSample) -> None:
        pre_us = self._rolls().pre_us
        with self._lock:
            if sample.is_keyframe and sample.arrived_us >= self._until_us:
                self._finish(RunEnd.EVENT_OVER, "")
            if self._recorder:
                self._recorder.video(sample)
            elif self._run is not None and self._init is not None and not self._closed:
                self._held.picture(sample, self._run, self._init)
                self._held.trim(sample.arrived_us - pre_us)

    def audio(self, sample: AudioSample) -> None:
        with self._lock:
            if self._recorder:
                self._recorder.audio(sample)
            else:
                self._held.sound(sample)

    def end_run(self, reason: RunEnd, detail: str) -> None:
        """A camera that goes may be the event: what is held of it stays for the pre-roll's time."""
        with self._lock:
            self._run = None
            self._held.break_off()
            if reason in _FORGETS:
                self._held.clear()
                self._finish(reason, detail)
            elif self._recorder:  # one that comes back in time goes on with the recording
                self._recorder.end_run(reason, detail)

    # -- within the lock -------------------------------------------------------------------

    def _replay(self, recorder: Recorder, since_us: int) -> None:
        """Hand what is held to the recorder, as if it came now."""
        run: Run | None = None
        init: InitSegment | None = None
        for gop in self._held.take(since_us):
            if gop.run is not run:
                if run is not None:
                    recorder.end_run(RunEnd.CAMERA_OFFLINE, "")
                run, init = gop.run, None
                recorder.begin_run(run)
            if gop.init is not init:
                init = gop.init
                recorder.begin_init(init)
            for sample in gop.samples:
                if isinstance(sample, VideoSample):
                    recorder.video(sample)
                else:
                    recorder.audio(sample)
        if run is not None and run is not self._run:
            recorder.end_run(RunEnd.CAMERA_OFFLINE, "")
        if self._run is not None and run is not self._run:
            recorder.begin_run(self._run)
        if self._run is not None and self._init is not None and init is not self._init:
            recorder.begin_init(self._init)

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
        self._until_us = 0
