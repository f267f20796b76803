"""Bringing a backup back: look at it, then let it take the place of what is here."""

from typing import Any

from litestar import Response, get, post
from litestar.background_tasks import BackgroundTask

from falconeye.accounts.model import Action
from falconeye.base.errors import InvalidInput, NotFound, TooManyAttempts, Unavailable
from falconeye.storage.backups.restoring import Look
from falconeye.web import restoring
from falconeye.web.backup_contexts import LookPage, RestoredPage
from falconeye.web.i18n import gettext as _
from falconeye.web.pages.asking import Asking, go_to, sentence, services_of, show, texts
from falconeye.web.pages.backups import show_backups
from falconeye.web.security.access import needs


@post(
    "/settings/backup/look",
    status_code=200,
    opt=needs(Action.MANAGE_SETTINGS, csrf=False),  # within the form: `StreamedForm` looks
    include_in_schema=False,
    request_max_body_size=restoring.FORM_BYTES,
)
async def look_at_backup(request: Asking) -> Response[str]:
    """What is in it, and what would happen; a password that was asked for is not kept."""
    try:
        found = await restoring.look(request)
    except InvalidInput as error:
        return await _refuse(request, 422, {error.field or "": sentence(error)})
    except TooManyAttempts as error:
        return await _refuse(request, 429, {"password": sentence(error)})
    except (NotFound, Unavailable) as error:
        return await _refuse(request, error.status, {"": sentence(error)})
    return show(request, "pages/backup_look.html", _look_page(request, found))


@get("/settings/backup/look", opt=needs(Action.MANAGE_SETTINGS), include_in_schema=False)
async def look_again() -> Response[str]:
    """A page that was loaded again: nothing is known of what was sent."""
    return go_to("/settings/backup")


@post(
    "/settings/backup/restore",
    status_code=200,
    opt=needs(Action.MANAGE_SETTINGS),
    include_in_schema=False,
)
async def restore_backup(request: Asking) -> Response[str]:
    """Lay it ready; the process ends after the answer where somebody starts it again."""
    look_id = (await texts(request)).get("id", "")
    try:
        found = await restoring.begin(request, look_id)
    except (NotFound, Unavailable) as error:
        return await _refuse(request, error.status, {"": sentence(error)})
    page = RestoredPage(found.name, restarts=services_of(request).restart is not None)
    answer = show(request, "pages/backup_restored.html", page)
    answer.background = BackgroundTask(restoring.restart, request)
    return answer


@post("/settings/backup/forget", opt=needs(Action.MANAGE_SETTINGS), include_in_schema=False)
async def forget_restore(request: Asking) -> Response[str]:
    """Go on with the present data at the next start too."""
    await restoring.forget(request)
    return go_to("/settings/backup", done="restore-dropped")


async def _refuse(request: Asking, status: int, errors: dict[str, Any]) -> Response[str]:
    words = {"": _("Nothing was restored: see the marked fields.")}
    return await show_backups(request, status=status, look_errors=words | errors)


def _look_page(request: Asking, found: Look) -> LookPage:
    gone = restoring.differences(request, found)
    manifest, contents = found.checked.manifest, found.checked.contents
    return LookPage(
        id=found.id,
        name=found.name,
        node_name=manifest.node_name if manifest else "",
        made_us=restoring.made_us(found),
        cameras=contents.cameras,
        users=contents.users,
        admins=contents.admins,
        cameras_gone=gone.cameras,
        users_gone=gone.users,
        tokens_gone=gone.tokens,
        restarts=services_of(request).restart is not None,
    )
