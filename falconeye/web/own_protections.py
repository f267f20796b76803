"""Protected times, as the API and the pages tell and change them."""

from dataclasses import dataclass
from typing import Any

from litestar import Request

from falconeye.base.times import rfc3339
from falconeye.storage.segments.protections import Protection
from falconeye.web.audit import record
from falconeye.web.security.access import principal_of
from falconeye.web.services import Services
from falconeye.web.shell import shell_of

Asking = Request[Any, Any, Any]


@dataclass(frozen=True, slots=True)
class Kept:
    """From `from_us` up to `to_us` nothing of a camera is deleted: a time, or a whole recording."""

    from_us: int
    to_us: int
    by: str | None  # None: of a recording nobody noted it
    reason: str
    protection_id: int | None = None  # of a time
    recording_id: str | None = None
    node: str = ""  # the id of the node that alone keeps it; empty: this one does


def kept_time(one: Protection) -> Kept:
    """A time that a person named."""
    return Kept(one.from_us, one.to_us, one.by, one.reason, protection_id=one.id)


async def kept_of(services: Services, camera_id: str, from_us: int, to_us: int) -> list[Kept]:
    """All that has something of [from, to), in the order of time.

    A recording that is being made reaches up to now.
    """
    now_us = services.clock.utc_us()
    times, recordings = await services.storage.protections.kept(camera_id, from_us, to_us)
    found = [kept_time(one) for one in times]
    for one in recordings:
        end_us = max(now_us, one.from_us) if one.to_us is None else one.to_us
        found.append(Kept(one.from_us, end_us, None, "", recording_id=one.id))
    return sorted(found, key=lambda kept: (kept.from_us, kept.to_us))


async def protect(
    request: Asking, camera_id: str, from_us: int, to_us: int, reason: str
) -> Protection:
    """Protect a time of a camera that is there. NotFound, InvalidInput, Conflict."""
    services = shell_of(request).services
    _ = services.cameras.get(camera_id)
    by = principal_of(request).name
    made = await services.storage.protections.add(
        camera_id, from_us, to_us, by=by, reason=reason.strip()
    )
    await record(request, "footage.protected", "camera", camera_id, _words(made))
    return made


async def let_go(request: Asking, camera_id: str, protection_id: int) -> Protection:
    """Protect it no more. NotFound."""
    gone = await shell_of(request).services.storage.protections.remove(camera_id, protection_id)
    await record(request, "footage.unprotected", "camera", camera_id, _words(gone))
    return gone


def _words(one: Protection) -> str:
    span = f"{rfc3339(one.from_us)} to {rfc3339(one.to_us)}"
    return f"{span}, {one.reason}" if one.reason else span
