"""A trial connection: a picture, the codecs and the bit rate, or the reason why not."""

import asyncio
from dataclasses import dataclass, field, replace

from falconeye.base.clock import Clock
from falconeye.base.errors import Unavailable
from falconeye.base.memory import MemoryBudget
from falconeye.cameras.describe import audio_words, video_words
from falconeye.cameras.views import TestResult
from falconeye.config.camera import CameraConfig
from falconeye.events.camera_state import ReasonCode
from falconeye.hub.gop import MAX_GOP_BYTES
from falconeye.hub.stream import StreamHub
from falconeye.media.pictures import keyframe_to_jpeg
from falconeye.media.samples import Codec, StreamKind
from falconeye.sources.login import REFUSED_LOGINS
from falconeye.sources.state import SourceState, SourceStatus
from falconeye.sources.stream_source import StreamSource
from falconeye.sources.target import source_target

TRIAL_S = 14.0
MAX_TRIALS = 8  # at once, of a node: each is a thread, a connection and some MB
MEASURE_S = 3.0  # of stream, for the bit rate
_LOOK_S = 0.1
_DAY_S = 86_400
_STOPPING = "the node is stopping"


@dataclass(slots=True)
class _Trial:
    """What the source reports, on the loop."""

    failure: SourceState | None = None
    over: asyncio.Event = field(default_factory=asyncio.Event)  # failed, or given up

    def note(self, state: SourceState) -> None:
        if state.status is SourceStatus.FAILED and self.failure is None:
            self.failure = state
            self.over.set()


class Trials:
    """The trial connections of a node. Overflow policy: those beyond `MAX_TRIALS` are refused."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._running: list[_Trial] = []
        self._stopping = False

    async def run(self, config: CameraConfig, problem: str | None = None) -> TestResult:
        """`try_camera`; Unavailable when there are too many, or the node stops meanwhile.

        `problem`: why its stored password cannot be read; it is not tried without.
        """
        if problem:
            return TestResult(ok=False, reason_code=ReasonCode.PASSWORD_NEEDED, reason=problem)
        if len(self._running) >= MAX_TRIALS:
            msg = f"{MAX_TRIALS} cameras are being tested already; try again in {TRIAL_S:.0f} s"
            raise Unavailable(msg)
        trial = _Trial()
        if self._stopping:
            raise Unavailable(_STOPPING)
        self._running.append(trial)
        try:
            result = await _try_camera(config, self._clock, trial)
        finally:
            self._running.remove(trial)
        if self._stopping:
            raise Unavailable(_STOPPING)
        return result

    def stop(self) -> None:
        """The node stops: who waits for a trial gets an answer at once."""
        self._stopping = True
        for trial in self._running:
            trial.over.set()


async def try_camera(config: CameraConfig, clock: Clock) -> TestResult:
    """Connect to the camera's main stream for at most 14 s; nothing is stored or recorded."""
    return await _try_camera(config, clock, _Trial())


async def _try_camera(config: CameraConfig, clock: Clock, trial: _Trial) -> TestResult:
    loop = asyncio.get_running_loop()
    hub = StreamHub(config.id, StreamKind.MAIN, loop, clock, MemoryBudget(2 * MAX_GOP_BYTES))

    def from_thread(state: SourceState) -> None:
        loop.call_soon_threadsafe(trial.note, state)

    # Sound is always asked for, so that the answer tells whether the camera has any.
    target = source_target(replace(config, audio=True), StreamKind.MAIN)
    if config.username:
        REFUSED_LOGINS.forget(target)
    source = StreamSource(target, hub, from_thread, clock)
    source.start()
    try:
        async with asyncio.timeout(TRIAL_S):
            await _measured(hub, trial)
    except TimeoutError:
        pass  # judged by what has come until now
    finally:
        result = _judge(hub, trial, clock)
        source.stop()
        await asyncio.to_thread(source.join)
    return await _with_picture(result, hub)


async def _measured(hub: StreamHub, trial: _Trial) -> None:
    """Wait until the bit rate is known, or the trial is over."""
    while not trial.over.is_set():
        first_us = hub.first_arrived_us
        if first_us is not None and hub.meter.last_arrived_us - first_us >= MEASURE_S * 1_000_000:
            return
        try:
            async with asyncio.timeout(_LOOK_S):
                await trial.over.wait()
        except TimeoutError:
            continue


def _judge(hub: StreamHub, trial: _Trial, clock: Clock) -> TestResult:
    video, audio = hub.video_parameters, hub.audio_parameters
    if trial.failure and hub.latest_still is None:
        return TestResult(
            ok=False, reason_code=trial.failure.reason_code, reason=trial.failure.reason
        )
    if video is None or hub.latest_still is None:
        words = "the camera answers, but sent no picture within 14 s"
        return TestResult(ok=False, reason_code=ReasonCode.NO_VIDEO, reason=words)
    fps, bits_per_second = hub.meter.rates(clock.monotonic_us())
    return TestResult(
        ok=True,
        reason_code=ReasonCode.NONE,
        reason="",
        video=video_words(video),
        audio=audio_words(audio) if audio else None,
        width=video.width,
        height=video.height,
        fps=round(fps, 1),
        bits_per_second=round(bits_per_second),
        bytes_per_day=round(bits_per_second / 8 * _DAY_S),
        browser_plays=video.codec is Codec.H264,
    )


async def _with_picture(result: TestResult, hub: StreamHub) -> TestResult:
    still = hub.latest_still
    if not result.ok or still is None:
        return result
    try:
        picture = await asyncio.to_thread(keyframe_to_jpeg, still.parameters, still.keyframe, 720)
    except ValueError:
        words = "the camera sends pictures that cannot be decoded"
        return replace(result, ok=False, reason_code=ReasonCode.CAMERA_ERROR, reason=words)
    return replace(result, picture=picture)
