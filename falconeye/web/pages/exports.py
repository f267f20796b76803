"""Exports: ask for one, see how far it is, download, cancel, try again, delete."""

from collections.abc import Mapping
from datetime import tzinfo
from typing import Annotated, Final

from litestar import Response, get, post
from litestar.params import FromPath, QueryParameter

from falconeye.accounts.model import Action
from falconeye.base.errors import BadRequest, FalconEyeError, InvalidInput
from falconeye.base.times import LATEST_US, parse_rfc3339
from falconeye.jobs.exporting import export_of, order_of
from falconeye.storage.stores.job_store import Job
from falconeye.web import own_jobs, views
from falconeye.web.i18n import gettext as _
from falconeye.web.job_contexts import ExportForm, ExportRow, ExportsPage
from falconeye.web.pages.asking import Asking, go_to, part, sentence, services_of, show, texts
from falconeye.web.security.access import needs, principal_of, require_camera

ROWS: Final = 100
Text = Annotated[str, QueryParameter(max_length=64)]


@get("/exports", opt=needs(Action.CONTROL), include_in_schema=False)
async def exports_page(
    request: Asking,
    camera: Text = "",
    from_: Annotated[str, QueryParameter(name="from", max_length=64)] = "",
    to: Text = "",
) -> Response[str]:
    """The list, and the form; the address may fill it in."""
    zone = services_of(request).stored_settings.zone
    form = ExportForm(camera, _moment(from_, zone), _moment(to, zone))
    return await _show(request, form)


@get("/exports/list", opt=needs(Action.CONTROL), include_in_schema=False)
async def exports_list(request: Asking) -> Response[str]:
    """The rows, asked for again while something runs."""
    return part(request, "partials/export_rows.html", rows=await _rows(request))


@post("/exports", opt=needs(Action.CONTROL), include_in_schema=False)
async def ask_for_export(request: Asking) -> Response[str]:
    """Queue one."""
    given = await texts(request)
    zone = services_of(request).stored_settings.zone
    form = ExportForm(
        given.get("camera", ""),
        _moment(given.get("from", ""), zone),
        _moment(given.get("to", ""), zone),
    )
    require_camera(principal_of(request), Action.CONTROL, form.camera_id)
    try:
        await own_jobs.ask(request, form.camera_id, form.from_us, form.to_us)
    except FalconEyeError as error:
        field = (error.field or "") if isinstance(error, InvalidInput) else ""
        return await _show(request, form, {field: sentence(error)}, status=error.status)
    return go_to("/exports", done="export-asked")


@post("/exports/{job_id:str}/action", opt=needs(Action.CONTROL), include_in_schema=False)
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
    raise BadRequest(_("There is no such action."))


async def _show(
    request: Asking,
    form: ExportForm,
    errors: Mapping[str, str] | None = None,
    *,
    status: int = 200,
) -> Response[str]:
    cameras = views.visible_cameras(services_of(request), principal_of(request))
    page = ExportsPage(
        rows=await _rows(request),
        form=form,
        cameras=tuple((each.config.id, each.config.name) for each in cameras),
        errors=errors or {},
    )
    return show(request, "pages/exports.html", page, status=status)


async def _rows(request: Asking) -> tuple[ExportRow, ...]:
    jobs = services_of(request).jobs
    found, _total = await own_jobs.own_jobs(request, ROWS, 0)
    return tuple(_row(job, jobs.progress(job)) for job in found)


def _row(job: Job, progress: float) -> ExportRow:
    order, made = order_of(job), export_of(job)
    return ExportRow(
        id=job.id,
        camera_name=order.camera_name,
        from_us=order.from_us,
        to_us=order.to_us,
        state=job.state.value,
        is_over=job.state.is_over,
        progress=progress,
        error=job.error or "",
        size_bytes=made.size_bytes if made else 0,
        sha256=made.sha256 if made else "",
        gaps=made.gaps if made else 0,
    )


def _moment(text: str, zone: tzinfo) -> int | None:
    """What cannot be read is as if it were not given: the form says what is missing."""
    try:
        return min(max(parse_rfc3339(text, zone), 0), LATEST_US) if text else None
    except (ValueError, OverflowError):
        return None
