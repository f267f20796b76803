"""Times of a camera that are protected, by forms: of its day, of a recording, of the disks."""

from datetime import tzinfo
from typing import Final
from urllib.parse import quote

from litestar import Response, post
from litestar.params import FromPath

from falconeye.accounts.model import Action
from falconeye.base.errors import Conflict, InvalidInput
from falconeye.base.times import LATEST_US, parse_rfc3339, rfc3339
from falconeye.storage.segments.protections import Protection
from falconeye.web.i18n import gettext as _
from falconeye.web.pages.asking import Asking, go_to, sentence, services_of, texts
from falconeye.web.pages.footage import show_day
from falconeye.web.peers.protections import let_go as let_go_everywhere
from falconeye.web.peers.protections import protect
from falconeye.web.security.access import needs
from falconeye.web.storage_contexts import SpanForm

MAX_REASON: Final = 200


@post(
    "/cameras/{camera_id:str}/footage/protections",
    opt=needs(Action.CONTROL),
    include_in_schema=False,
)
async def protect_time(request: Asking, camera_id: FromPath[str]) -> Response[str]:
    """Protect what is there of a time; the day of its beginning is shown then."""
    given = await texts(request)
    zone = services_of(request).stored_settings.zone
    begin, end = (_moment(given.get(name, ""), zone) for name in ("from", "to"))
    form = SpanForm(camera_id, begin, end, given.get("reason", ""))
    at = rfc3339(begin) if begin is not None else ""  # an error stands at the day that was meant
    try:
        made, silent = await _protect(request, form)
    except InvalidInput as error:
        errors = {error.field or "from": _words(error)}
        return await show_day(request, camera_id, at=at, form=form, errors=errors, status=422)
    except Conflict as error:
        errors = {"from": sentence(error)}
        return await show_day(request, camera_id, at=at, form=form, errors=errors, status=409)
    done = "footage-protected-in-part" if silent else "footage-protected"
    answer = go_to(f"/cameras/{camera_id}/footage", done=done)
    answer.headers["location"] += f"&at={rfc3339(made.from_us)}"
    return answer


@post(
    "/cameras/{camera_id:str}/protections/{protection_id:int}/let-go",
    opt=needs(Action.CONTROL),
    include_in_schema=False,
)
async def let_go(
    request: Asking, camera_id: FromPath[str], protection_id: FromPath[int]
) -> Response[str]:
    """Protect it no more; then the recording where that was asked for, else the day."""
    recording = (await texts(request)).get("recording", "")
    gone, silent = await let_go_everywhere(request, camera_id, protection_id)
    done = "footage-unprotected-in-part" if silent else "footage-unprotected"
    if recording:
        return go_to(f"/recordings/{quote(recording, safe='')}", done=done)
    if all(each.config.id != camera_id for each in services_of(request).cameras.list()):
        return go_to("/storage", done=done)  # it was deleted
    answer = go_to(f"/cameras/{camera_id}/footage", done=done)
    answer.headers["location"] += f"&at={rfc3339(gone.from_us)}"
    return answer


async def _protect(request: Asking, form: SpanForm) -> tuple[Protection, tuple[str, ...]]:
    if form.from_us is None or form.to_us is None:
        raise InvalidInput(_("Which time is to be protected?"), field="from")
    if len(form.reason) > MAX_REASON or not form.reason.isprintable():
        raise InvalidInput(_("Say why, in one line."), field="reason")
    return await protect(request, form.camera_id, form.from_us, form.to_us, form.reason)


def _words(error: InvalidInput) -> str:
    words = {
        "to: lies before from": _("This lies before the beginning."),
        "to: this time has not come yet": _("This time has not come yet."),
    }
    return words.get(str(error)) or sentence(error)


def _moment(text: str, zone: tzinfo) -> int | None:
    """What cannot be read is as if it were not given: the form says what is missing."""
    try:
        return min(max(parse_rfc3339(text, zone), 0), LATEST_US) if text else None
    except (ValueError, OverflowError):
        return None
