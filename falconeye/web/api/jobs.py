"""Jobs: how far they are, what came of them, cancel, retry, pause, delete (api.md)."""

from typing import Annotated, Any

from litestar import Controller, HttpMethod, Request, delete, get, post, route
from litestar.params import PathParameter
from pydantic import BaseModel

from falconeye.accounts.model import Action
from falconeye.base.errors import Conflict
from falconeye.base.times import rfc3339
from falconeye.jobs.exporting import Paper, copy_of, downloads, export_of, request_of
from falconeye.jobs.system_work import Act, SystemWork
from falconeye.storage.stores.job_store import Job, JobState
from falconeye.web import own_works
from falconeye.web.api.documentation import documented
from falconeye.web.api.download_audit import record_once
from falconeye.web.api.parameters import DEFAULT_LIMIT, Limit, Offset
from falconeye.web.own_jobs import (
    again,
    ask_copy,
    own_job,
    own_jobs,
    take_off,
    words,
)
from falconeye.web.range_response import Representation, StreamResponse, range_response
from falconeye.web.shell import shell_of

Asking = Request[Any, Any, Any]
JobId = Annotated[str, PathParameter(max_length=64)]


class ExportedCamera(BaseModel):
    """A camera of an export."""

    id: str
    name: str


class ExportAnswer(BaseModel):
    """What an export is; what is not known before it is made is null until then."""

    camera_name: str  # of the first camera
    cameras: list[ExportedCamera]
    copy_of: str | None  # the job whose export this is a copy of, in H.264
    asked_from: str
    asked_to: str
    file_name: str | None = None
    size_bytes: int | None = None
    sha256: str | None = None
    start_time: str | None = None  # of its first picture
    end_time: str | None = None
    parts: int | None = None  # more than 1: a zip
    gaps: int | None = None  # the sidecar lists them
    has_hevc: bool | None = None  # a copy in H.264 can be made of it


class JobAnswer(BaseModel):
    """One job."""

    id: str
    kind: str
    state: str
    progress: float
    result_url: str | None
    sidecar_url: str | None
    sheet_url: str | None
    error: str | None
    camera_id: str
    owner: str
    created_at: str
    started_at: str | None
    ended_at: str | None
    export: ExportAnswer

    @classmethod
    def of(cls, job: Job, progress: float) -> "JobAnswer":
        made = export_of(job)
        is_made = job.state is JobState.COMPLETE
        has_sheet = made is not None and bool(made.sheet_name)
        return cls(
            id=job.id,
            kind=job.kind,
            state=job.state.value,
            progress=round(progress, 3),
            result_url=f"/api/jobs/{job.id}/result" if is_made else None,
            sidecar_url=f"/api/jobs/{job.id}/sidecar" if is_made else None,
            sheet_url=f"/api/jobs/{job.id}/sheet" if has_sheet else None,
            error=job.error,
            camera_id=job.camera_id,
            owner=job.owner_name,
            created_at=rfc3339(job.created_us),
            started_at=_time(job.started_us),
            ended_at=_time(job.ended_us),
            export=_export(job),
        )


class WorkAnswer(BaseModel):
    """What the node works on by itself, or what came of it last; null is what nobody knows.

    `kind`: move | index | redating | backup | deletion. `state`: as a job's, or paused; pending
    where it waits for what `error` says. `subject`: the path of a volume, the id of a camera, the
    directories of backups. Of footage that moves, what is done counts from the start of the node.
    The last of each kind that are over are told after a restart, too, under ids of their own.
    `acts`: what can be done now: cancel (DELETE), retry, pause, resume.
    """

    id: str
    kind: str
    state: str
    progress: float | None
    error: str | None
    owner: str  # who asked for it, or paused it; empty: nobody but the node
    subject: str
    files_done: int | None
    files: int | None
    bytes_done: int | None
    bytes: int | None
    started_at: str | None
    ended_at: str | None
    acts: list[str]

    @classmethod
    def of(cls, work: SystemWork) -> "WorkAnswer":
        files, size, share = work.files, work.size_bytes, work.share
        return cls(
            id=work.id,
            kind=work.kind.value,
            state=work.state.value,
            progress=None if share is None else round(share, 3),
            error=work.trouble or None,
            owner=work.by,
            subject=work.subject,
            files_done=files.done if files else None,
            files=files.total if files else None,
            bytes_done=size.done if size else None,
            bytes=size.total if size else None,
            started_at=_time(work.since_us),
            ended_at=_time(work.ended_us),
            acts=[act.value for act in work.acts],
        )


class JobList(BaseModel):
    """A page: what the node works on by itself, then exports, newest first.

    `count` is of all that may be seen.
    """

    jobs: list[JobAnswer | WorkAnswer]
    count: int


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
            "What the node works on by itself, for those who see all cameras; then, for those who "
            "may export, their exports, newest first; of everybody for an admin",
        ),
    )
    async def list_jobs(
        self, request: Asking, limit: Limit = DEFAULT_LIMIT, offset: Offset = 0
    ) -> JobList:
        works = await own_works.own_works(request)
        shown = works[offset : offset + limit]
        jobs = shell_of(request).services.jobs
        # At least one is asked for: the count is of all.
        found, count = await own_jobs(
            request, max(1, limit - len(shown)), max(0, offset - len(works))
        )
        exports = [JobAnswer.of(job, jobs.progress(job)) for job in found[: limit - len(shown)]]
        return JobList(
            jobs=[*(WorkAnswer.of(work) for work in shown), *exports], count=len(works) + count
        )

    @get(
        "/{job_id:str}",
        **documented(Action.VIEW_FOOTAGE, "One job; of an export its owner and admins", 404),
    )
    async def get_job(self, request: Asking, job_id: JobId) -> JobAnswer | WorkAnswer:
        work = await own_works.own_work(request, job_id)
        if work is not None:
            return WorkAnswer.of(work)
        job = await own_job(request, job_id)
        return JobAnswer.of(job, shell_of(request).services.jobs.progress(job))

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
            return WorkAnswer.of(await own_works.act(request, job_id, Act.CANCEL))
        job = await take_off(request, await own_job(request, job_id))
        return JobAnswer.of(job, shell_of(request).services.jobs.progress(job))

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
            return WorkAnswer.of(await own_works.act(request, job_id, Act.RETRY))
        return JobAnswer.of(await again(request, await own_job(request, job_id)), 0.0)

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
        return WorkAnswer.of(await own_works.act(request, job_id, Act.PAUSE))

    @post(
        "/{job_id:str}/resume",
        status_code=200,
        **documented(Action.MANAGE_SETTINGS, "Go on with what was paused", 404, 409, 503),
    )
    async def resume_job(self, request: Asking, job_id: JobId) -> WorkAnswer:
        return WorkAnswer.of(await own_works.act(request, job_id, Act.RESUME))

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
        return JobAnswer.of(await ask_copy(request, await own_job(request, job_id)), 0.0)

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
        **_file("What is in an export: camera, node, times, gaps, SHA-256"),
    )
    async def sidecar(self, request: Asking, job_id: JobId) -> StreamResponse:
        return await _download(request, job_id, Paper.SIDECAR)

    @route(
        "/{job_id:str}/sheet",
        media_type="text/plain",
        **_file(
            "The same for people, as plain text: local and UTC times, the state of the clock, who "
            "asked, gaps, SHA-256"
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


def _export(job: Job) -> ExportAnswer:
    request, made = request_of(job), export_of(job)
    answer = ExportAnswer(
        camera_name=request.orders[0].camera_name,
        cameras=[ExportedCamera(id=one.camera_id, name=one.camera_name) for one in request.orders],
        copy_of=copy_of(job),
        asked_from=rfc3339(request.from_us),
        asked_to=rfc3339(request.to_us),
    )
    if made is not None:
        answer.file_name, answer.size_bytes = made.file_name, made.size_bytes
        answer.sha256, answer.parts, answer.gaps = made.sha256, made.parts, made.gaps
        answer.has_hevc = made.has_hevc
        answer.start_time, answer.end_time = rfc3339(made.from_us), rfc3339(made.to_us)
    return answer


def _time(utc_us: int | None) -> str | None:
    return None if utc_us is None else rfc3339(utc_us)
