"""A scan of networks for cameras that announce nothing: slow enough to disturb nobody.

Each host is tried at one port first; where nobody has its hardware address then, it is not there,
and the other ports are left. What answers is asked what it is (`scan_questions`).
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address
from typing import Final

from falconeye.base.clock import Clock
from falconeye.base.tasks import TaskSet
from falconeye.discovery.evidence import Evidence, Way
from falconeye.discovery.interfaces import Interface, mac_at
from falconeye.discovery.makes import make_named, make_of_mac
from falconeye.discovery.scan_questions import MAX_PAGE_BYTES, Answer, ask_http, ask_rtsp, is_onvif
from falconeye.discovery.scan_targets import Targets
from falconeye.discovery.ws_answers import DEFAULT_PATH
from falconeye.discovery.ws_discovery import Listing

RTSP_PORTS: Final = (554, 8554)
HTTP_PORTS: Final = (80, 8080, 8899, 2020, 8000)
CONNECTS_PER_S: Final = 200.0
AT_ONCE: Final = 64
CONNECT_S: Final = 1.5  # the kernel asks for a hardware address once a second
HOST_S: Final = 30.0  # for all questions to one host


class ScanState(StrEnum):
    """How far a scan is."""

    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ScanResult:
    """What came of a scan."""

    state: ScanState
    targets: Targets
    hosts_done: int
    hosts_there: int  # those that answered anything
    connects: int
    seconds: float
    found: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class Limits:
    """How fast, and where."""

    connects_per_s: float = CONNECTS_PER_S
    at_once: int = AT_ONCE
    connect_s: float = CONNECT_S
    rtsp_ports: tuple[int, ...] = RTSP_PORTS
    http_ports: tuple[int, ...] = HTTP_PORTS


class Scan:
    """One scan from `start` to its end; progress may be read at any time."""

    def __init__(
        self,
        clock: Clock,
        listing: Listing,
        targets: Targets,
        interfaces: tuple[Interface, ...],
        *,
        limits: Limits | None = None,
    ) -> None:
        self.targets = targets
        self.state = ScanState.RUNNING
        self.hosts_total = len(targets.addresses)
        self.hosts_done = 0
        self.hosts_there = 0
        self.connects = 0
        self.found: dict[str, Evidence] = {}
        self._clock = clock
        self._listing = listing
        self._interfaces = interfaces
        self._limits = limits or Limits()
        self._tasks = TaskSet("scan")
        self._ended = asyncio.Event()
        self._began_us = clock.monotonic_us()
        self._ended_us = 0
        self._next_s = 0.0  # when the next connection may be made, by the loop's clock

    def start(self) -> None:
        """Begin."""
        self._began_us = self._clock.monotonic_us()
        _ = self._tasks.start(self._run(), "run")

    async def cancel(self) -> None:
        """End it now; what was found stays found."""
        await self._tasks.stop()
        self._end(ScanState.CANCELLED)  # one that had not begun

    async def wait(self) -> ScanResult:
        """The result, once it has ended."""
        await self._ended.wait()
        return self.result

    @property
    def result(self) -> ScanResult:
        """What came of it so far."""
        until_us = self._ended_us or self._clock.monotonic_us()
        return ScanResult(
            self.state,
            self.targets,
            self.hosts_done,
            self.hosts_there,
            self.connects,
            (until_us - self._began_us) / 1e6,
            tuple(self.found.values()),
        )

    async def _run(self) -> None:
        state = ScanState.FAILED
        try:
            hosts = iter(self.targets.addresses)
            async with asyncio.TaskGroup() as group:
                for _ in range(min(self._limits.at_once, self.hosts_total)):
                    group.create_task(self._work(hosts))
            state = ScanState.DONE
        except asyncio.CancelledError:
            state = ScanState.CANCELLED
            raise
        finally:
            self._end(state)

    def _end(self, state: ScanState) -> None:
        if not self._ended.is_set():
            self.state = state
            self._ended_us = self._clock.monotonic_us()
            self._ended.set()

    async def _work(self, hosts: Iterator[IPv4Address]) -> None:
        for host in hosts:
            try:
                async with asyncio.timeout(HOST_S):
                    await self._host(str(host))
            except TimeoutError:
                pass  # a host that takes its time at each port; what it told is noted
            self.hosts_done += 1

    async def _host(self, address: str) -> None:
        there = False
        for port in (*self._limits.rtsp_ports, *self._limits.http_ports):
            try:
                await self._ask(address, port)
            except ConnectionRefusedError:
                pass  # somebody said so
            except OSError:  # silence, or no way there
                if not there and self._is_absent(address):
                    return
                continue
            if not there:
                there = True
                self.hosts_there += 1

    def _is_absent(self, address: str) -> bool:
        """Whether nobody on our own network said that the address is his."""
        near = any(IPv4Address(address) in one.network for one in self._interfaces)
        return near and mac_at(address, self._interfaces) is None

    async def _ask(self, address: str, port: int) -> None:
        """Note what is behind a port; OSError where it is not open."""
        place = f"{address}:{port}"
        question = ask_rtsp if port in self._limits.rtsp_ports else ask_http
        async with self._connection(address, port) as (reader, writer):
            answer = await question(reader, writer, place)
        onvif = False
        if answer is not None and answer.protocol == "http":
            try:
                async with self._connection(address, port) as (reader, writer):
                    onvif = await is_onvif(reader, writer, place)
            except OSError:
                pass  # it takes one connection at a time; the page has told what it is
        self._note(address, port, answer, onvif=onvif)

    @asynccontextmanager
    async def _connection(
        self, address: str, port: int
    ) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        """A connection, when it is its turn; closed without a farewell."""
        loop = asyncio.get_running_loop()
        self._next_s = max(self._next_s, loop.time()) + 1 / self._limits.connects_per_s
        await asyncio.sleep(self._next_s - loop.time())
        self.connects += 1
        async with asyncio.timeout(self._limits.connect_s):
            reader, writer = await asyncio.open_connection(address, port, limit=MAX_PAGE_BYTES)
        try:
            yield reader, writer
        finally:
            writer.transport.abort()

    def _note(self, address: str, port: int, answer: Answer | None, *, onvif: bool) -> None:
        """Put on the list what may be a camera; other web pages and ports are nobody's business."""
        mac = mac_at(address, self._interfaces)
        told = (answer.server, answer.realm, answer.title) if answer else ()
        make = make_named(*told) or make_of_mac(mac or "")
        protocol = "onvif" if onvif else answer.protocol if answer else ""
        if not make and protocol not in ("rtsp", "onvif"):
            return
        urls = {
            "rtsp": f"rtsp://{address}:{port}/",
            "onvif": f"http://{address}:{port}{DEFAULT_PATH}",
        }
        details = {"protocol": protocol}
        if answer:
            details |= {"server": answer.server, "realm": answer.realm, "title": answer.title}
        evidence = Evidence(
            Way.SCAN,
            f"{address}:{port}",
            self._clock.utc_us(),
            make=make,
            address=address,
            port=port,
            mac=mac,
            url=urls.get(protocol),
            details={name: value for name, value in details.items() if value},
        )
        self.found[evidence.key] = evidence
        self._listing.note(evidence)
