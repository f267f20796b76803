"""What an open page shows again when something changed: parts for `/events` (htmx 4 partials).

The page says in the query of `/events` which it is: `page=wall&layout=…&number=…` or
`page=camera&camera=…`. Elements are replaced by their id; players are left alone (hx-morph-skip).
"""

from typing import Any

from litestar import Request
from markupsafe import Markup

from falconeye.accounts.model import Action
from falconeye.cameras.views import Camera
from falconeye.web import found_views, i18n, views
from falconeye.web.contexts import Frame
from falconeye.web.frame import frame_of
from falconeye.web.rendering import render_part
from falconeye.web.security.access import may_on, principal_of
from falconeye.web.shell import shell_of
from falconeye.web.sse import Changes, register_partials

Asking = Request[Any, Any, Any]

MAX_PAGE = 10_000


def partial(target: str, html: str, swap: str = "outerMorph") -> str:
    """One `<hx-partial>`: `html` for the element of the id `target`."""
    element = Markup('<hx-partial hx-target="#{}" hx-swap="{}">{}</hx-partial>')
    return element.format(target, swap, Markup(html))  # noqa: S704 - made by our templates


@register_partials
async def changed_parts(request: Asking, changes: Changes) -> str:
    """What every page shows, and the parts of the page that the query names."""
    # The texts that are made here, and not in a template, are in the language of the request, too.
    header = request.headers.get("accept-language", "")
    i18n.current_language.set(i18n.choose_language(header, shell_of(request).languages))
    parts = []
    if changes.everything or changes.notices:
        parts.append(_record_note(request))
    # A camera that comes or goes changes which of the found ones are new.
    is_found = changes.everything or changes.candidates or bool(changes.cameras)
    if is_found and may_on(principal_of(request), Action.TEST_CAMERA):
        parts.append(_found_parts(request))
    match request.query_params.get("page"):
        case "wall":
            parts.append(_wall_parts(request, changes))
        case "camera":
            parts.append(await _camera_parts(request, changes))
    # Not by "+": what `partial` gives is Markup, which would escape a text beside it.
    return "".join(parts)


def _record_note(request: Asking) -> str:
    html = render_part(
        shell_of(request).templates, "partials/record_note.html", _frame(request, "/")
    )
    return partial("record-note", html)


def _found_parts(request: Asking) -> str:
    shell = shell_of(request)
    is_open = request.query_params.get("page") == "found"
    frame = _frame(request, "/cameras/found" if is_open else "/")
    parts = partial("found-link", render_part(shell.templates, "partials/found_link.html", frame))
    if is_open:
        page = found_views.found_page(shell.services)
        rows = render_part(shell.templates, "partials/found_rows.html", frame, page=page)
        parts += partial("found-rows", rows)
    return parts


def _wall_parts(request: Asking, changes: Changes) -> str:
    shell = shell_of(request)
    cameras = views.shown_cameras(shell.services, principal_of(request))
    number = request.query_params.get("number", "1")
    page = views.wall(
        cameras,
        request.query_params.get("layout", views.AUTO),
        int(number) if number.isdecimal() and len(number) <= len(str(MAX_PAGE)) else 1,
    )
    frame = _frame(request, "/")
    # A wall without cameras says how many were found.
    is_told = changes.candidates and not page.tiles
    if changes.everything or changes.cameras or is_told:
        area = render_part(shell.templates, "partials/wall_area.html", frame, page=page)
        head = render_part(shell.templates, "partials/wall_head.html", frame, page=page)
        return partial("wall-head", head, "innerMorph") + partial("wall-area", area, "innerMorph")
    return "".join(
        partial(
            f"tile-state-{tile.id}",
            render_part(shell.templates, "partials/tile_state.html", frame, tile=tile),
        )
        for tile in page.tiles
        if tile.id in changes.states
    )


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


async def _recordings_part(request: Asking, camera_id: str) -> str:
    shell = shell_of(request)
    recordings, _total = await shell.services.recordings.list(
        camera_id=camera_id, limit=views.LATEST_RECORDINGS
    )
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
