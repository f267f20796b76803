"""Exports: ask for one, see how far it is, download, cancel, try again, delete."""

from collections.abc import Mapping
from datetime import tzinfo
from typing import Annotated, Final

from litestar import Response, get, post
from litestar.params import FromPath, QueryParameter

from falconeye.accounts.model import Action
from falconeye.base.errors import BadRequest, FalconEyeError, InvalidInput
from falconeye.base.times import LATEST_US, SECOND_US, parse_rfc3339
from falconeye.jobs.exporting import copy_of, export_of, request_of
from falconeye.storage.stores.job_store import Job
from falconeye.web import i18n, own_jobs, views
from falconeye.web.i18n import gettext as _
from falconeye.web.job_contexts import ExportForm, ExportRow, ExportsPage, ListPlace, WorkRow
from falconeye.web.pages.asking import Asking, go_to, part, sentence, services_of, show, texts
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
    offset: Offset = 0,
) -> Response[str]:
    """The list, and the form; the address may fill it in."""
    zone = services_of(request).stored_settings.zone
    form = ExportForm(camera, tuple(also or ()), _moment(from_, zone), _moment(to, zone))
    return await _show(request, form, offset=offset)


@get("/exports/list", opt=needs(Action.EXPORT), include_in_schema=False)
async def exports_list(request: Asking, offset: Offset = 0) -> Response[str]:
    """The rows, asked for again while something runs."""
    rows, place = await _rows(request, offset)
    work = work_rows(request)
    return part(request, "partials/export_rows.html", rows=rows, place=place, work=work)


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
        await own_jobs.ask(request, cameras, form.from_us, form.to_us)
    except FalconEyeError as error:
        field = (error.field or "") if isinstance(error, InvalidInput) else ""
        return await _show(request, form, {field: sentence(error)}, status=error.status)
    return go_to("/exports", done="export-asked")


@post("/exports/{job_id:str}/action", opt=needs(Action.EXPORT), include_in_schema=False)
async def export_action(request: Asking, job_id: FromPath[str]) -> Response[str]:
    """Cancel or delete it, or begin it again."""
    action = (await texts(request)).get("action", "")
    job = await own_jobs.own_job(request, job_id)
    match action:
        case "remove":
            await own_jobs.take_off(request, job)
            return go_to("/exports", done="export-gone")
        case "retry":
            await own_jobs.again(request, job)
            return go_to("/exports", done="export-asked")
        case "copy":
            await own_jobs.ask_copy(request, job)
            return go_to("/exports", done="copy-asked")
    raise BadRequest(_("There is no such action."))


async def _show(
    request: Asking,
    form: ExportForm,
    errors: Mapping[str, str] | None = None,
    *,
    status: int = 200,
    offset: int = 0,
) -> Response[str]:
    who = principal_of(request)
    cameras = [
        each
        for each in views.visible_cameras(services_of(request), who)
        if may_on(who, Action.EXPORT, each.config.id)
    ]
    rows, place = await _rows(request, offset)
    page = ExportsPage(
        rows=rows,
        form=form,
        cameras=tuple((each.config.id, each.config.name) for each in cameras),
        errors=errors or {},
        place=place,
        work=work_rows(request),
    )
    return show(request, "pages/exports.html", page, status=status)


def work_rows(request: Asking) -> tuple[WorkRow, ...]:
    """For those who see all cameras: it is nobody's job, and of no camera."""
    services, who = services_of(request), principal_of(request)
    if who.cameras is not None:
        return ()
    rows: list[WorkRow] = []
    index = services.storage.index
    if index.is_building:
        detail = _("{done} of {files} files").format(done=index.done, files=index.files)
        rows.append(WorkRow(_("Makes the list of footage anew"), detail, index.share))
    for volume in services.volumes.all:
        state = services.storage.mover.state(volume)
        if state.moving or state.trouble:
            moved = i18n.size_text(state.moved_bytes)
            detail = _("{files} files, {size} so far").format(files=state.moved_files, size=moved)
            what = _("Moves footage off {path}").format(path=volume.path)
            rows.append(WorkRow(what, detail, trouble=state.trouble))
    return tuple(rows)


async def _rows(request: Asking, offset: int) -> tuple[tuple[ExportRow, ...], ListPlace]:
    jobs = services_of(request).jobs
    found, total = await own_jobs.own_jobs(request, ROWS, offset)
    place = ListPlace(
        offset,
        newer=max(0, offset - ROWS) if offset else None,
        older=offset + ROWS if offset + ROWS < total else None,
    )
    return tuple(_row(job, jobs.progress(job)) for job in found), place


def _row(job: Job, progress: float) -> ExportRow:
    asked, made = request_of(job), export_of(job)
    return ExportRow(
        id=job.id,
        camera_names=tuple(order.camera_name for order in asked.orders),
        from_us=asked.from_us,
        to_us=asked.to_us,
        state=job.state.value,
        is_over=job.state.is_over,
        progress=progress,
        error=job.error or "",
        size_bytes=made.size_bytes if made else 0,
        sha256=made.sha256 if made else "",
        gaps=made.gaps if made else 0,
        has_sheet=bool(made and made.sheet_name),
        has_hevc=bool(made and made.has_hevc),
        is_copy=copy_of(job) is not None,
    )


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
