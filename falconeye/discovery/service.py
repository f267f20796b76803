"""Finds cameras for one node: all ways of looking at the network, and the one list they fill.

What is at the node's own ports, and what files name, is told from outside by `note` and `gone`.
"""

import asyncio
import socket
from collections.abc import Callable, Iterable
from dataclasses import replace
from ipaddress import IPv4Address
from typing import Final

from falconeye.base.clock import Clock
from falconeye.base.errors import Conflict
from falconeye.base.tasks import TaskSet
from falconeye.discovery.candidates import Candidates, IgnoredIds
from falconeye.discovery.evidence import Evidence, Way
from falconeye.discovery.interface_watch import InterfaceWatch
from falconeye.discovery.interfaces import Interface, mac_at
from falconeye.discovery.makes import make_of_mac
from falconeye.discovery.mdns import Mdns
from falconeye.discovery.mdns_cameras import MdnsCameras
from falconeye.discovery.recognition import Known
from falconeye.discovery.scan import Limits, Scan, ScanResult, ScanState
from falconeye.discovery.scan_targets import targets
from falconeye.discovery.ws_discovery import WsDiscovery

EXPIRE_S: Final = 30.0
_DISCARD_PORT: Final = 9  # RFC 863


class Discovery:
    """Looks from `start` to `stop`; `candidates` is the list."""

    def __init__(
        self,
        clock: Clock,
        ignored: IgnoredIds,
        *,
        known: Callable[[], Iterable[Known]] = tuple,
        on_change: Callable[[], None] = lambda: None,
        loopback: bool = False,
    ) -> None:
        self.candidates = Candidates(clock, ignored, known=known, on_change=on_change)
        self.mdns = Mdns(clock)  # the process has one; peers are found by it, too
        self.scan_now: Scan | None = None  # the one that runs, or ran last
        self._clock = clock
        self._tasks = TaskSet("discovery")
        self._watch = InterfaceWatch(clock, self._interfaces_changed, loopback=loopback)
        self._ws = WsDiscovery(clock, self)
        self._mdns_cameras = MdnsCameras(clock, self, lambda: self.interfaces)
        self._running = False

    @property
    def interfaces(self) -> tuple[Interface, ...]:
        """Those that are looked on now."""
        return self._watch.current

    @property
    def hears_onvif(self) -> bool:
        """Whether ONVIF cameras that come and go are heard at once, rather than within a minute."""
        return self._ws.hears

    async def start(self) -> None:
        """Look on all interfaces from now on."""
        await self.candidates.load()
        self._watch.start()
        self._running = True
        self._ws.start(self.interfaces)
        await self.mdns.start(self.interfaces)
        self._mdns_cameras.start(self.mdns)
        _ = self._tasks.start(self._expire(), "expire")

    async def stop(self) -> None:
        """Look no more; the list stays as it is."""
        self._running = False
        if self.scan_now is not None:
            await self.scan_now.cancel()
        await self._tasks.stop()
        await self._mdns_cameras.stop()
        await self.mdns.stop()
        await self._ws.stop()
        await self._watch.stop()

    def look_now(self) -> None:
        """Ask again by all ways that ask by themselves; findings come within seconds."""
        self._watch.look()
        self._ws.look_now()
        self.mdns.look_now()

    def scan(
        self,
        networks: Iterable[str] | None = None,
        *,
        insist: bool = False,
        limits: Limits | None = None,
    ) -> Scan:
        """Begin to scan `networks` ("192.168.1.0/24"), or the local ones; see `Scan`.

        `insist` is an admin's word that a network that is not ours may be asked. InvalidInput for
        networks that may not be scanned, Conflict while another scan runs.
        """
        if self.scan_now is not None and self.scan_now.state is ScanState.RUNNING:
            raise Conflict("a scan is running already")
        wanted = targets(self.interfaces, networks, insist=insist)
        scan = Scan(self._clock, self, wanted, self.interfaces, limits=limits)
        self.scan_now = scan
        scan.start()
        _ = self._tasks.start(self._forget_absent(scan), "after scan")
        return scan

    def note(self, evidence: Evidence) -> bool:
        """Put a finding on the list, with the hardware address its neighbour has.

        The kernel's word for that counts more than the device's own: it cannot be made up.
        """
        evidence = evidence.cleaned()
        address = evidence.address
        near = self._near(address) if address else ()
        if address is None or not near:
            return self.candidates.note(evidence)
        mac = mac_at(address, near)
        if mac is not None:
            evidence = replace(evidence, mac=mac, make=evidence.make or make_of_mac(mac))
        else:
            self._wake(address)
        return self.candidates.note(evidence, is_kernels_mac=mac is not None)

    def gone(self, way: Way, key: str) -> None:
        """Take a finding off the list."""
        self.candidates.gone(way, key)

    def _near(self, address: str) -> tuple[Interface, ...]:
        if ":" in address:
            return ()
        ip = IPv4Address(address)
        return tuple(one for one in self.interfaces if ip in one.network and ip != one.address)

    def _wake(self, address: str) -> None:
        """Have the kernel ask for a hardware address; it is there when the finding comes again."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
            any_socket.settimeout(0)
            try:
                any_socket.sendto(b"", (address, _DISCARD_PORT))
            except OSError:
                return  # the interface has gone, or a firewall forbids it: it stays unknown

    def _interfaces_changed(self, interfaces: tuple[Interface, ...]) -> None:
        if self._running:
            self._ws.use(interfaces)
            self.mdns.use(interfaces)

    async def _forget_absent(self, scan: Scan) -> ScanResult:
        """What an earlier scan found and a whole one did not is not there any more."""
        result = await scan.wait()
        if result.state is ScanState.DONE:
            asked = set(map(str, result.targets.addresses))
            self.candidates.drop(
                Way.SCAN, lambda one: one.address in asked and one.key not in scan.found
            )
        return result

    async def _expire(self) -> None:
        while True:
            await asyncio.sleep(EXPIRE_S)
            self.candidates.expire()
