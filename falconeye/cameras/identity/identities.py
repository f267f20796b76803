"""Whether who answers at a camera's address is the camera, where the kernel cannot tell.

Beyond a router, and behind a repeater, the hardware address tells nothing. There a camera that has
ONVIF is asked who it is before its login is shown to its stream and before a picture is taken: two
cameras of one make that changed their addresses at a power cut would else be recorded under each
other's names, which nobody notices and nothing repairs. Its ONVIF service may come up later than
its stream, or be off for good; so silence holds the recording back for `HOLD_S` after the camera
came back, and then counts as an answer: it is recorded, the timeline says that nobody vouched for
it, and it is asked on. Who was silent the last time, too, is not waited for again.
"""

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from concurrent.futures import CancelledError, Future
from concurrent.futures import TimeoutError as LateError
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import Final
from urllib.parse import urlsplit

from falconeye.base.clock import Clock
from falconeye.base.errors import FalconEyeError
from falconeye.base.tasks import TaskSet
from falconeye.base.times import SECOND_US
from falconeye.cameras.identity.onvif_address import OnvifPlace
from falconeye.cameras.identity.onvif_logins import OnvifLogins, access_of
from falconeye.cameras.identity.same_device import serial_of, serials_differ
from falconeye.config.camera import CameraConfig
from falconeye.discovery.evidence import plain_reference
from falconeye.sources.interrupt import Interrupt

log = logging.getLogger(__name__)

ASK_S: Final = 3.0  # for all of one question; a camera in the LAN takes a tenth of it
HOLD_S: Final = 15.0
AWAY_US: Final = 10 * SECOND_US  # not tried for so long: it was away again meanwhile


class Proof(StrEnum):
    """What a device's own words come to."""

    SAME = "same"
    OTHER = "other"
    NONE = "none"  # it did not answer, or told nothing that could be compared


@dataclass(slots=True)
class _Standing:
    """Of one camera, by what it is known by now."""

    known_by: tuple[str | None, ...]
    silent_since_us: int | None = None
    asked_us: int = 0
    latest: Proof = Proof.SAME
    unproven_since_us: int | None = None  # UTC: it is recorded all the same


@dataclass(slots=True)
class Identities:
    """`recognise` is for the sources' threads, all else for the loop."""

    loop: asyncio.AbstractEventLoop
    clock: Clock
    logins: OnvifLogins = field(init=False)
    _standings: dict[str, _Standing] = field(init=False, default_factory=dict)
    _tasks: TaskSet = field(init=False, default_factory=lambda: TaskSet("identities"))

    def __post_init__(self) -> None:
        self.logins = OnvifLogins(self.clock)

    def may_be(self, config: CameraConfig, address: str, interrupt: Interrupt) -> Proof | None:
        """Who is at `address`, asked now; None while that is waited for, and may yet be told.

        NONE: it is to be recorded without proof. A stop ends the wait.
        """
        standing = self._standing(config)
        proof = self._asked(config, address, interrupt)
        self.note(config, proof)
        if proof is not Proof.NONE:
            return proof
        now_us = self.clock.monotonic_us()
        if standing.latest is Proof.OTHER:
            return Proof.OTHER  # silence takes nothing back
        if standing.latest is Proof.NONE and standing.unproven_since_us is not None:
            return Proof.NONE
        if standing.silent_since_us is None or now_us - standing.asked_us > AWAY_US:
            standing.silent_since_us = now_us
        standing.asked_us = now_us
        if now_us - standing.silent_since_us < HOLD_S * SECOND_US:
            return None
        standing.latest, standing.unproven_since_us = Proof.NONE, self.clock.utc_us()
        return Proof.NONE

    def note(self, config: CameraConfig, proof: Proof) -> None:
        """What it told, here or when it was asked on."""
        if proof is Proof.NONE:
            return
        standing = self._standing(config)
        standing.latest = proof
        standing.silent_since_us = standing.unproven_since_us = None

    @property
    def unproven(self) -> Mapping[str, int]:
        """The cameras that were connected without proof, and since when (UTC µs)."""
        found = {key: one.unproven_since_us for key, one in list(self._standings.items())}
        return {key: since_us for key, since_us in found.items() if since_us is not None}

    def forget(self, camera_id: str) -> None:
        """It is not there any more."""
        _ = self._standings.pop(camera_id, None)

    @staticmethod
    def can_ask(config: CameraConfig) -> bool:
        """Whether the camera's own device, at the address of its stream, has something to tell."""
        hosts = {urlsplit(url or "").hostname for url in (config.onvif_url, config.source_url)}
        is_known = bool(config.endpoint_reference or serial_of(config))
        return config.onvif_url is not None and len(hosts) == 1 and is_known

    async def ask(self, config: CameraConfig, address: str) -> Proof:
        """Ask who is at `address`; at most `ASK_S`."""
        from falconeye.onvif.claims import Door, ask_claims  # noqa: PLC0415 - loaded when needed

        access = access_of(config)
        if access is None:
            return Proof.NONE
        place = OnvifPlace.of(access[0])
        is_refused = bool(self.logins.wait_s(access))
        user, password = (None, None) if is_refused else (config.username, config.password)
        door = Door(address, place.port, place.path, place.tls, user, password, config.allow_local)
        known, serial = plain_reference(config.endpoint_reference), serial_of(config)
        try:
            async with asyncio.timeout(ASK_S), self.logins.noting(access):
                told = await ask_claims(
                    door, reference=known is not None, serial=bool(serial), limit_s=ASK_S
                )
        except (FalconEyeError, TimeoutError) as error:
            log.info("camera %s does not say who it is: %s", config.id, str(error) or "too late")
            return Proof.NONE
        said = plain_reference(told.endpoint_reference)
        if known and said:
            return Proof.SAME if said == known else Proof.OTHER
        if serial and told.serial:
            return Proof.OTHER if serials_differ(serial, told.serial) else Proof.SAME
        return Proof.NONE

    async def stop(self) -> None:
        """End what is asked."""
        await self._tasks.stop()

    def _standing(self, config: CameraConfig) -> _Standing:
        known_by = (config.onvif_url, config.endpoint_reference, serial_of(config))
        standing = self._standings.get(config.id)
        if standing is None or standing.known_by != known_by:
            standing = self._standings[config.id] = _Standing(known_by)
        return standing

    def _asked(self, config: CameraConfig, address: str, interrupt: Interrupt) -> Proof:
        answered: Future[Proof] = Future()

        async def ask() -> None:
            proof = await self.ask(config, address)
            if answered.set_running_or_notify_cancel():
                answered.set_result(proof)

        def begin() -> None:
            if not answered.cancelled():
                task = self._tasks.start(ask(), "ask")
                answered.add_done_callback(partial(self._end, task))

        def give_up() -> None:
            _ = answered.cancel()

        try:
            self.loop.call_soon_threadsafe(begin)
            with interrupt.by(give_up):
                return answered.result(ASK_S + 1)
        except (LateError, CancelledError, RuntimeError):  # the loop is late, or has ended
            interrupt.check()
            return Proof.NONE
        finally:
            give_up()

    def _end(self, task: asyncio.Task[None], answered: "Future[Proof]") -> None:
        """Nobody waits for the answer any more; from any thread."""
        if answered.cancelled():
            with contextlib.suppress(RuntimeError):  # the loop has ended
                self.loop.call_soon_threadsafe(task.cancel)
