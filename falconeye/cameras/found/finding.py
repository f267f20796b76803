"""Found cameras: all ways of looking, one list, and the configured cameras that are among them."""

import asyncio
import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from urllib.parse import urlsplit

from falconeye.base.clock import Clock
from falconeye.base.errors import BadRequest
from falconeye.cameras.found.found_pictures import FoundPictures
from falconeye.cameras.found.imports import Imports
from falconeye.cameras.found.plugged import Offer, evidence_of, offers
from falconeye.cameras.registry import CameraRegistry
from falconeye.cameras.whereabouts.following import Following
from falconeye.config.addresses import DEFAULT_PORTS
from falconeye.config.camera import CameraConfig, Protocol
from falconeye.config.settings import NodeSettings
from falconeye.devices.present import USB_DEVICES, UsbDevices
from falconeye.devices.udev import Plugged
from falconeye.discovery.candidates import Candidates, IgnoredIds
from falconeye.discovery.evidence import Way
from falconeye.discovery.mdns import Mdns
from falconeye.discovery.recognition import Known
from falconeye.discovery.scan import Scan
from falconeye.discovery.service import Discovery
from falconeye.events.bus import CandidatesChanged, EventBus
from falconeye.storage.index.database import Database
from falconeye.storage.stores.ignored_store import IgnoredStore


class Finding:
    """Lives on the loop. What is plugged in is followed; the network is asked."""

    def __init__(
        self,
        cameras: CameraRegistry,
        ignored: IgnoredIds,
        bus: EventBus,
        clock: Clock,
        *,
        network: bool = True,
        video_devices: str = "",
        devices: UsbDevices = USB_DEVICES,
    ) -> None:
        """`network`: whether cameras are looked for there, too.

        `video_devices`: patterns of those that are no USB cameras, apart by commas.
        """
        self._cameras = cameras
        self._clock = clock
        self._allowed = tuple(filter(None, (each.strip() for each in video_devices.split(","))))
        self._devices = devices
        self._network = network

        def changed() -> None:
            bus.publish(CandidatesChanged())

        self.discovery = Discovery(clock, ignored, known=self._known, on_change=changed)
        self.following = Following(
            self.candidates, cameras, bus, clock, look_now=self.discovery.look_now
        )
        self.imports = Imports(self.candidates, cameras, clock)
        self.pictures = FoundPictures(cameras, clock, changed)

    @classmethod
    def of_node(
        cls,
        cameras: CameraRegistry,
        database: Database,
        bus: EventBus,
        clock: Clock,
        settings: NodeSettings,
    ) -> "Finding":
        """As a node's settings want it; ignored candidates are remembered in its database."""
        return cls(
            cameras,
            IgnoredStore(database, clock),
            bus,
            clock,
            network=settings.discovery,
            video_devices=settings.video_devices,
        )

    @property
    def candidates(self) -> Candidates:
        """The list."""
        return self.discovery.candidates

    @property
    def looks_in_network(self) -> bool:
        """Whether somebody let it."""
        return self._network

    @property
    def mdns(self) -> Mdns | None:
        """The process's, for others to browse and announce by, between `start` and `stop`."""
        return self.discovery.mdns if self._network else None

    async def start(self) -> None:
        """Begin to follow and to look."""
        if self._network:
            await self.discovery.start()
        else:
            await self.candidates.load()
        loop = asyncio.get_running_loop()

        def changed(plugged: Plugged) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended: the node is gone
                loop.call_soon_threadsafe(self._plugged_changed, plugged)

        await asyncio.to_thread(self._devices.start, changed, self._allowed)
        self.following.start()
        self.pictures.start(network=self._network)

    async def stop(self) -> None:
        """Follow and look no longer."""
        self.imports.forget()
        await self.pictures.stop()
        await self.following.stop()
        await asyncio.to_thread(self._devices.stop)
        if self._network:
            await self.discovery.stop()

    def scan(self, networks: Sequence[str] | None, *, insist: bool = False) -> Scan:
        """Begin to ask addresses: those of `networks` ("192.168.1.0/24"), else the local ones.

        `insist` is an admin's word that a network that is not ours may be asked. Conflict while
        another scan runs; BadRequest where nobody is to look in the network.
        """
        if not self._network:
            raise BadRequest("looking in the network is switched off: see the setting discovery")
        return self.discovery.scan(networks, insist=insist)

    async def look_at_ports(self) -> Plugged:
        """What is plugged in, asked now; the list follows."""
        plugged = await asyncio.to_thread(self._devices.look)
        self._plugged_changed(plugged)
        return plugged

    def offers(self) -> list[Offer]:
        """Cameras that are missing and may be what is plugged in elsewhere."""
        configs = [camera.config for camera in self._cameras.list()]
        return offers(configs, self._devices.plugged.cameras)

    def _plugged_changed(self, plugged: Plugged) -> None:
        found = list(evidence_of(plugged, self._clock.utc_us()))
        present = {(each.way, each.key) for each in found}
        for way in (Way.USB, Way.CSI):
            self.candidates.drop(way, lambda one: (one.way, one.key) not in present)
        for evidence in found:
            self.candidates.note(evidence)
        self._cameras.hurry(Protocol.USB)

    def _known(self) -> Iterator[Known]:
        for camera in self._cameras.list():
            is_away = camera.config.started and not camera.state.online
            yield replace(known(camera.config), is_away=is_away)


def known(config: CameraConfig) -> Known:
    """What tells a configured camera from others."""
    if config.protocol is Protocol.USB:
        return Known(
            config.id, device_identity=config.device_identity, device_path=config.device_path
        )
    address, port = _place(config.source_url)
    _, onvif_port = _place(config.onvif_url)
    return Known(
        config.id,
        address=address,
        port=port,
        endpoint_reference=config.endpoint_reference,
        mac=config.mac_address,
        onvif_port=onvif_port,
    )


def _place(url: str | None) -> tuple[str | None, int | None]:
    """Host and port; a name is no address and matches none."""
    if url is None:
        return None, None
    parts = urlsplit(url)
    return parts.hostname, parts.port or DEFAULT_PORTS.get(parts.scheme)
