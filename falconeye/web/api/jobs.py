"""Jobs: how far they are, what came of them, cancel, retry, pause, delete (api.md)."""

from datetime import UTC
from typing import Annotated, Any, Final

from litestar import Controller, HttpMethod, Request, delete, get, post, route
from litestar.params import PathParameter
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from falconeye.accounts.model import Action, require
from falconeye.base.errors import Conflict
from falconeye.base.times import parse_rfc3339
from falconeye.jobs.exporting import Paper, downloads, request_of
from falconeye.jobs.system_work import Act
from falconeye.web import own_works
from falconeye.web.api.documentation import documented
from falconeye.web.api.job_answers import AnyJob, JobAnswer, JobList, WorkAnswer
from falconeye.web.api.parameters import DEFAULT_LIMIT, Limit, Offset
from falconeye.web.audit_once import record_once
from falconeye.web.own_jobs import (
    again,
    ask_copy,
    own_job,
    own_jobs,
    take_off,
    words,
)
from falconeye.web.peers.lists import (
    MAX_PART,
    MOST_MERGED,
    ListOfAll,
    Part,
    here_of,
)
from falconeye.web.peers.questions import question_of
from falconeye.web.range_response import Representation, StreamResponse, range_response
from falconeye.web.security.access import for_peers, principal_of
from falconeye.web.shell import shell_of

Asking = Request[Any, Any, Any]
JobId = Annotated[str, PathParameter(max_length=64)]


def _order(job: AnyJob) -> tuple[int, int, str]:
    if isinstance(job, WorkAnswer):
        return 0, 0, ""  # in the order in which its node tells them
    return 1, -parse_rfc3339(job.created_at, UTC), job.id


JOBS: Final = ListOfAll("/peer/jobs", TypeAdapter(list[AnyJob]), _order)


class PartAsked(BaseModel):
    """Which part of the list a peer wants."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    limit: Annotated[int, Field(ge=0, le=MAX_PART)] = DEFAULT_LIMIT
    offset: Annotated[int, Field(ge=0, le=MOST_MERGED)] = 0


@post(JOBS.path, status_code=200, opt=for_peers(), include_in_schema=False)
async def list_own(request: Asking) -> dict[str, Any]:
    """This node's, for a person whom another node asks for; their rights are looked at again."""
    require(principal_of(request), Action.VIEW_FOOTAGE)
    asked = await question_of(request, PartAsked)
    return JOBS.told(await _own(request, asked.limit, asked.offset))


async def _own(request: Asking, limit: int, offset: int) -> Part[AnyJob]:
    here = here_of(request)
    works = await own_works.own_works(request)
    shown = works[offset : offset + limit]
    jobs = shell_of(request).services.jobs
    # At least one is asked for: the count is of all.
    found, count = await own_jobs(request, max(1, limit - len(shown)), max(0, offset - len(works)))
    exports = [JobAnswer.of(job, jobs.progress(job), here) for job in found[: limit - len(shown)]]
    return [*(WorkAnswer.of(work, here) for work in shown), *exports], len(works) + count


def _file(summary: str) -> dict[str, Any]:
    """Keywords of a route that answers with a file of a job, whole or in ranges."""
    statuses = (304, 404, 409, 412, 416, 503)
    return {
        "http_method": [HttpMethod.GET, HttpMethod.HEAD],
        "status_code": 200,
        **documented(Action.EXPORT, summary, *statuses),
    }


class JobController(Controller):
    """`/api/jobs`."""

    path = "/api/jobs"
    tags = ("Jobs",)

    @get(
        "/",
        **documented(
            Action.VIEW_FOOTAGE,
            "What the nodes work on by themselves, for those who see all cameras; then, for those "
            "who may export, their exports, newest first; of everybody for an admin",
        ),
    )
    async def list_jobs(
        self, request: Asking, limit: Limit = DEFAULT_LIMIT, offset: Offset = 0
    ) -> JobList:
        async def own(limit: int, offset: int) -> Part[AnyJob]:
            return await _own(request, limit, offset)

        found = await JOBS.gather(request, {}, own, limit=limit, offset=offset)
        return JobList(
            jobs=[told.row for told in found.rows],
            count=found.total,
            unreachable_nodes=list(found.silent),
        )

    @get(
        "/{job_id:str}",
        **documented(Action.VIEW_FOOTAGE, "One job; of an export its owner and admins", 404),
    )
    async def get_job(self, request: Asking, job_id: JobId) -> JobAnswer | WorkAnswer:
        work = await own_works.own_work(request, job_id)
        if work is not None:
            return WorkAnswer.of(work, here_of(request))
        job = await own_job(request, job_id)
        return JobAnswer.of(job, shell_of(request).services.jobs.progress(job), here_of(request))

    @delete(
        "/{job_id:str}",
        status_code=200,
        **documented(
            Action.EXPORT,
            "Cancel a job that waits or runs; an export that is over goes off the list, with its "
            "files. Of what the node does by itself: an index made anew, the deletion of a time "
            "(admins); moves are paused",
            404,
            409,
            503,
        ),
    )
    async def delete_job(self, request: Asking, job_id: JobId) -> JobAnswer | WorkAnswer:
        if await own_works.own_work(request, job_id) is not None:
            return WorkAnswer.of(await own_works.act(request, job_id, Act.CANCEL), here_of(request))
        job = await take_off(request, await own_job(request, job_id))
        return JobAnswer.of(job, shell_of(request).services.jobs.progress(job), here_of(request))

    @post(
        "/{job_id:str}/retry",
        status_code=202,
        **documented(
            Action.EXPORT,
            "Begin a failed or cancelled job again; try at once what the node would try again "
            "later by itself (admins)",
            404,
            409,
            503,
        ),
    )
    async def retry_job(self, request: Asking, job_id: JobId) -> JobAnswer | WorkAnswer:
        if await own_works.own_work(request, job_id) is not None:
            return WorkAnswer.of(await own_works.act(request, job_id, Act.RETRY), here_of(request))
        return JobAnswer.of(
            await again(request, await own_job(request, job_id)), 0.0, here_of(request)
        )

    @post(
        "/{job_id:str}/pause",
        status_code=200,
        **documented(
            Action.MANAGE_SETTINGS,
            "Pause the moving of footage off a disk: it ends at once, nothing is lost, and it "
            "stays so across starts until it is resumed",
            404,
            409,
            503,
        ),
    )
    async def pause_job(self, request: Asking, job_id: JobId) -> WorkAnswer:
        return WorkAnswer.of(await own_works.act(request, job_id, Act.PAUSE), here_of(request))

    @post(
        "/{job_id:str}/resume",
        status_code=200,
        **documented(Action.MANAGE_SETTINGS, "Go on with what was paused", 404, 409, 503),
    )
    async def resume_job(self, request: Asking, job_id: JobId) -> WorkAnswer:
        return WorkAnswer.of(await own_works.act(request, job_id, Act.RESUME), here_of(request))

    @post(
        "/{job_id:str}/h264",
        status_code=202,
        **documented(
            Action.EXPORT,
            "Make a copy of an export of HEVC in H.264, for players that need it. The original "
            "stays; the copy is a job of its own and says what it is",
            404,
            409,
            503,
            507,
        ),
    )
    async def copy_job(self, request: Asking, job_id: JobId) -> JobAnswer:
        return JobAnswer.of(
            await ask_copy(request, await own_job(request, job_id)), 0.0, here_of(request)
        )

    @route(
        "/{job_id:str}/result",
        media_type="video/mp4",
        **_file("What a job made; ranges are supported (206)"),
    )
    async def result(self, request: Asking, job_id: JobId) -> StreamResponse:
        return await _download(request, job_id, Paper.RESULT)

    @route(
        "/{job_id:str}/sidecar",
        media_type="application/json",
        **_file(
            "What is in an export: camera, node, times, `nodes` (whose footage it is: `id`, `name`,"
            " `from`, `to` of each stretch), `unreachable_nodes` (names: they may have more of it, "
            "and did not answer), gaps, SHA-256"
        ),
    )
    async def sidecar(self, request: Asking, job_id: JobId) -> StreamResponse:
        return await _download(request, job_id, Paper.SIDECAR)

    @route(
        "/{job_id:str}/sheet",
        media_type="text/plain",
        **_file(
            "The same for people, as plain text: local and UTC times, the state of the clock, who "
            "asked, whose footage it is where several nodes have it, gaps, SHA-256"
        ),
    )
    async def sheet(self, request: Asking, job_id: JobId) -> StreamResponse:
        return await _download(request, job_id, Paper.SHEET)


async def _download(request: Asking, job_id: str, paper: Paper) -> StreamResponse:
    job = await own_job(request, job_id)
    services = shell_of(request).services
    plan = downloads(services.exports, job, paper)
    if plan is None:
        raise Conflict("the job has made nothing (yet)")
    response = range_response(
        Representation(plan.length, plan.etag, plan.last_modified_us, plan.mime_type, plan.read),
        {name.lower(): value for name, value in request.headers.items()},
        method=request.method,
        file_name=plan.file_name,
    )
    if paper is Paper.RESULT and request.method == "GET" and response.status_code in {200, 206}:
        for order in request_of(job).orders:
            what, action = f"{job.id} {order.camera_id}", f"{job.kind}.downloaded"
            await record_once(request, what, action, "camera", order.camera_id, words(job))
    return response
