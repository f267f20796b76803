"""What all page handlers share: language, rendering, going elsewhere."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

from litestar import MediaType, Request, Response

from falconeye.base.errors import FalconEyeError, InvalidInput
from falconeye.web import languages, rendering
from falconeye.web.frame import frame_of
from falconeye.web.i18n import gettext
from falconeye.web.others import own_query
from falconeye.web.said import said
from falconeye.web.services import Services
from falconeye.web.shell import shell_of

Asking = Request[Any, Any, Any]

MAX_FIELD: Final = 4000
_AS_TYPED: Final = frozenset({"password", "new_password", "again_password"})


def _(message: str) -> str:
    """Mark a text for the catalogue; it is translated where it is shown."""
    return message


# What the last action did, by the key in the address: a text in the address could say anything.
NOTICES: Final[Mapping[str, str]] = {
    "added": _("The camera was added. Its first picture comes in a moment."),
    "saved": _("Saved."),
    "setting-reset": _("The setting has its default again."),
    "settings-reset": _("All settings have their defaults again."),
    "cameras-deleted": _("All cameras were deleted; their recordings stay."),
    "cameras-and-footage-deleted": _("All cameras and their recordings were deleted."),
    "looked": _("Looked again: this is what is plugged in now."),
    "looked-around": _("Looking again: what answers in the network shows up within seconds."),
    "scanning": _("The addresses are being asked, one by one."),
    "scan-cancelled": _("The scan was ended: what it found stays."),
    "accepted": _("This device is the camera now: it connects in a moment."),
    "imported": _("The cameras were added."),
    "import-forgotten": _("The files were dropped, with the logins in them."),
    "found-ignored": _("It is ignored from now on."),
    "found-shown": _("It is shown again."),
    "restore-dropped": _("The restore was dropped: this recorder goes on with the present data."),
    "person-added": _("The person can sign in now."),
    "password-set": _("The password was changed; the other devices were signed out."),
    "person-removed": _("The person was removed, and signed out everywhere."),
    "invitation-withdrawn": _("The invitation was taken back: its link leads nowhere any more."),
    "device-signed-out": _("Signed out there."),
    "token-removed": _("The token was removed: whoever used it is refused now."),
    "camera-deleted": _("The camera was deleted; its recordings stay."),
    "camera-and-footage-deleted": _("The camera and its recordings were deleted."),
    "recording-deleted": _("The recording was deleted."),
    "recording-protected": _(
        "The recording is protected: it stays until somebody takes that away."
    ),
    "recording-unprotected": _("The recording is not protected any more."),
    "footage-protected": _("The time is protected: what is there of it stays."),
    "footage-protected-in-part": _(
        "The time is protected, but not on nodes that do not answer: protect it again then."
    ),
    "footage-unprotected-in-part": _(
        "The time is not protected any more, but for nodes that do not answer."
    ),
    "footage-unprotected": _("The time is not protected any more."),
    "export-asked": _("The export is being made."),
    "copy-asked": _("The copy in H.264 is being made."),
    "export-gone": _("The export was taken away."),
    "work-cancelled": _("It is being cancelled."),
    "work-paused": _("It is paused."),
    "work-resumed": _("It goes on."),
    "work-retried": _("It is tried again."),
    "display-paired": _("The screen shows its pictures in a moment."),
    "display-removed": _("The display was removed: its screen is dark from now on."),
    "disk-added": _("The disk was added."),
    "disk-removed": _("The disk is not used any more."),
    "footage-deleted": _("The footage was deleted."),
    "node-renamed": _("The node was renamed."),
    "node-removed": _("The node was removed: it is refused from now on."),
    "node-replaced": _("The node was replaced."),
    "node-joined": _("This node belongs to the cluster now."),
    "camera-placed": _("The camera goes over to that node in a moment."),
    "agents-placed": _("The leader places FalconEye as you chose: it takes a minute at most."),
    "rebalanced": _("The cameras go over to their nodes, one after the other."),
    "moved": _("The camera was told to move."),
    "wall-deleted": _("The wall was deleted. Its cameras are as they were."),
    "preset-saved": _("The camera remembers where it looks now."),
    "preset-removed": _("The preset was deleted."),
    "live": _("Playback came up to now: this is live."),
    "started": _("The camera was started."),
    "stopped": _("The camera was stopped."),
    "restarted": _("The camera connects again."),
    "paused": _("The camera is paused: nobody sees it and nothing is recorded."),
    "switched-on": _("The camera was switched on."),
    "recording-started": _("Recording."),
    "recording-stopped": _("Recording was stopped. It stays off until someone presses Record."),
}
DONE: Final = "done"


async def set_language(request: Asking) -> None:
    """`before_request`: the texts that a handler makes are in the language of the request."""
    languages.speak(request)


def services_of(request: Asking) -> Services:
    """The node's parts."""
    return shell_of(request).services


def show(request: Asking, template: str, page: Any, *, status: int = 200) -> Response[str]:
    """A whole page, with the notice that the address names."""
    notice = NOTICES.get(request.query_params.get(DONE, ""), "")
    frame = frame_of(request, notice=gettext(notice) if notice else "")
    html = rendering.render(shell_of(request).templates, template, frame, page)
    return Response(html, status_code=status, media_type=MediaType.HTML)


def part(request: Asking, template: str, *, status: int = 200, **values: Any) -> Response[str]:
    """A part of a page, as htmx and dialogs ask for it."""
    html = rendering.render_part(shell_of(request).templates, template, frame_of(request), **values)
    return Response(html, status_code=status, media_type=MediaType.HTML)


def own_part(request: Asking) -> str:
    """The query by which a page that another node shows leads back to this one; else empty."""
    return own_query(request, services_of(request).node_id)


def go_to(path: str, *, done: str = "") -> Response[str]:
    """See other (POST, redirect, GET), with what was done."""
    query = urlencode({DONE: done}) if done else ""
    if query:
        query = f"&{query}" if "?" in path else f"?{query}"
    return Response(
        "", status_code=303, headers={"location": path + query}, media_type=MediaType.HTML
    )


async def texts(request: Asking) -> dict[str, str]:
    """The posted form's text fields, trimmed and bounded; files are left out."""
    form = await request.form()
    return {
        name: (value if name in _AS_TYPED else value.strip())[:MAX_FIELD]
        for name, value in form.items()
        if isinstance(value, str)
    }


def sentence(error: FalconEyeError) -> str:
    """An error's words as they stand beside a field: without the field's name before them."""
    words = said(str(error))
    if isinstance(error, InvalidInput) and error.field:  # French has a no-break space there
        words = words.removeprefix(f"{error.field}: ").removeprefix(f"{error.field}\u00a0: ")
    text = words[:1].upper() + words[1:]
    return text if text.endswith((".", "!", "?", "”", "“", "»")) else f"{text}."
