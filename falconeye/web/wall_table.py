"""The table beside the wall: each camera in a row, sorted by what somebody wants to know."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from litestar import Request

from falconeye.accounts.model import Action
from falconeye.cameras.views import Camera
from falconeye.storage.segments.recording_rows import Query
from falconeye.web.peer_notices import has_others
from falconeye.web.peers.recordings import gather
from falconeye.web.security.access import may_on, principal_of
from falconeye.web.shell import shell_of
from falconeye.web.today import DayOfCamera, midnight_us, today_of
from falconeye.web.wall_contexts import WallRow, WallTable

Asking = Request[Any, Any, Any]

# What somebody looks for comes first: trouble before what is well, much before little.
ORDERS: Final[Mapping[str, Callable[[WallRow], Any]]] = {
    "name": lambda row: row.name.casefold(),
    "state": lambda row: (row.state.online, row.state.status.value),
    "recording": lambda row: row.state.recording,
    "picture": lambda row: (row.state.online, row.recorded_until_us or 0),
    "rate": lambda row: -row.bits_per_second,
    "gaps": lambda row: -(row.gaps or 0),
    "node": lambda row: row.node.casefold(),
    "today": lambda row: -(row.today_bytes or 0),
}
SHOWS: Final[Mapping[str, Callable[[WallRow], bool]]] = {
    "online": lambda row: row.state.online,
    "offline": lambda row: not row.state.online,
    "recording": lambda row: row.state.recording,
    "gaps": lambda row: bool(row.gaps),
}
_PART: Final = 1000  # recordings at once


async def table_of(request: Asking, cameras: Sequence[Camera], sort: str, show: str) -> WallTable:
    """Rows for these cameras. `sort`: a key of ORDERS, "-" before it for the other way round."""
    services = shell_of(request).services
    now_us = services.clock.utc_us()
    days: Mapping[str, DayOfCamera] = {}
    sizes, silent = Counter[str](), tuple[str, ...]()
    may_count = may_on(principal_of(request), Action.VIEW_FOOTAGE)
    if may_count:
        days = await today_of(request.app, services).of(cameras)
        since_us = midnight_us(now_us, services.stored_settings.zone)
        sizes, silent = await _sizes(request, since_us, now_us)
    rows = [
        _row(camera, days.get(camera.config.id), sizes if may_count else None, services.node_name)
        for camera in cameras
    ]
    key, is_reversed = sort.removeprefix("-"), sort.startswith("-")
    key = key if key in ORDERS else "name"
    show = show if show in SHOWS else ""
    return WallTable(
        rows=tuple(sorted_rows([row for row in rows if not show or SHOWS[show](row)], key,
                               is_reversed=is_reversed)),
        sort=key,
        is_reversed=is_reversed,
        show=show,
        at_us=now_us,
        silent=silent,
        has_nodes=has_others(request),
    )  # fmt: skip


def sorted_rows(rows: Sequence[WallRow], key: str, *, is_reversed: bool) -> list[WallRow]:
    """Rows that are alike stand by name, whichever way."""
    by_name = sorted(rows, key=lambda row: (row.name.casefold(), row.id))
    if key == "name":
        return by_name[::-1] if is_reversed else by_name
    return sorted(by_name, key=ORDERS[key], reverse=is_reversed)


def _row(
    camera: Camera, day: DayOfCamera | None, sizes: Mapping[str, int] | None, own_name: str
) -> WallRow:
    camera_id = camera.config.id
    return WallRow(
        id=camera_id,
        name=camera.config.name,
        state=camera.state,
        node=camera.runs_on or camera.owner_name or own_name,
        bits_per_second=sum(stream.bits_per_second for stream in camera.streams),
        gaps=None if day is None else day.gaps,
        recorded_until_us=None if day is None else day.recorded_until_us,
        today_bytes=None if sizes is None else sizes.get(camera_id, 0),
    )


async def _sizes(
    request: Asking, since_us: int, now_us: int
) -> tuple[Counter[str], tuple[str, ...]]:
    """Bytes of recordings that began today, by camera, of all nodes that answer."""
    sizes = Counter[str]()
    offset, silent = 0, tuple[str, ...]()
    who = principal_of(request)
    while True:
        query = Query(
            from_us=since_us, to_us=now_us, cameras=who.cameras, limit=_PART, offset=offset
        )
        found = await gather(request, query)
        for row in found.rows:
            if row.start_us >= since_us:
                sizes[row.camera_id] += row.size_bytes
        silent = found.silent
        offset += len(found.rows)
        if len(found.rows) < _PART or offset >= found.total:
            return sizes, silent
