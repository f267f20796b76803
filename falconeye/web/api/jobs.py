"""Jobs: how far they are, what came of them, cancel, retry, delete (api.md)."""

from typing import Annotated, Any

from litestar import Controller, HttpMethod, Request, delete, get, post, route
from litestar.params import PathParameter
from pydantic import BaseModel

from falconeye.accounts.model import Action
from falconeye.base.errors import Conflict
from falconeye.base.times import rfc3339
from falconeye.jobs.exporting import downloads, export_of, order_of
from falconeye.storage.stores.job_store import Job, JobState
from falconeye.web.api.documentation import documented
from falconeye.web.api.download_audit import record_once
from falconeye.web.api.parameters import DEFAULT_LIMIT, Limit, Offset
from falconeye.web.own_jobs import again, own_job, own_jobs, take_off, words
from falconeye.web.range_response import Representation, StreamResponse, range_response
from falconeye.web.shell import shell_of

Asking = Request[Any, Any, Any]
JobId = Annotated[str, PathParameter(max_length=64)]


class ExportAnswer(BaseModel):
    """What an export is; what is not known before it is made is null until then."""

    camera_name: str
    asked_from: str
    asked_to: str
    file_name: str | None = None
    size_bytes: int | None = None
    sha256: str | None = None
    start_time: str | None = None  # of its first picture
    end_time: str | None = None
    parts: int | None = None  # more than 1: a zip
    gaps: int | None = None  # the sidecar lists them


class JobAnswer(BaseModel):
    """One job."""

    id: str
    kind: str
    state: str
    progress: float
    result_url: str | None
    sidecar_url: str | None
    error: str | None
    camera_id: str
    owner: str
    created_at: str
    started_at: str | None
    ended_at: str | None
    export: ExportAnswer

    @classmethod
    def of(cls, job: Job, progress: float) -> "JobAnswer":
        is_made = job.state is JobState.COMPLETE
        return cls(
            id=job.id,
            kind=job.kind,
            state=job.state.value,
            progress=round(progress, 3),
            result_url=f"/api/jobs/{job.id}/result" if is_made else None,
            sidecar_url=f"/api/jobs/{job.id}/sidecar" if is_made else None,
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
        **documented(Action.CONTROL, summary, *statuses),
    }


class JobController(Controller):
    """`/api/jobs`."""

    path = "/api/jobs"
    tags = ("Jobs",)

    @get("/", **documented(Action.CONTROL, "Your jobs, newest first; of everybody for an admin"))
    async def list_jobs(
        self, request: Asking, limit: Limit = DEFAULT_LIMIT, offset: Offset = 0
    ) -> JobList:
        jobs = shell_of(request).services.jobs
        found, count = await own_jobs(request, limit, offset)
        return JobList(jobs=[JobAnswer.of(job, jobs.progress(job)) for job in found], count=count)

    @get("/{job_id:str}", **documented(Action.CONTROL, "One job", 404))
    async def get_job(self, request: Asking, job_id: JobId) -> JobAnswer:
        job = await own_job(request, job_id)
        return JobAnswer.of(job, shell_of(request).services.jobs.progress(job))

    @delete(
        "/{job_id:str}",
        status_code=200,
        **documented(
            Action.CONTROL,
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
        **documented(Action.CONTROL, "Begin a failed or cancelled job again", 404, 409, 503),
    )
    async def retry_job(self, request: Asking, job_id: JobId) -> JobAnswer:
        return JobAnswer.of(await again(request, await own_job(request, job_id)), 0.0)

    @route(
        "/{job_id:str}/result",
        media_type="video/mp4",
        **_file("What a job made; ranges are supported (206)"),
    )
    async def result(self, request: Asking, job_id: JobId) -> StreamResponse:
        return await _download(request, job_id, sidecar=False)

    @route(
        "/{job_id:str}/sidecar",
        media_type="application/json",
        **_file("What is in an export: camera, node, times, gaps, SHA-256"),
    )
    async def sidecar(self, request: Asking, job_id: JobId) -> StreamResponse:
        return await _download(request, job_id, sidecar=True)


async def _download(request: Asking, job_id: str, *, sidecar: bool) -> StreamResponse:
    job = await own_job(request, job_id)
    plan = downloads(shell_of(request).services.exports, job, sidecar=sidecar)
    if plan is None:
        raise Conflict("the job has made nothing (yet)")
    response = range_response(
        Representation(plan.length, plan.etag, plan.last_modified_us, plan.mime_type, plan.read),
        {name.lower(): value for name, value in request.headers.items()},
        method=request.method,
        file_name=plan.file_name,
    )
    if not sidecar and request.method == "GET" and response.status_code in {200, 206}:
        action = "export.downloaded"
        await record_once(request, job.id, action, "camera", job.camera_id, words(job))
    return response


def _export(job: Job) -> ExportAnswer:
    order, made = order_of(job), export_of(job)
    answer = ExportAnswer(
        camera_name=order.camera_name,
        asked_from=rfc3339(order.from_us),
        asked_to=rfc3339(order.to_us),
    )
    if made is not None:
        answer.file_name, answer.size_bytes = made.file_name, made.size_bytes
        answer.sha256, answer.parts, answer.gaps = made.sha256, made.parts, made.gaps
        answer.start_time, answer.end_time = rfc3339(made.from_us), rfc3339(made.to_us)
    return answer


def _time(utc_us: int | None) -> str | None:
    return None if utc_us is None else rfc3339(utc_us)
