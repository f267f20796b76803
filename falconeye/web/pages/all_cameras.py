"""What concerns all cameras at once: they connect anew, or they are deleted."""

from collections.abc import Mapping

from litestar import Response, get, post

from falconeye.accounts.model import Action
from falconeye.base.errors import InvalidInput
from falconeye.web.all_cameras import delete_all
from falconeye.web.i18n import gettext as _
from falconeye.web.pages.asking import Asking, go_to, services_of, show, texts
from falconeye.web.pages.settings import context
from falconeye.web.peers.restarting import restart_everywhere
from falconeye.web.security.access import needs
from falconeye.web.settings_contexts import DeleteAllPage

HERE = "/settings/cameras"


@post(f"{HERE}/restart", opt=needs(Action.MANAGE_SETTINGS), include_in_schema=False)
async def restart_all(request: Asking) -> Response[str]:
    """All cameras that are not stopped, on all nodes; says which nodes did not answer."""
    done = await restart_everywhere(request)
    page = context(request, restarted=done.count, silent_nodes=done.silent)
    return show(request, "pages/settings.html", page)


@get(f"{HERE}/delete", opt=needs(Action.CHANGE_CAMERA), include_in_schema=False)
async def delete_question(request: Asking) -> Response[str]:
    """Which cameras, and what stays."""
    return await _ask(request)


@post(f"{HERE}/delete", opt=needs(Action.CHANGE_CAMERA), include_in_schema=False)
async def delete_cameras(request: Asking) -> Response[str]:
    """Delete them all, where their number was typed and is still the same."""
    given = await texts(request)
    choice, typed = given.get("footage", ""), given.get("count", "")
    errors = {}
    if choice not in {"keep", "delete"}:
        errors["footage"] = _("Choose whether the recordings stay.")
    count = len(services_of(request).cameras.list())
    if typed != str(count):
        errors["count"] = _("Type the number of cameras that are listed here: {count}.").format(
            count=count
        )
    if errors:
        return await _ask(request, errors)
    if count == 0:
        raise InvalidInput(_("There is no camera."))
    await delete_all(request, delete_footage=choice == "delete")
    done = "cameras-deleted" if choice == "keep" else "cameras-and-footage-deleted"
    return go_to("/settings", done=done)


async def _ask(request: Asking, errors: Mapping[str, str] | None = None) -> Response[str]:
    services = services_of(request)
    cameras = [camera.config for camera in services.cameras.list()]
    sizes = [await services.recordings.footage_bytes(camera.id) for camera in cameras]
    page = DeleteAllPage(tuple(camera.name for camera in cameras), sum(sizes), errors or {})
    return show(request, "pages/cameras_delete.html", page, status=422 if errors else 200)
