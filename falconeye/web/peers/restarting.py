"""All cameras connect anew, each at the node that runs it."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from litestar import Request, post

from falconeye.accounts.model import Action, require
from falconeye.base.errors import NotFound
from falconeye.base.words import counted
from falconeye.web.audit import record
from falconeye.web.peers.lists import ask_others
from falconeye.web.security.access import for_peers, principal_of
from falconeye.web.shell import shell_of

Asking = Request[Any, Any, Any]

PATH: Final = "/peer/restart-all"
RESTART_S: Final = 30.0  # a camera after the other is let go


@dataclass(frozen=True, slots=True)
class Restarted:
    """How many cameras connect anew. `silent`: names of nodes that did not say so of theirs."""

    count: int
    silent: tuple[str, ...] = ()


async def restart_everywhere(request: Asking) -> Restarted:
    """At all nodes at once: one that hangs holds nobody else's cameras up."""
    count, answers = await asyncio.gather(
        _restart_own(request), ask_others(request, PATH, {}, RESTART_S)
    )
    told = [one.get("count") for one in answers.by_node.values()]
    return Restarted(count + sum(one for one in told if isinstance(one, int)), answers.silent_names)


@post(PATH, status_code=200, opt=for_peers(), include_in_schema=False)
async def restart_here(request: Asking) -> dict[str, int]:
    """Those that this node runs."""
    require(principal_of(request), Action.MANAGE_SETTINGS)
    return {"count": await _restart_own(request)}


async def _restart_own(request: Asking) -> int:
    cameras = shell_of(request).services.cameras
    count = 0
    for camera_id in [camera.config.id for camera in cameras.list() if camera.is_here]:
        with suppress(NotFound):  # deleted while others were restarted
            if cameras.get(camera_id).config.started:
                await cameras.restart(camera_id)
                count += 1
    await record(request, "cameras.restarted", "camera", None, counted(count, "camera"))
    return count
