"""What concerns all cameras at once, for page and API."""

from contextlib import suppress
from typing import Any

from litestar import Request

from falconeye.base.errors import BadRequest, NotFound
from falconeye.web.audit import record
from falconeye.web.security.access import principal_of
from falconeye.web.shell import shell_of

Asking = Request[Any, Any, Any]


async def delete_all(request: Asking, *, delete_footage: bool) -> int:
    """Delete every camera; how many there were. Footage stays unless it is to go with them."""
    cameras = shell_of(request).services.cameras
    doomed = [camera.config for camera in cameras.list()]
    footage = f"footage {'to be deleted' if delete_footage else 'kept'}"
    for config in doomed:  # each by itself: a disk that fails midway leaves none unsaid
        with suppress(NotFound, BadRequest):  # somebody else deletes it just now
            await cameras.delete(config.id)
            await record(
                request, "camera.deleted", "camera", config.id, f"{config.name}, {footage}"
            )
    for config in doomed if delete_footage else ():
        await cameras.delete_footage(config.id, who=principal_of(request).name)
    return len(doomed)
