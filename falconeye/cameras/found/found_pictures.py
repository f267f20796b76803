"""A small picture of each found camera that gives one without a login, while somebody looks.

Nothing is asked by itself: whoever shows the list wishes for the pictures, and a wish that nobody
repeats ends after seconds. A device is asked once, two at most are at the same time, and each gives
way at once to who tries or adds the camera (`Trials`): a USB device takes one reader only. What
only a file names is not asked: nobody has seen it here.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit
from weakref import WeakValueDictionary

from falconeye.base.clock import Clock
from falconeye.base.errors import FalconEyeError, NotFound
from falconeye.base.tasks import TaskSet
from falconeye.base.times import MINUTE_US, SECOND_US
from falconeye.cameras.changes import new_config
from falconeye.cameras.found.candidate_streams import streams
from falconeye.cameras.registry import CameraRegistry
from falconeye.cameras.trial import Trials
from falconeye.cameras.views import NewCamera, TestResult
from falconeye.config.camera import CameraConfig, Protocol
from falconeye.discovery.candidates import Candidate
from falconeye.discovery.evidence import Way
from falconeye.events.camera_state import ReasonCode

log = logging.getLogger(__name__)

HEIGHT: Final = 180
AT_ONCE: Final = 2  # each a thread, a connection and a decoder
MAX_KEPT: Final = 64  # of some 10 kB each; overflow policy: drop the oldest
MAX_WISHES: Final = 64  # overflow policy: no more are taken; the page wishes again
KEPT_US: Final = 10 * MINUTE_US
BUSY_US: Final = MINUTE_US  # until who reads a device is asked again whether it is done
WISH_US: Final = 20 * SECOND_US  # a page that is open wishes again whenever a picture has come
_SEEN: Final = frozenset({Way.ONVIF, Way.MDNS, Way.SCAN})  # it answered here
_SOON: Final = frozenset({ReasonCode.DEVICE_BUSY, ReasonCode.TOO_MANY_SESSIONS})


class PictureState(StrEnum):
    """What there is to show of a found camera."""

    HERE = "here"
    COMING = "coming"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class FoundPicture:
    """A picture, or why there is none."""

    state: PictureState
    taken_us: int = 0  # UTC
    reason: ReasonCode = ReasonCode.NONE  # none: it does not say where its pictures are
    jpeg: bytes = b""


@dataclass(frozen=True, slots=True)
class _Kept:
    picture: FoundPicture
    until_us: int  # monotonic


class FoundPictures:
    """Lives on the loop."""

    def __init__(
        self,
        cameras: CameraRegistry,
        clock: Clock,
        on_change: Callable[[], None],
        *,
        allow_local: bool = False,
    ) -> None:
        """`allow_local`: whether cameras at loopback addresses are asked, too."""
        self._trials: Trials = cameras.trials
        self._hurry = cameras.hurry
        self._clock = clock
        self._on_change = on_change
        self._allow_local = allow_local
        self._kept: dict[str, _Kept] = {}
        self._wishes: dict[str, int] = {}  # key and when it was wished for last, monotonic
        self._turn = asyncio.Semaphore(AT_ONCE)
        self._devices: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._tasks = TaskSet("found pictures")
        self._is_on = self._asks_network = False

    def start(self, *, network: bool) -> None:
        """Take wishes from now on; of cameras in the network where these may be asked."""
        self._is_on, self._asks_network = True, network

    async def stop(self) -> None:
        """Take none any more."""
        self._is_on = False
        await self._tasks.stop()
        self._wishes.clear()

    def wish(self, candidate: Candidate) -> FoundPicture:
        """What there is now; one that is missing or old is taken, and `on_change` called then."""
        config = self._config(candidate)
        if config is None:
            return FoundPicture(PictureState.NONE)
        key, now_us = _key(config), self._clock.monotonic_us()
        kept = self._kept.get(key)
        if kept is not None and kept.until_us > now_us:
            return kept.picture
        if key in self._wishes:
            self._wishes[key] = now_us
        elif len(self._wishes) < MAX_WISHES:
            self._wishes[key] = now_us
            _ = self._tasks.start(self._take(key, config), candidate.id)
        if kept is not None and kept.picture.state is PictureState.HERE:
            return kept.picture  # until the new one is there
        return FoundPicture(PictureState.COMING)

    def jpeg(self, candidate: Candidate) -> bytes:
        """The picture that was taken last; NotFound where there is none."""
        config = self._config(candidate)
        kept = self._kept.get(_key(config)) if config else None
        if kept is None or not kept.picture.jpeg:
            raise NotFound("there is no picture of this camera")
        return kept.picture.jpeg

    async def _take(self, key: str, config: CameraConfig) -> None:
        try:
            async with self._device(config), self._turn:
                if self._clock.monotonic_us() - self._wishes[key] > WISH_US:
                    return  # nobody looks any more
                result = await self._trials.glance(config, HEIGHT)
            self._keep(key, result)
        except FalconEyeError as error:  # the node stops
            log.debug("no picture of a found camera: %s", error)
        finally:
            self._wishes.pop(key, None)
        if config.protocol is Protocol.USB:
            self._hurry(Protocol.USB)  # a camera that was just started may have found it busy
        self._on_change()

    def _device(self, config: CameraConfig) -> asyncio.Lock:
        """Of a recorder's cameras one is asked at a time."""
        name = config.device_identity or urlsplit(config.source_url or "").hostname or ""
        return self._devices.setdefault(name, asyncio.Lock())

    def _keep(self, key: str, result: TestResult | None) -> None:
        """`result` None: a person tries the camera, or adds it."""
        reason = result.reason_code if result else ReasonCode.DEVICE_BUSY
        picture = FoundPicture(PictureState.NONE, reason=reason)
        if result and result.picture is not None:
            picture = FoundPicture(
                PictureState.HERE, taken_us=self._clock.utc_us(), jpeg=result.picture
            )
        self._kept.pop(key, None)
        while len(self._kept) >= MAX_KEPT:
            del self._kept[next(iter(self._kept))]
        age_us = BUSY_US if reason in _SOON else KEPT_US
        self._kept[key] = _Kept(picture, self._clock.monotonic_us() + age_us)

    def _config(self, candidate: Candidate) -> CameraConfig | None:
        """As what it is asked for a picture, without a login; None where that is not known."""
        if not self._is_on:
            return None
        new = _device(candidate) or self._stream(candidate)
        if new is None:
            return None
        try:
            return new_config(new, self._clock.utc_us(), "")
        except FalconEyeError:  # what it announces is no address that can be asked
            return None

    def _stream(self, candidate: Candidate) -> NewCamera | None:
        """The first address that it announces, else the usual one of its make."""
        here = [one for one in candidate.evidence if one.address == candidate.address]
        is_seen = any(one.way in _SEEN for one in here)
        if candidate.address is None or not is_seen or not self._asks_network:
            return None
        for protocol, url, _ in sorted(streams(candidate), key=lambda one: one[0] is Protocol.HTTP):
            if urlsplit(url).hostname == candidate.address:
                return NewCamera("found", protocol, url, allow_local=self._allow_local)
        return None


def _device(candidate: Candidate) -> NewCamera | None:
    if candidate.device_identity is None or not candidate.usable:
        return None
    return NewCamera(
        "found",
        Protocol.USB,
        None,
        device_identity=candidate.device_identity,
        device_path=candidate.device_path,
    )


def _key(config: CameraConfig) -> str:
    return f"{config.source_url or ''} {config.device_identity or ''} {config.device_path or ''}"
