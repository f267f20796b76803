"""Presets of cameras that can be moved, set and removed; pages and API do it by this."""

from typing import Any

from litestar import Request

from falconeye.web.audit import record
from falconeye.web.shell import shell_of

Asking = Request[Any, Any, Any]


async def set_preset(request: Asking, camera_id: str, name: str, token: str | None = None) -> str:
    """The camera remembers where it looks now, in place of `token` where one is given; its token.

    Raises as `PtzSessions`.
    """
    ptz = shell_of(request).services.onvif.ptz
    made = await ptz.set_preset(camera_id, name, token)
    await record(request, "preset.set", "camera", camera_id, f"{name} ({made})")
    return made


async def remove_preset(request: Asking, camera_id: str, token: str) -> None:
    """The camera forgets a preset; raises as `PtzSessions`."""
    await shell_of(request).services.onvif.ptz.remove_preset(camera_id, token)
    await record(request, "preset.removed", "camera", camera_id, token)
