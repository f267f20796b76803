"""Ask for an export; the page of jobs tells how far it is."""

from collections.abc import Mapping
from datetime import tzinfo
from typing import Annotated, Final

from litestar import Response, get, post
from litestar.params import QueryParameter

from falconeye.accounts.model import Action
from falconeye.base.errors import FalconEyeError, InvalidInput
from falconeye.base.times import LATEST_US, SECOND_US, parse_rfc3339
from falconeye.web import i18n, own_jobs, views
from falconeye.web.job_contexts import ExportForm, ExportsPage
from falconeye.web.pages.asking import Asking, go_to, sentence, services_of, show, texts
from falconeye.web.peers.lists import acting_of
from falconeye.web.security.access import may_on, needs, principal_of, require_camera

ROWS: Final = 100
Text = Annotated[str, QueryParameter(max_length=64)]
Offset = Annotated[int, QueryParameter(ge=0, le=10_000_000)]


@get("/exports", opt=needs(Action.EXPORT), include_in_schema=False)
async def exports_page(
    request: Asking,
    camera: Text = "",
    from_: Annotated[str, QueryParameter(name="from", max_length=64)] = "",
    to: Text = "",
    also: Annotated[list[str] | None, QueryParameter(max_items=own_jobs.MAX_CAMERAS)] = None,
) -> Response[str]:
    """The form; the address may fill it in."""
    zone = services_of(request).stored_settings.zone
    form = ExportForm(camera, tuple(also or ()), _moment(from_, zone), _moment(to, zone))
    return _show(request, form)


@post("/exports", opt=needs(Action.EXPORT), include_in_schema=False)
async def ask_for_export(request: Asking) -> Response[str]:
    """Queue one."""
    given = await texts(request)
    zone = services_of(request).stored_settings.zone
    form = ExportForm(
        given.get("camera", ""),
        await _also(request),
        _chosen(given, "from", zone),
        _chosen(given, "to", zone),
    )
    cameras = (form.camera_id, *form.also)
    for camera_id in cameras:
        require_camera(principal_of(request), Action.EXPORT, camera_id)
    try:
        await own_jobs.ask(request, cameras, form.from_us, form.to_us, acting_of(request))
    except FalconEyeError as error:
        field = (error.field or "") if isinstance(error, InvalidInput) else ""
        return _show(request, form, {field: sentence(error)}, status=error.status)
    return go_to("/jobs", done="export-asked")


def _show(
    request: Asking,
    form: ExportForm,
    errors: Mapping[str, str] | None = None,
    *,
    status: int = 200,
) -> Response[str]:
    who = principal_of(request)
    cameras = [
        each
        for each in views.visible_cameras(services_of(request), who)
        if may_on(who, Action.EXPORT, each.config.id)
    ]
    page = ExportsPage(
        form=form,
        cameras=tuple((each.config.id, each.config.name) for each in cameras),
        errors=errors or {},
    )
    return show(request, "pages/exports.html", page, status=status)


async def _also(request: Asking) -> tuple[str, ...]:
    """The further cameras that are ticked."""
    ticked = (await request.form()).getall("also", [])
    return tuple(str(one)[:64] for one in ticked[: own_jobs.MAX_CAMERAS])


def _chosen(given: Mapping[str, str], name: str, zone: tzinfo) -> int | None:
    """The moment in a field; the one that the page put there, where it still says the same.

    A field has no zone: in the night in which clocks are set back it names two moments.
    """
    moment, exact = (_moment(given.get(key, ""), zone) for key in (name, f"{name}_exact"))
    if moment is None or exact is None:
        return moment
    exact -= exact % SECOND_US  # as the field shows it
    shown = [i18n.local(at_us, zone).replace(tzinfo=None) for at_us in (moment, exact)]
    return exact if shown[0] == shown[1] else moment


def _moment(text: str, zone: tzinfo) -> int | None:
    """What cannot be read is as if it were not given: the form says what is missing."""
    try:
        return min(max(parse_rfc3339(text, zone), 0), LATEST_US) if text else None
    except (ValueError, OverflowError):
        return None
