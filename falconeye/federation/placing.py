"""Where cameras belong: chosen for new ones, moved by people, by what the nodes tell."""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping

from falconeye.base.errors import Conflict, InvalidInput, NotFound
from falconeye.cameras.registry import CameraRegistry
from falconeye.cameras.views import Camera
from falconeye.config.addresses import stays_with_node
from falconeye.config.camera import CameraConfig
from falconeye.federation.cluster_actions import CameraMove, Replacement
from falconeye.federation.membership import Membership
from falconeye.federation.peers import Peers
from falconeye.federation.placement.load import (
    CameraLoad,
    Defaults,
    NodeLoad,
    PlacingNode,
    choose_owner,
)
from falconeye.federation.placement.rebalancing import (
    FINAL,
    Objection,
    OwnedCamera,
    object_to_move,
    plan_moves,
)
from falconeye.federation.report import NodeReport

_RECORDING = frozenset({"", "record"})  # roles of disks that take new footage
_FORBIDDEN = {
    Objection.STAYS: "this camera is at a port or loopback address of that node: it stays there",
    Objection.NO_MEMBER: "there is no such node in this cluster",
    Objection.IS_THERE: "that node records this camera already",
}


class Placing:
    """Lives on the loop. `own_report` is the last that this node told."""

    def __init__(
        self,
        own_id: str,
        members: Membership,
        peers: Peers,
        cameras: CameraRegistry,
        own_report: Callable[[], NodeReport | None],
        defaults: Callable[[], Defaults],
        takes_one: Callable[[str], bool] = lambda _: False,
    ) -> None:
        """`takes_one(camera_id)`: whether it is known to refuse a second connection."""
        self._own_id = own_id
        self._members = members
        self._peers = peers
        self._cameras = cameras
        self._own_report = own_report
        self._defaults = defaults
        self._takes_one = takes_one

    def owner_of_new(
        self, config: CameraConfig, reached_by: Collection[str] | None = None
    ) -> str | None:
        """Who is to own a camera that is added here; None where there is no cluster.

        `reached_by`: ids of the nodes that reach it; None: nobody knows.
        """
        if not self._members.all:
            return None
        if stays_with_node(config):
            return self._own_id
        reached = None if reached_by is None else frozenset(reached_by)
        choice = choose_owner(
            self.nodes(), self._own_id, defaults=self._defaults(), reached_by=reached
        )
        return choice.node_id

    def nodes(self) -> Mapping[str, PlacingNode]:
        """All members by id, with the load of those that are heard."""
        reports = {peer.node_id: _report(peer.beat.report) for peer in self._peers.heard()
                   if peer.beat is not None}  # fmt: skip
        reports[self._own_id] = self._own_report()
        return {
            node_id: _placing_node(name, reports.get(node_id))
            for node_id, name in self._members.names.items()
        }

    def plan_move(self, camera_id: str, node_id: str) -> CameraMove:
        """NotFound; Conflict, in words, where it cannot be."""
        camera = self._cameras.get(camera_id)
        against = object_to_move(_owned(camera), node_id, self.nodes())
        for objection in against:
            if objection in FINAL:
                raise Conflict(_FORBIDDEN[objection])
        return self._move(camera, node_id)

    async def plan_rebalance(self) -> tuple[CameraMove, ...]:
        """The moves that would even out the load; none where it is even."""
        loads = {one: node.load for one, node in self.nodes().items()
                 if node.load is not None and not node.is_draining}  # fmt: skip
        cameras = {camera.config.id: camera for camera in self._cameras.list()}
        owned = [_owned(camera) for camera in cameras.values()]
        plan = await asyncio.to_thread(plan_moves, loads, owned)
        members = self._members.names  # somebody may have removed one meanwhile
        return tuple(
            self._move(cameras[one.camera_id], one.to_id)
            for one in plan.moves
            if one.to_id in members
        )

    def plan_replacement(self, node_id: str, by_node_id: str) -> Replacement:
        """NotFound for who is no member; Conflict for one in its own place."""
        names = self._members.names
        if node_id not in names or by_node_id not in names:
            raise NotFound("there is no such node in this cluster")
        if node_id == by_node_id:
            raise Conflict("a node cannot take its own place")
        owned = self._owned_by(node_id)
        return Replacement(
            old_name=names[node_id],
            new_name=names[by_node_id],
            cameras=tuple(one.name for one in owned if not stays_with_node(one)),
            lost=tuple(one.name for one in owned if stays_with_node(one)),
        )

    def _owned_by(self, node_id: str) -> list[CameraConfig]:
        return [one.config for one in self._cameras.list() if one.config.owner_id == node_id]

    def _move(self, camera: Camera, to_id: str) -> CameraMove:
        names = self._members.names
        return CameraMove(
            camera_id=camera.config.id,
            camera_name=camera.config.name,
            from_name=names.get(camera.config.owner_id or "", ""),
            to_name=names[to_id],
            has_pause=self._takes_one(camera.config.id),
        )


def _report(told: Mapping[str, object]) -> NodeReport | None:
    try:
        return NodeReport.parse(told) if told else None
    except InvalidInput:
        return None


def _placing_node(name: str, report: NodeReport | None) -> PlacingNode:
    if report is None:
        return PlacingNode(name, None)
    load = NodeLoad(
        cpu=report.machine_load or 0.0,
        cores=max(1, report.cpus),
        mbit_s=report.recorded_megabits_per_second or 0.0,
        room_bytes=_room_bytes(report),
    )
    return PlacingNode(name, load, report.is_draining)


def _room_bytes(report: NodeReport) -> int:
    """Of the disks that take footage: all but what is kept free, because older footage goes."""
    disks: Iterable[int] = (
        max(0, disk.total_bytes - disk.floor_bytes)
        for disk in report.disks
        if disk.is_present and disk.role in _RECORDING
    )
    return sum(disks)


def _owned(camera: Camera) -> OwnedCamera:
    config = camera.config
    bits = sum(stream.bits_per_second for stream in camera.streams)
    return OwnedCamera(
        config.id,
        config.owner_id or "",
        CameraLoad(bits / 1e6) if bits else CameraLoad(),
        pinned=config.pinned,
        stays=stays_with_node(config),
    )
