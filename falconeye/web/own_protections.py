"""Protected times, as the API and the pages change them."""

from typing import Any

from litestar import Request

from falconeye.base.times import rfc3339
from falconeye.storage.segments.protections import Protection
from falconeye.web.audit import record
from falconeye.web.security.access import principal_of
from falconeye.web.shell import shell_of

Asking = Request[Any, Any, Any]


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
