"""Jobs: how far they are, what came of them, cancel, retry, delete (api.md)."""

from typing import Annotated, Any

from litestar import Controller, HttpMethod, Request, delete, get, post, route
from litestar.params import PathParameter
from pydantic import BaseModel

from falconeye.accounts.model import Action
from falconeye.base.errors import Conflict
from falconeye.base.times import rfc3339
from falconeye.jobs.exporting import Paper, copy_of, downloads, export_of, request_of
from falconeye.storage.stores.job_store import Job, JobState
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


class JobList(BaseModel):
    """A page, newest first; `count` is of all that may be seen."""

    jobs: list[JobAnswer]
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

    @get("/", **documented(Action.EXPORT, "Your jobs, newest first; of everybody for an admin"))
    async def list_jobs(
        self, request: Asking, limit: Limit = DEFAULT_LIMIT, offset: Offset = 0
    ) -> JobList:
        jobs = shell_of(request).services.jobs
        found, count = await own_jobs(request, limit, offset)
        return JobList(jobs=[JobAnswer.of(job, jobs.progress(job)) for job in found], count=count)

    @get("/{job_id:str}", **documented(Action.EXPORT, "One job", 404))
    async def get_job(self, request: Asking, job_id: JobId) -> JobAnswer:
        job = await own_job(request, job_id)
        return JobAnswer.of(job, shell_of(request).services.jobs.progress(job))

    @delete(
        "/{job_id:str}",
        status_code=200,
        **documented(
            Action.EXPORT,
            "Cancel a job that waits or runs; one that is over goes off the list, with its files",
            404,
            409,
            503,
        ),
    )
    async def delete_job(self, request: Asking, job_id: JobId) -> JobAnswer:
        job = await take_off(request, await own_job(request, job_id))
        return JobAnswer.of(job, shell_of(request).services.jobs.progress(job))

    @post(
        "/{job_id:str}/retry",
        status_code=202,
        **documented(Action.EXPORT, "Begin a failed or cancelled job again", 404, 409, 503),
    )
    async def retry_job(self, request: Asking, job_id: JobId) -> JobAnswer:
        return JobAnswer.of(await again(request, await own_job(request, job_id)), 0.0)

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
