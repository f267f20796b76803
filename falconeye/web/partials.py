"""What an open page shows again when something changed: parts for `/events` (htmx 4 partials).

The page says in the query of `/events` which it is: `page=camera&camera=…`; what only one kind of
page shows may stand beside the page (`pages/nodes.py`, `pages/wall.py`). Elements are replaced by
their id; players are left alone (hx-morph-skip).
"""

from typing import Any

from litestar import Request
from markupsafe import Markup

from falconeye.accounts.model import Action
from falconeye.cameras.views import Camera
from falconeye.storage.segments.recording_rows import Query
from falconeye.web import languages, views
from falconeye.web.claim_views import claim_views
from falconeye.web.contexts import Frame
from falconeye.web.frame import frame_of
from falconeye.web.peer_notices import has_others
from falconeye.web.peers.found import gather as gather_found
from falconeye.web.peers.recordings import gather
from falconeye.web.rendering import render_part
from falconeye.web.security.access import may_on, principal_of
from falconeye.web.shell import shell_of
from falconeye.web.sse import Changes, register_partials

Asking = Request[Any, Any, Any]


def partial(target: str, html: str, swap: str = "outerMorph") -> str:
    """One `<hx-partial>`: `html` for the element of the id `target`."""
    element = Markup('<hx-partial hx-target="#{}" hx-swap="{}">{}</hx-partial>')
    return element.format(target, swap, Markup(html))  # noqa: S704 - made by our templates


def set_language(request: Asking) -> None:
    """The texts that are made here, and not in a template, are in the request's language, too."""
    languages.speak(request)


def part_of_page(request: Asking, template: str, path: str, **values: Any) -> str:
    """A part of the page at `path`, which is open."""
    return render_part(shell_of(request).templates, template, _frame(request, path), **values)


@register_partials
async def changed_parts(request: Asking, changes: Changes) -> str:
    """What every page shows, and the parts of the page that the query names."""
    set_language(request)
    parts = []
    # Others tell of their notices with their beats; nodes change every ten seconds.
    if changes.everything or changes.notices or (changes.nodes and has_others(request)):
        parts.append(_record_note(request))
    # A camera that comes or goes changes which of the found ones are new.
    is_found = changes.everything or changes.candidates or bool(changes.cameras)
    # What others have found comes with their beats, too.
    is_found |= changes.nodes and has_others(request)
    if is_found and may_on(principal_of(request), Action.TEST_CAMERA):
        parts.append(await _found_parts(request))
    if request.query_params.get("page") == "camera":
        parts.append(await _camera_parts(request, changes))
    # Not by "+": what `partial` gives is Markup, which would escape a text beside it.
    return "".join(parts)


def _record_note(request: Asking) -> str:
    html = render_part(
        shell_of(request).templates, "partials/record_note.html", _frame(request, "/")
    )
    return partial("record-note", html)


async def _found_parts(request: Asking) -> str:
    shell = shell_of(request)
    is_open = request.query_params.get("page") == "found"
    frame = _frame(request, "/cameras/found" if is_open else "/")
    parts = partial("found-link", render_part(shell.templates, "partials/found_link.html", frame))
    if is_open:
        page = await gather_found(request)
        rows = render_part(shell.templates, "partials/found_rows.html", frame, page=page)
        parts += partial("found-rows", rows)
    return parts


async def _camera_parts(request: Asking, changes: Changes) -> str:
    services = shell_of(request).services
    camera_id = request.query_params.get("camera", "")
    cameras = views.shown_cameras(services, principal_of(request))
    camera = next((each for each in cameras if each.config.id == camera_id), None)
    if camera is None:
        return ""
    parts = []
    if changes.everything or camera_id in changes.states | changes.cameras:
        parts.append(_state_parts(request, camera))
    if changes.everything or changes.candidates or camera_id in changes.states | changes.cameras:
        parts.append(_claims_part(request, camera))
    recorded = camera_id in {owner for owner, _id in changes.recordings}
    if (changes.everything or recorded) and may_on(
        principal_of(request), Action.VIEW_FOOTAGE, camera_id
    ):
        parts.append(await _recordings_part(request, camera_id))
    return "".join(parts)


def _state_parts(request: Asking, camera: Camera) -> str:
    templates = shell_of(request).templates
    frame = _frame(request, f"/cameras/{camera.config.id}")
    state = render_part(templates, "partials/camera_state.html", frame, state=camera.state)
    parts = partial(f"camera-state-{camera.config.id}", state)
    if frame.may_control:
        actions = render_part(templates, "partials/camera_actions.html", frame, camera=camera)
        parts += partial(f"camera-actions-{camera.config.id}", actions)
    return parts


def _claims_part(request: Asking, camera: Camera) -> str:
    camera_id = camera.config.id
    html = render_part(
        shell_of(request).templates,
        "partials/camera_claims.html",
        _frame(request, f"/cameras/{camera_id}"),
        claims=claim_views(request, camera),
        camera_id=camera_id,
    )
    return partial(f"camera-claims-{camera_id}", html)


async def _recordings_part(request: Asking, camera_id: str) -> str:
    shell = shell_of(request)
    query = Query(camera_id=camera_id, limit=views.LATEST_RECORDINGS)
    recordings = (await gather(request, query)).rows
    if not recordings:
        return ""
    now_us = shell.services.clock.utc_us()
    rows = [views.recording_row(recording, now_us) for recording in recordings]
    frame = _frame(request, f"/cameras/{camera_id}")
    html = render_part(shell.templates, "partials/recording_rows.html", frame, rows=rows)
    return partial("camera-recordings", html, "innerMorph")


def _frame(request: Asking, path: str) -> Frame:
    """The frame of the page that is open, not of `/events`."""
    return frame_of(request).at(path)
