"""A trial connection: a picture, the codecs and the bit rate, or the reason why not."""

import asyncio
import logging
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from falconeye.base.clock import Clock
from falconeye.base.errors import Unavailable
from falconeye.base.memory import MemoryBudget
from falconeye.cameras.describe import audio_words, video_words
from falconeye.cameras.views import TestResult
from falconeye.config.camera import CameraConfig, Protocol
from falconeye.events.camera_state import ReasonCode
from falconeye.hub.gop import MAX_GOP_BYTES
from falconeye.hub.stream import StreamHub
from falconeye.media.pictures import keyframe_to_jpeg
from falconeye.media.samples import Codec, StreamKind
from falconeye.sources.login import REFUSED_LOGINS
from falconeye.sources.state import SourceState, SourceStatus
from falconeye.sources.stream_source import StreamSource
from falconeye.sources.target import source_target

log = logging.getLogger(__name__)

TRIAL_S = 14.0
MAX_TRIALS = 8  # at once, of a node: each is a thread, a connection and some MB
MEASURE_S = 3.0  # of stream, for the bit rate
GLANCE_S = 10.0
END_S = 5.0  # only a device that hangs in the kernel takes longer than a moment
_LOOK_S = 0.1
_DAY_S = 86_400
_STOPPING = "the node is stopping"


@dataclass(slots=True)
class _Trial:
    """What the source reports, on the loop."""

    config: CameraConfig
    limit_s: float = field(default_factory=lambda: TRIAL_S)
    measures: bool = True  # the bit rate; else the first picture ends it
    height: int = 720
    closed: asyncio.Event = field(default_factory=asyncio.Event)  # it has let go of the camera
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
        self._glances: list[_Trial] = []
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
        return await self._run(_Trial(config), self._running)

    async def glance(self, config: CameraConfig, height: int) -> TestResult | None:
        """One picture for a list, ≤ 10 s; None where a person tries or adds the same device.

        It gives up at once for who comes meanwhile. How many run at once is the caller's to bound.
        """
        if any(_is_same_device(config, trial.config) for trial in self._running):
            return None
        trial = _Trial(config, GLANCE_S, measures=False, height=height)
        result = await self._run(trial, self._glances)
        return None if trial.over.is_set() and trial.failure is None else result

    async def make_way(self, config: CameraConfig) -> None:
        """Returns when nobody just glances at this device any more: it takes one reader."""
        for trial in list(self._glances):
            if _is_same_device(config, trial.config):
                trial.over.set()
                await trial.closed.wait()

    def stop(self) -> None:
        """The node stops: who waits for a trial gets an answer at once."""
        self._stopping = True
        for trial in (*self._running, *self._glances):
            trial.over.set()

    async def _run(self, trial: _Trial, among: list[_Trial]) -> TestResult:
        if self._stopping:
            raise Unavailable(_STOPPING)
        among.append(trial)
        try:
            if trial.measures:
                await self.make_way(trial.config)
            result = await _try_camera(trial, self._clock)
        finally:
            among.remove(trial)
            trial.closed.set()
        if self._stopping:
            raise Unavailable(_STOPPING)
        return result


async def try_camera(config: CameraConfig, clock: Clock) -> TestResult:
    """Connect to the camera's main stream for at most 14 s; nothing is stored or recorded."""
    return await _try_camera(_Trial(config), clock)


async def _try_camera(trial: _Trial, clock: Clock) -> TestResult:
    config = trial.config
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
        async with asyncio.timeout(trial.limit_s):
            await _measured(hub, trial)
    except TimeoutError:
        pass  # judged by what has come until now
    finally:
        result = _judge(hub, trial, clock)
        source.stop()
        if not await asyncio.to_thread(source.join, END_S):
            log.warning("camera %s: the kernel holds the thread of its trial", config.id)
    return await _with_picture(result, hub, trial.height)


async def _measured(hub: StreamHub, trial: _Trial) -> None:
    """Wait until the bit rate is known (or a picture, if that is all), or the trial is over."""
    while not trial.over.is_set():
        if not trial.measures and hub.latest_still is not None:
            return
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


async def _with_picture(result: TestResult, hub: StreamHub, height: int) -> TestResult:
    still = hub.latest_still
    if not result.ok or still is None:
        return result
    try:
        picture = await asyncio.to_thread(
            keyframe_to_jpeg, still.parameters, still.keyframe, height
        )
    except ValueError:
        words = "the camera sends pictures that cannot be decoded"
        return replace(result, ok=False, reason_code=ReasonCode.CAMERA_ERROR, reason=words)
    return replace(result, picture=picture)


def _is_same_device(one: CameraConfig, other: CameraConfig) -> bool:
    """By USB identity or path, else by host: a camera may take one session only."""
    if Protocol.USB in (one.protocol, other.protocol):
        return one.protocol is other.protocol and (
            one.device_identity == other.device_identity
            or (one.device_path is not None and one.device_path == other.device_path)
        )
    hosts = [urlsplit(each.source_url or "").hostname for each in (one, other)]
    return hosts[0] is not None and hosts[0] == hosts[1]
