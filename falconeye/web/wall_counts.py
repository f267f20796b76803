"""What a wall's heading counts: cameras online and recording, gaps of today, room for footage."""

from collections.abc import Sequence
from typing import Any, Final

from litestar import Request

from falconeye.accounts.model import Action
from falconeye.base.errors import Unavailable
from falconeye.cameras.views import Camera
from falconeye.federation.cluster_view import NodeView
from falconeye.web.cluster import cluster_of
from falconeye.web.frame import sees_works
from falconeye.web.security.access import may_on, principal_of
from falconeye.web.shell import shell_of
from falconeye.web.today import today_of
from falconeye.web.wall_contexts import WallCounts

Asking = Request[Any, Any, Any]

PAGE_BUDGET_S: Final = 0.05  # for gaps; what a page does not know by then comes by `/events`


async def count(
    request: Asking, cameras: Sequence[Camera], budget_s: float | None = None
) -> WallCounts:
    """Of the cameras of a wall, all of which the asking person may see.

    Gaps are told once those of each camera are known.
    """
    services, who = shell_of(request).services, principal_of(request)
    gaps = None
    seen = [one for one in cameras if may_on(who, Action.VIEW_FOOTAGE, one.config.id)]
    if may_on(who, Action.VIEW_FOOTAGE):
        days = await today_of(request.app, services).of(seen, budget_s)
        if len(days) == len(seen):
            gaps = sum(day.gaps for day in days.values())
    free_bytes, silent = await _room(request) if sees_works(who) else (None, ())
    return WallCounts(
        online=sum(one.state.online for one in cameras),
        recording=sum(one.state.recording for one in cameras),
        total=len(cameras),
        gaps=gaps,
        free_bytes=free_bytes,
        silent=silent,
    )


async def _room(request: Asking) -> tuple[int | None, tuple[str, ...]]:
    try:
        nodes = await cluster_of(request.app).nodes()
    except Unavailable:  # the node is starting
        return None, ()
    return room_of(nodes)


def room_of(nodes: Sequence[NodeView]) -> tuple[int | None, tuple[str, ...]]:
    """Bytes that footage can still take, above what is kept free; and who does not tell."""
    told = [one.report for one in nodes if one.reachable and one.report is not None]
    silent = tuple(
        one.name for one in nodes if not one.is_removed and not (one.reachable and one.report)
    )
    if not told:
        return None, silent
    disks = [disk for report in told for disk in report.disks if disk.is_present]
    return sum(max(0, disk.free_bytes - disk.floor_bytes) for disk in disks), silent
