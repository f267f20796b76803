"""Nodes, and what cameras are at their ports and in their networks (api.md)."""

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any, Final

from litestar import Controller, Request, get
from litestar.params import PathParameter, QueryParameter
from pydantic import ValidationError

from falconeye.accounts.model import Action
from falconeye.base.errors import FalconEyeError, NotFound
from falconeye.federation.cluster_view import NodeView
from falconeye.web.api.documentation import documented
from falconeye.web.api.node_answers import (
    LocalCameraAnswer,
    NetworkCameraAnswer,
    NodeAnswer,
    ScanAnswer,
)
from falconeye.web.cluster import cluster_of
from falconeye.web.metrics import status_of
from falconeye.web.security.access import principal_of
from falconeye.web.shell import shell_of

Asking = Request[Any, Any, Any]

SCAN_S: Final = 5.0  # another node's answer is waited for so long, whatever it does


class NodeController(Controller):
    """`/api/nodes`."""

    path = "/api/nodes"
    tags = ("Nodes",)

    @get("/", **documented(Action.VIEW_LIVE, "The nodes"))
    async def list_nodes(self, request: Asking) -> list[NodeAnswer]:
        return [await _answer(request, node) for node in await cluster_of(request.app).nodes()]

    @get(
        "/scan/cameras",
        **documented(Action.TEST_CAMERA, "What is at the nodes' ports, and in their network", 422),
    )
    async def scan_cameras(
        self,
        request: Asking,
        node: Annotated[
            str | None, QueryParameter(max_length=255, description="name or id; all without it")
        ] = None,
        *,
        network: Annotated[
            bool, QueryParameter(description="also those that were found in the network")
        ] = False,
    ) -> ScanAnswer:
        nodes = await cluster_of(request.app).nodes()
        asked = [one for one in nodes if not node or node in {one.name, one.node_id}]
        if not asked:
            return ScanAnswer.nothing(f"there is no node {node!r}")
        answers = await asyncio.gather(*(_scan(request, one, network=network) for one in asked))
        return ScanAnswer.together(answers)

    @get("/{name:str}", **documented(Action.VIEW_LIVE, "One node, by its name or id", 404))
    async def get_node(
        self, request: Asking, name: Annotated[str, PathParameter(max_length=255)]
    ) -> NodeAnswer:
        return await _answer(request, find(await cluster_of(request.app).nodes(), name))


def find(nodes: Sequence[NodeView], name: str) -> NodeView:
    """That of an id or a name, ids first: names may be given twice. NotFound."""
    for one in (*(each for each in nodes if each.node_id == name), *nodes):
        if name in {one.node_id, one.name}:
            return one
    msg = "there is no such node"
    raise NotFound(msg)


async def _answer(request: Asking, node: NodeView) -> NodeAnswer:
    counts_cameras = principal_of(request).cameras is None
    if not node.is_self:
        return NodeAnswer.of(node, counts_cameras=counts_cameras)
    ready = await status_of(request.app).is_ready()  # now; the report may be seconds old
    return NodeAnswer.of(node, counts_cameras=counts_cameras, ip=_reached(request), ready=ready)


def _reached(request: Asking) -> str | None:
    """The address of ours that the client reached."""
    server = request.scope.get("server")
    return server[0] if server else None


async def _scan(request: Asking, node: NodeView, *, network: bool) -> ScanAnswer:
    if node.is_self:
        return await _scan_here(request, node, network=network)
    if not node.reachable:
        return ScanAnswer.nothing(f"{node.name}: it cannot be reached")
    try:
        async with asyncio.timeout(SCAN_S):
            told = await cluster_of(request.app).scan(
                principal_of(request), node.node_id, network=network
            )
        return ScanAnswer.model_validate(told).by(node)
    except TimeoutError:
        return ScanAnswer.nothing(f"{node.name}: no answer in {SCAN_S:.0f} s")
    except ValidationError:
        return ScanAnswer.nothing(f"{node.name}: its answer cannot be read")
    except FalconEyeError as error:
        return ScanAnswer.nothing(f"{node.name}: {error}")


async def _scan_here(request: Asking, this: NodeView, *, network: bool) -> ScanAnswer:
    finding, ip = shell_of(request).services.finding, _reached(request)
    plugged = await finding.look_at_ports()
    cameras = [LocalCameraAnswer.of(camera, this.name, ip) for camera in plugged.cameras]
    if network and finding.looks_in_network:
        finding.discovery.look_now()  # what answers is in the next scan's answer
    found = finding.candidates.list() if network else []
    network_cameras = [
        NetworkCameraAnswer.of(one, this.name) for one in found if one.usable and one.address
    ]
    return ScanAnswer.found_at(this.name, cameras, network_cameras)
