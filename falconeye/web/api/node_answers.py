"""Nodes and what is at their ports, as the API answers them (api.md)."""

from collections.abc import Sequence
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, Field

from falconeye.base.times import rfc3339
from falconeye.devices.usb_camera import UsbCamera
from falconeye.discovery.candidates import Candidate
from falconeye.discovery.evidence import Way
from falconeye.federation.cluster_view import NodeView
from falconeye.federation.report import CameraCounts, DiskReport, NodeReport
from falconeye.web.found_views import name_of

# What another node answers has bounds; a URL that was found is no longer than this.
Text = Annotated[str, Field(max_length=4096)]
MAX_FOUND = 1000


class DiskAnswer(BaseModel):
    """A disk of footage. `days_left` null: it does not fill."""

    id: str
    path: str
    role: str
    present: bool
    total_bytes: int
    free_bytes: int
    kept_free_bytes: int
    bytes_per_day: float
    days_left: float | None

    @classmethod
    def of(cls, disk: DiskReport) -> Self:
        return cls(
            id=disk.id,
            path=disk.path,
            role=disk.role,
            present=disk.is_present,
            total_bytes=disk.total_bytes,
            free_bytes=disk.free_bytes,
            kept_free_bytes=disk.floor_bytes,
            bytes_per_day=disk.bytes_per_day,
            days_left=disk.days_left,
        )


class ClockAnswer(BaseModel):
    """A node's clock. `difference_seconds`: its clock − that of the node that answers."""

    synchronised: bool | None
    correction_seconds: float | None
    max_error_seconds: float | None
    difference_seconds: float | None


class CameraCountsAnswer(BaseModel):
    """How many cameras a node has, and how many of them record or give no picture."""

    configured: int
    recording: int
    failing: int

    @classmethod
    def of(cls, counts: CameraCounts) -> Self:
        return cls(configured=counts.configured, recording=counts.recording, failing=counts.failing)


class NodeAnswer(BaseModel):
    """One node. Taints and labels come from Kubernetes; without it there are none.

    What a node tells is as of `heard_at`. Of one that was not heard since the start it is empty or
    null, and so is what a machine does not tell. Loads are shares of all processors, 0-1. `cameras`
    is null for those whose access is limited to some cameras.
    """

    name: str
    id: str
    ip: str | None
    ready: bool
    taints: list[str]
    labels: dict[str, str]
    architecture: str
    os: str
    version: str
    started_at: str | None
    this_node: bool
    reachable: bool
    heard_at: str | None
    addresses: list[str]
    boot_id: str
    model: str
    cpus: int
    load: float | None
    process_load: float | None
    memory_total_bytes: int
    memory_available_bytes: int | None
    temperature_celsius: float | None
    disks: list[DiskAnswer]
    clock: ClockAnswer
    cameras: CameraCountsAnswer | None
    recorded_megabits_per_second: float | None
    not_ready: list[str]
    twin_at: list[str]  # where its id is, if at two nodes: run `falconeye node new-id` on the copy
    draining: bool
    kubernetes_node: str
    kubernetes_ready: bool | None
    kubernetes_told_at: str | None

    @classmethod
    def of(
        cls,
        node: NodeView,
        *,
        counts_cameras: bool,
        ip: str | None = None,
        ready: bool | None = None,
    ) -> Self:
        """`ip`, `ready`: of this node, where more is known than its report tells."""
        report = node.report or NodeReport()
        return cls(
            name=node.name,
            id=node.node_id,
            ip=ip or node.host or None,
            ready=node.reachable and report.is_ready if ready is None else ready,
            taints=list(node.kubernetes.taints),
            labels=dict(node.kubernetes.labels),
            architecture=report.architecture,
            os=report.os,
            version=node.version,
            started_at=_time(report.started_at_us),
            this_node=node.is_self,
            reachable=node.reachable,
            heard_at=_time(node.heard_at_us),
            addresses=list(report.addresses),
            boot_id=report.boot_id,
            model=report.model,
            cpus=report.cpus,
            load=report.machine_load,
            process_load=report.process_load,
            memory_total_bytes=report.memory_total_bytes,
            memory_available_bytes=report.memory_available_bytes,
            temperature_celsius=report.temperature_c,
            disks=[DiskAnswer.of(disk) for disk in report.disks],
            clock=_clock(node, report),
            cameras=CameraCountsAnswer.of(report.cameras) if counts_cameras else None,
            recorded_megabits_per_second=report.recorded_megabits_per_second,
            not_ready=list(report.not_ready),
            twin_at=list(node.twin_at),
            draining=report.is_draining,
            kubernetes_node=node.kubernetes.node_name,
            kubernetes_ready=node.is_kube_ready,
            kubernetes_told_at=_time(node.kubernetes_told_at_us),
        )


class LocalCameraAnswer(BaseModel):
    """A camera at a node's port. `identity` is what it stays itself by."""

    device_path: Text
    device_name: Text
    node_name: Text
    node_ip: Text | None
    protocol: Text
    identity: Text

    @classmethod
    def of(cls, camera: UsbCamera, node_name: str, node_ip: str | None) -> Self:
        return cls(
            device_path=camera.device_path,
            device_name=camera.name or camera.model,
            node_name=node_name,
            node_ip=node_ip,
            protocol="usb",
            identity=camera.identity,
        )


class NetworkCameraAnswer(BaseModel):
    """A camera in a node's network."""

    ip: Text
    port: Annotated[int, Field(ge=0, le=65_535)]
    protocol: Text
    name: Text
    url: Text
    node_name: Text

    @classmethod
    def of(cls, candidate: Candidate, node_name: str) -> Self:
        """`port` is 0, `url` empty where nobody knows them yet."""
        speaks_onvif = any(one.way is Way.ONVIF for one in candidate.evidence)
        scheme = urlsplit(candidate.url or "").scheme
        return cls(
            ip=candidate.address or "",
            port=candidate.port or 0,
            protocol="onvif" if speaks_onvif else scheme or "rtsp",
            name=name_of(candidate),
            url=candidate.url or "",
            node_name=node_name,
        )


class ScanAnswer(BaseModel):
    """What was found (api.md). `errors` names each node that gave no answer."""

    cameras: Annotated[list[LocalCameraAnswer], Field(max_length=MAX_FOUND)]
    network_cameras: Annotated[list[NetworkCameraAnswer], Field(max_length=MAX_FOUND)]
    total: int
    scanned_nodes: Annotated[list[Text], Field(max_length=MAX_FOUND)]
    errors: Annotated[list[Text], Field(max_length=MAX_FOUND)]

    @classmethod
    def nothing(cls, error: str) -> "ScanAnswer":
        return cls(cameras=[], network_cameras=[], total=0, scanned_nodes=[], errors=[error])

    @classmethod
    def found_at(
        cls,
        node_name: str,
        cameras: list[LocalCameraAnswer],
        network_cameras: list[NetworkCameraAnswer],
        errors: Sequence[str] = (),
    ) -> "ScanAnswer":
        """Of one node. The bounds are for what others answer: a large network has more."""
        return cls.model_construct(
            cameras=cameras,
            network_cameras=network_cameras,
            total=len(cameras) + len(network_cameras),
            scanned_nodes=[node_name],
            errors=list(errors),
        )

    @classmethod
    def together(cls, answers: Sequence["ScanAnswer"]) -> "ScanAnswer":
        """Those of several nodes as one."""
        return cls.model_construct(
            cameras=[camera for answer in answers for camera in answer.cameras],
            network_cameras=[camera for answer in answers for camera in answer.network_cameras],
            total=sum(answer.total for answer in answers),
            scanned_nodes=[name for answer in answers for name in answer.scanned_nodes],
            errors=[error for answer in answers for error in answer.errors],
        )

    def by(self, node: NodeView) -> "ScanAnswer":
        """The answer of that node, whatever it calls itself in it."""
        told = {"node_name": node.name, "node_ip": node.host or None}
        return ScanAnswer.found_at(
            node.name,
            [one.model_copy(update=told) for one in self.cameras],
            [one.model_copy(update={"node_name": node.name}) for one in self.network_cameras],
            [f"{node.name}: {error}" for error in self.errors],
        )


def _clock(node: NodeView, report: NodeReport) -> ClockAnswer:
    return ClockAnswer(
        synchronised=report.clock.is_synchronised,
        correction_seconds=_seconds(report.clock.offset_us),
        max_error_seconds=_seconds(report.clock.max_error_us),
        difference_seconds=_seconds(node.clock_offset_us),
    )


def _seconds(duration_us: float | None) -> float | None:
    return None if duration_us is None else duration_us / 1e6


def _time(utc_us: int | None) -> str | None:
    return None if utc_us is None else rfc3339(utc_us)
