"""Jobs: what the recorder works on, and exports; cancelled, paused, tried again."""

from typing import Annotated, Final

from litestar import Response, get, post
from litestar.params import FromPath, QueryParameter

from falconeye.accounts.model import Action
from falconeye.base.errors import BadRequest, Conflict
from falconeye.jobs.exporting import export_of
from falconeye.jobs.system_work import Act
from falconeye.storage.stores.job_store import Job
from falconeye.web import own_jobs, own_works
from falconeye.web.i18n import gettext as _
from falconeye.web.job_contexts import DeleteExportPage, ExportRow, JobsPage, ListPlace
from falconeye.web.job_rows import export_row
from falconeye.web.pages.asking import Asking, go_to, part, sentence, show, texts
from falconeye.web.peers.jobs import gather_exports, gather_works
from falconeye.web.peers.lists import MOST_MERGED
from falconeye.web.security.access import needs

ROWS: Final = 100
Offset = Annotated[int, QueryParameter(ge=0, le=MOST_MERGED - ROWS)]
_DONE: Final = {
    Act.CANCEL: "work-cancelled",
    Act.PAUSE: "work-paused",
    Act.RESUME: "work-resumed",
    Act.RETRY: "work-retried",
}


@get("/jobs", opt=needs(Action.VIEW_FOOTAGE), include_in_schema=False)
async def jobs_page(request: Asking, offset: Offset = 0) -> Response[str]:
    """What runs and what ran."""
    return await _show(request, offset=offset)


@get("/jobs/list", opt=needs(Action.VIEW_FOOTAGE), include_in_schema=False)
async def jobs_list(request: Asking, offset: Offset = 0) -> Response[str]:
    """The rows, asked for again while something runs."""
    works = await gather_works(request)
    rows, place = await _rows(request, offset)
    return part(
        request,
        "partials/job_rows.html",
        works=works.last,
        rows=rows,
        place=place,
        silent=works.silent,
    )


@post("/jobs/{job_id:str}/action", opt=needs(Action.EXPORT), include_in_schema=False)
async def job_action(request: Asking, job_id: FromPath[str]) -> Response[str]:
    """Cancel, delete or copy an export, or begin it again; act on what the recorder does."""
    action = (await texts(request)).get("action", "")
    if await own_works.own_work(request, job_id) is not None:
        return await _act(request, job_id, action)
    job = await own_jobs.own_job(request, job_id)
    match action:
        case "remove" if export_of(job) is not None:  # perhaps it was done since the page was made
            return go_to(f"/jobs/{job.id}/delete")
        case "remove":
            await own_jobs.take_off(request, job)
            return go_to("/jobs", done="export-gone")
        case "retry":
            await own_jobs.again(request, job)
            return go_to("/jobs", done="export-asked")
        case "copy":
            await own_jobs.ask_copy(request, job)
            return go_to("/jobs", done="copy-asked")
    raise BadRequest(_("There is no such action."))


@get("/jobs/{job_id:str}/delete", opt=needs(Action.EXPORT), include_in_schema=False)
async def delete_question(request: Asking, job_id: FromPath[str]) -> Response[str]:
    """What would be lost."""
    job = await _over(request, job_id)
    row, made = export_row(job, 1.0), export_of(job)
    page = DeleteExportPage(row, "" if made is None else made.file_name)
    return show(request, "pages/export_delete.html", page)


@post("/jobs/{job_id:str}/delete", opt=needs(Action.EXPORT), include_in_schema=False)
async def delete_export(request: Asking, job_id: FromPath[str]) -> Response[str]:
    """Take it off the list, with its files."""
    await own_jobs.take_off(request, await _over(request, job_id))
    return go_to("/jobs", done="export-gone")


async def _over(request: Asking, job_id: str) -> Job:
    """NotFound; Conflict while it is not over."""
    job = await own_jobs.own_job(request, job_id)
    if not job.state.is_over:
        raise Conflict(_("The export is not over: cancel it first."))
    return job


async def _act(request: Asking, work_id: str, action: str) -> Response[str]:
    if action not in set(Act):
        raise BadRequest(_("There is no such action."))
    try:
        await own_works.act(request, work_id, Act(action))
    except Conflict as error:  # it has ended since the page was made
        return await _show(request, error=sentence(error), status=409)
    return go_to("/jobs", done=_DONE[Act(action)])


async def _show(
    request: Asking, *, offset: int = 0, error: str = "", status: int = 200
) -> Response[str]:
    works = await gather_works(request)
    rows, place = await _rows(request, offset)
    errors = {"": error} if error else {}
    page = JobsPage(works.last, rows, place, errors, works.earlier, works.silent)
    return show(request, "pages/jobs.html", page, status=status)


async def _rows(request: Asking, offset: int) -> tuple[tuple[ExportRow, ...], ListPlace]:
    rows, total = await gather_exports(request, limit=ROWS, offset=offset)
    place = ListPlace(
        offset,
        newer=max(0, offset - ROWS) if offset else None,
        older=offset + ROWS if offset + ROWS < total else None,
    )
    return rows, place
