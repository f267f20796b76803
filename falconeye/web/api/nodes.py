"""Nodes: in this release the one that answers (api.md)."""

import os
from typing import Annotated, Any
from urllib.parse import urlsplit

from litestar import Controller, Request, get
from litestar.params import PathParameter, QueryParameter
from pydantic import BaseModel

from falconeye import __version__
from falconeye.accounts.model import Action
from falconeye.base.errors import NotFound
from falconeye.base.times import rfc3339
from falconeye.devices.usb_camera import UsbCamera
from falconeye.discovery.candidates import Candidate
from falconeye.discovery.evidence import Way
from falconeye.web.api.documentation import documented
from falconeye.web.found_views import name_of
from falconeye.web.metrics import status_of
from falconeye.web.shell import shell_of

Asking = Request[Any, Any, Any]

# Kubernetes' and Go's names: programs written for the older systems compare with them
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm"}


class NodeAnswer(BaseModel):
    """One node. Taints and labels come from Kubernetes; without it there are none."""

    name: str
    id: str
    ip: str | None
    ready: bool
    taints: list[str]
    labels: dict[str, str]
    architecture: str
    os: str
    version: str
    started_at: str


class LocalCameraAnswer(BaseModel):
    """A camera at a node's port. `identity` is what it stays itself by."""

    device_path: str
    device_name: str
    node_name: str
    node_ip: str | None
    protocol: str
    identity: str

    @classmethod
    def of(cls, camera: UsbCamera, node: NodeAnswer) -> "LocalCameraAnswer":
        return cls(
            device_path=camera.device_path,
            device_name=camera.name or camera.model,
            node_name=node.name,
            node_ip=node.ip,
            protocol="usb",
            identity=camera.identity,
        )


class NetworkCameraAnswer(BaseModel):
    """A camera in a node's network."""

    ip: str
    port: int
    protocol: str
    name: str
    url: str
    node_name: str

    @classmethod
    def of(cls, candidate: Candidate, node: NodeAnswer) -> "NetworkCameraAnswer":
        """`port` is 0, `url` empty where nobody knows them yet."""
        speaks_onvif = any(one.way is Way.ONVIF for one in candidate.evidence)
        scheme = urlsplit(candidate.url or "").scheme
        return cls(
            ip=candidate.address or "",
            port=candidate.port or 0,
            protocol="onvif" if speaks_onvif else scheme or "rtsp",
            name=name_of(candidate),
            url=candidate.url or "",
            node_name=node.name,
        )


class ScanAnswer(BaseModel):
    """What was found (api.md)."""

    cameras: list[LocalCameraAnswer]
    network_cameras: list[NetworkCameraAnswer]
    total: int
    scanned_nodes: list[str]
    errors: list[str]

    @classmethod
    def nothing(cls, error: str) -> "ScanAnswer":
        return cls(cameras=[], network_cameras=[], total=0, scanned_nodes=[], errors=[error])


class NodeController(Controller):
    """`/api/nodes`."""

    path = "/api/nodes"
    tags = ("Nodes",)

    @get("/", **documented(Action.VIEW_LIVE, "The nodes"))
    async def list_nodes(self, request: Asking) -> list[NodeAnswer]:
        return [await _this_node(request)]

    @get(
        "/scan/cameras",
        **documented(Action.TEST_CAMERA, "What is at the nodes' ports, and in their network", 422),
    )
    async def scan_cameras(
        self,
        request: Asking,
        node: Annotated[str | None, QueryParameter(max_length=255)] = None,
        *,
        network: Annotated[
            bool, QueryParameter(description="also those that were found in the network")
        ] = False,
    ) -> ScanAnswer:
        this = await _this_node(request)
        if node not in {None, "", this.name}:
            return ScanAnswer.nothing(f"there is no node {node!r}")
        finding = shell_of(request).services.finding
        plugged = await finding.look_at_ports()
        cameras = [LocalCameraAnswer.of(camera, this) for camera in plugged.cameras]
        if network and finding.looks_in_network:
            finding.discovery.look_now()  # what answers is in the next scan's answer
        found = finding.candidates.list() if network else []
        network_cameras = [
            NetworkCameraAnswer.of(one, this) for one in found if one.usable and one.address
        ]
        return ScanAnswer(
            cameras=cameras,
            network_cameras=network_cameras,
            total=len(cameras) + len(network_cameras),
            scanned_nodes=[this.name],
            errors=[],
        )

    @get("/{name:str}", **documented(Action.VIEW_LIVE, "One node", 404))
    async def get_node(
        self, request: Asking, name: Annotated[str, PathParameter(max_length=255)]
    ) -> NodeAnswer:
        if name != shell_of(request).services.node_name:
            msg = "there is no such node"
            raise NotFound(msg)
        return await _this_node(request)


async def _this_node(request: Asking) -> NodeAnswer:
    services = shell_of(request).services
    machine = os.uname()
    server = request.scope.get("server")  # the address of ours that the client reached
    return NodeAnswer(
        name=services.node_name,
        id=services.node_id,
        ip=server[0] if server else None,
        ready=await status_of(request.app).is_ready(),
        taints=[],
        labels={},
        architecture=_ARCHITECTURES.get(machine.machine, machine.machine),
        os=machine.sysname.lower(),
        version=__version__,
        started_at=rfc3339(services.started_at_us),
    )
