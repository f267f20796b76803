"""What this node tells of itself, gathered beside the loop and kept for five seconds.

Nothing here waits long: a disk that hangs costs half a second, a database that does a second, and
then the report says so. The figures of the machine are read in a thread.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path
from typing import Final

from falconeye import __version__
from falconeye.base.clock import Clock, KernelClock, boot_name, kernel_clock
from falconeye.base.errors import FalconEyeError
from falconeye.base.tasks import TaskSet
from falconeye.base.times import MINUTE_US, SECOND_US
from falconeye.cameras.views import Camera
from falconeye.discovery.interfaces import look_at_interfaces
from falconeye.doctor.machine import hottest_celsius, memory_bytes
from falconeye.events.bus import EventBus, NodesChanged
from falconeye.events.camera_state import CameraStatus
from falconeye.federation.load import LoadMeter, LoadSample, take_sample
from falconeye.federation.report import (
    MAX_ADDRESSES,
    MAX_DAYS,
    MAX_DISKS,
    MAX_FOUND,
    MAX_NAME,
    MAX_NOTICES,
    MAX_PATH,
    MAX_REASONS,
    MAX_WORD,
    CameraCounts,
    ClockReport,
    DiskReport,
    FoundReport,
    KubernetesFacts,
    NodeReport,
    NoticeReport,
    NotReady,
    told,
)
from falconeye.storage.reading.filling import fillings, rooms_of
from falconeye.storage.reading.storage_use import StorageUse
from falconeye.storage.stores.notice_store import Notice
from falconeye.storage.volumes.volumes import Volumes

KEPT_US: Final = 5 * SECOND_US
SAMPLE_S: Final = 10.0  # between samples of the load; pages that are open hear of new figures then
_RATE_KEPT_US: Final = MINUTE_US
_ANSWER_S: Final = 1.0
# Kubernetes' and Go's names: programs written for the older systems compare with them
_ARCHITECTURES: Final = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm"}


@dataclass(frozen=True, slots=True)
class OwnParts:
    """The node's parts that are asked."""

    node_id: str
    name: Callable[[], str]
    started_at_us: int
    clock: Clock
    bus: EventBus
    volumes: Volumes
    use: StorageUse
    zone: Callable[[], tzinfo]
    cameras: Callable[[], Sequence[Camera]]  # those that this node has
    not_ready: Callable[[], Awaitable[Sequence[str]]]  # `NotReady`; empty when it is
    notices: Callable[[], Sequence[Notice]] = tuple  # those that last
    found: Callable[[], Sequence[FoundReport]] = tuple  # devices that may be cameras
    kubernetes: Callable[[], KubernetesFacts] = KubernetesFacts
    is_draining: Callable[[], bool] = lambda: False


@dataclass(frozen=True, slots=True)
class MachineFacts:
    """What the machine says now."""

    addresses: tuple[str, ...]
    model: str
    memory_total_bytes: int
    memory_available_bytes: int | None
    temperature_c: float | None
    clock: KernelClock | None
    sample: LoadSample


class SelfReport:
    """Asked by pages, the API and whoever tells peers. Lives on the loop."""

    def __init__(self, parts: OwnParts, root: Path = Path("/")) -> None:
        """`root` stands for "/" in tests."""
        self._parts = parts
        self._root = root
        self._load = LoadMeter()
        self._one = asyncio.Lock()
        self._kept: NodeReport | None = None
        self._kept_at_us = 0  # monotonic
        self._bytes_per_day = 0.0
        self._rate_at_us: int | None = None  # monotonic

    @property
    def node_id(self) -> str:
        return self._parts.node_id

    @property
    def parts(self) -> OwnParts:
        """What is asked."""
        return self._parts

    def ask(self, parts: OwnParts) -> None:
        """Ask these from now on: what a node has in a pod only is there after the rest."""
        self._parts, self._kept = parts, None

    @asynccontextmanager
    async def running(self) -> AsyncIterator["SelfReport"]:
        """The load is measured until the context ends."""
        tasks = TaskSet("own-report")
        _sampling = tasks.start(self._measure(), "load")
        try:
            yield self
        finally:
            await tasks.stop()

    async def now(self) -> NodeReport:
        """The report, at most `KEPT_US` old; who asks meanwhile gets the same."""
        async with self._one:
            now_us = self._parts.clock.monotonic_us()
            if self._kept is None or now_us - self._kept_at_us >= KEPT_US:
                self._kept = await self._gather()
                self._kept_at_us = now_us
            return self._kept

    async def _measure(self) -> None:
        while True:
            self._load.add(await asyncio.to_thread(take_sample, *self._counts(), self._root))
            self._parts.bus.publish(NodesChanged())
            await asyncio.sleep(SAMPLE_S)

    def _counts(self) -> tuple[int, int]:
        written = sum(volume.bytes_written.value for volume in self._parts.volumes.all)
        return self._parts.clock.monotonic_us(), written

    async def _gather(self) -> NodeReport:
        parts = self._parts
        notices = parts.notices()
        machine = await asyncio.to_thread(look_at_machine, *self._counts(), self._root)
        self._load.add(machine.sample)
        load = self._load.now()
        not_ready = await self._not_ready()
        disks = await self._disks()
        system = os.uname()
        return NodeReport(
            node_id=told(parts.node_id, MAX_WORD),
            name=told(parts.name(), MAX_NAME),
            version=told(__version__, MAX_WORD),
            boot_id=told(boot_name(), MAX_WORD),
            started_at_us=parts.started_at_us,
            addresses=machine.addresses,
            architecture=_ARCHITECTURES.get(system.machine, told(system.machine, MAX_WORD)),
            os=told(system.sysname.lower(), MAX_WORD),
            model=machine.model,
            cpus=os.cpu_count() or 0,
            machine_load=load.machine,
            process_load=load.process,
            memory_total_bytes=machine.memory_total_bytes,
            memory_available_bytes=machine.memory_available_bytes,
            temperature_c=machine.temperature_c,
            disks=disks,
            clock=_clock_report(machine.clock),
            is_ready=not not_ready,
            not_ready=not_ready,
            cameras=_counts_of(parts.cameras()),
            notices=_notice_reports(notices),
            certificate=next((one.reason.value for one in notices if one.is_of_certificate), ""),
            found=tuple(parts.found()[:MAX_FOUND]),
            recorded_megabits_per_second=load.megabits_per_second,
            kubernetes=parts.kubernetes(),
            is_draining=parts.is_draining(),
        )

    async def _not_ready(self) -> tuple[str, ...]:
        try:
            async with asyncio.timeout(_ANSWER_S):
                reasons = await self._parts.not_ready()
        except TimeoutError:
            reasons = (NotReady.DATABASE,)
        return tuple(told(str(one), MAX_WORD) for one in reasons)[:MAX_REASONS]

    async def _disks(self) -> tuple[DiskReport, ...]:
        volumes = self._parts.volumes
        facts = await volumes.facts()
        numbers = {volume.id: volume.number for volume in volumes.all}
        found = [one for one in facts if one.id in numbers]  # else taken away meanwhile
        rooms = rooms_of(found, numbers, volumes.for_recording().id)
        full = fillings(rooms, await self._growth())
        reports = []
        for one in found[:MAX_DISKS]:
            filling = full.get(numbers[one.id])
            days = None if filling is None else filling.full_in_days
            reports.append(
                DiskReport(
                    id=told(one.id, MAX_WORD),
                    path=told(str(one.path), MAX_PATH),
                    role=one.role.value,
                    is_present=one.present,
                    total_bytes=one.total_bytes,
                    free_bytes=one.free_bytes,
                    floor_bytes=one.floor_bytes,
                    bytes_per_day=0.0 if filling is None else filling.bytes_per_day,
                    days_left=None if days is None else min(days, MAX_DAYS),
                )
            )
        return tuple(reports)

    async def _growth(self) -> float:
        """Bytes a day of all cameras, asked of the index once a minute; the last known if it hangs.

        What a disk is filled with changes over hours; reading it touches a row of each camera.
        """
        now_us = self._parts.clock.monotonic_us()
        if self._rate_at_us is None or now_us - self._rate_at_us >= _RATE_KEPT_US:
            try:
                async with asyncio.timeout(_ANSWER_S):
                    uses = await self._parts.use.cameras(self._parts.zone())
            except (TimeoutError, FalconEyeError):
                return self._bytes_per_day  # `not_ready` tells that the database does not answer
            self._bytes_per_day = sum(use.bytes_per_day or 0.0 for use in uses)
            self._rate_at_us = now_us
        return self._bytes_per_day


def look_at_machine(monotonic_us: int, written_bytes: int, root: Path = Path("/")) -> MachineFacts:
    """All that /proc, /sys and the kernel's clock tell. Blocks."""
    memory = memory_bytes(root)
    return MachineFacts(
        addresses=_addresses(),
        model=_model(root),
        memory_total_bytes=memory.get("MemTotal", 0),
        memory_available_bytes=memory.get("MemAvailable"),
        temperature_c=hottest_celsius(root),
        clock=kernel_clock(),
        sample=take_sample(monotonic_us, written_bytes, root),
    )


def _addresses() -> tuple[str, ...]:
    """Those in a LAN, that of the default route first; none where the kernel does not tell."""
    try:
        found = look_at_interfaces()
    except OSError:
        return ()
    ordered = sorted(found, key=lambda one: not one.default_route)
    return tuple(dict.fromkeys(str(one.address) for one in ordered))[:MAX_ADDRESSES]


def _model(root: Path) -> str:
    """Of boards with a device tree; it ends with a NUL (Devicetree Specification, 2.2.4)."""
    try:
        text = (root / "proc/device-tree/model").read_bytes().decode("utf-8", "replace")
    except OSError:
        return ""
    return told(text, MAX_NAME).strip()


def _clock_report(clock: KernelClock | None) -> ClockReport:
    if clock is None:
        return ClockReport()
    return ClockReport(
        is_synchronised=clock.is_synchronised,
        offset_us=clock.offset_us,
        max_error_us=max(0, clock.max_error_us),
    )


def _notice_reports(notices: Sequence[Notice]) -> tuple[NoticeReport, ...]:
    told_ones = [one for one in notices if not one.is_of_certificate]
    return tuple(map(_notice_report, told_ones[:MAX_NOTICES]))


def _notice_report(notice: Notice) -> NoticeReport:
    return NoticeReport(
        camera_id="" if notice.volume_id is not None else told(notice.camera_id, MAX_WORD),
        name=told(notice.camera_name, MAX_PATH),
        cause=notice.reason.value,
    )


def _counts_of(cameras: Sequence[Camera]) -> CameraCounts:
    return CameraCounts(
        configured=len(cameras),
        recording=sum(one.state.recording for one in cameras),
        failing=sum(one.state.status is CameraStatus.ERROR for one in cameras),
    )
