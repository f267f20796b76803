"""Finds ONVIF cameras by WS-Discovery: asks once a minute, and hears who comes and goes.

A round is four Probes on each interface: for cameras only and for anything, because some devices
answer only one of the two, and each twice, because multicast gets lost (SOAP over UDP 3.2).
"""

import asyncio
import logging
import random
from typing import Final, Protocol

from falconeye.base.clock import Clock
from falconeye.base.counters import RepeatingLog
from falconeye.base.tasks import TaskSet
from falconeye.discovery.evidence import Evidence, Way
from falconeye.discovery.interfaces import Interface
from falconeye.discovery.ws_answers import evidence_key, evidence_of
from falconeye.discovery.ws_messages import Message
from falconeye.discovery.ws_sockets import HelloSocket, ProbeSocket

ROUND_S: Final = 60.0
REPEAT_S: Final = 0.5
REST_S: Final = 1.5  # between two rounds, however often somebody wants one

log = logging.getLogger(__name__)


class Listing(Protocol):
    """Where findings go."""

    def note(self, evidence: Evidence) -> bool: ...

    def gone(self, way: Way, key: str) -> None: ...


class WsDiscovery:
    """Probes the interfaces it is given until `stop`."""

    def __init__(self, clock: Clock, listing: Listing, *, round_s: float = ROUND_S) -> None:
        self._clock = clock
        self._listing = listing
        self._round_s = round_s
        self._wanted: tuple[Interface, ...] = ()
        self._probes: dict[Interface, ProbeSocket] = {}
        self._hello: HelloSocket | None = None
        self._hello_on: tuple[Interface, ...] | None = None
        self._said_taken = False
        self._refused_before = 0  # by sockets that are closed
        self._tasks = TaskSet("ws-discovery")
        self._now = asyncio.Event()
        self._log = RepeatingLog(log, clock, period_s=3600.0)

    def start(self, interfaces: tuple[Interface, ...]) -> None:
        """Probe at once, and from now on."""
        self._wanted = interfaces
        _ = self._tasks.start(self._run(), "probe")

    async def stop(self) -> None:
        """Close all sockets."""
        await self._tasks.stop()
        await self._reconcile(())
        await self._close_hello()

    def use(self, interfaces: tuple[Interface, ...]) -> None:
        """Probe on these from now on, and at once."""
        self._wanted = interfaces
        self._now.set()

    def look_now(self) -> None:
        """Begin a round at once."""
        self._now.set()

    @property
    def hears(self) -> bool:
        """Whether Hello and Bye are heard; else who comes is noticed with the next round."""
        return self._hello is not None

    @property
    def refused(self) -> int:
        """Datagrams that were not read, or not understood, since the start."""
        refused = self._refused_before + sum(one.budget.refused for one in self._probes.values())
        return refused + (self._hello.budget.refused if self._hello else 0)

    async def _run(self) -> None:
        while True:
            self._now.clear()
            await self._open()
            for one in self._probes.values():
                one.begin_round()
            if self._hello is not None:
                self._hello.budget.renew()
            for again in (False, True):
                for one in self._probes.values():
                    one.send(cameras_only=True)
                    one.send(cameras_only=False)
                await asyncio.sleep(REST_S if again else REPEAT_S)
            # Nodes that started together must not ask together for ever.
            wait_s = self._round_s * random.uniform(0.9, 1.1)  # noqa: S311 - jitter, not a secret
            try:
                async with asyncio.timeout(wait_s):
                    await self._now.wait()
            except TimeoutError:
                pass  # the regular round

    async def _open(self) -> None:
        await self._reconcile(self._wanted)
        for interface in self._wanted:
            if interface in self._probes:
                continue
            one = ProbeSocket(interface, self._told, self._log.warning)
            try:
                await one.open()
            except OSError as error:
                self._log.warning(f"no cameras are looked for on {interface.name}: {error}")
                continue
            self._probes[interface] = one
        await self._open_hello()

    async def _reconcile(self, wanted: tuple[Interface, ...]) -> None:
        broken = {interface for interface, one in self._probes.items() if one.broken}
        for interface in (set(self._probes) - set(wanted)) | broken:
            one = self._probes.pop(interface)
            self._refused_before += one.budget.refused
            await one.close()

    async def _open_hello(self) -> None:
        broken = self._hello is not None and self._hello.broken
        if self._hello_on == self._wanted and not broken:
            return
        await self._close_hello()
        self._hello_on = self._wanted
        if not self._wanted:
            return
        hello = HelloSocket(self._wanted, self._told)
        try:
            await hello.open()
        except OSError as error:
            self._hello_on = None  # it is tried again with each round
            if not self._said_taken:
                self._said_taken = True
                log.warning(
                    "another program keeps UDP port 3702 to itself; cameras that come and go are"
                    " noticed up to a minute later: %s",
                    error,
                )
            return
        self._hello = hello

    async def _close_hello(self) -> None:
        if self._hello is not None:
            hello, self._hello = self._hello, None
            self._refused_before += hello.budget.refused
            await hello.close()
        self._hello_on = None

    def _told(self, message: Message, address: str, interface: Interface) -> None:
        for device in message.devices:
            if message.kind == "Bye":
                # Of what was found at this very address: nobody says goodbye for another.
                self._listing.gone(Way.ONVIF, evidence_key(device, address))
            elif device.is_camera:
                seen_us = self._clock.utc_us()
                self._listing.note(evidence_of(device, address, interface, seen_us))
