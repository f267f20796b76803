"""Jobs as the API tells them."""

from typing import Final

from pydantic import BaseModel

from falconeye.base.times import rfc3339
from falconeye.jobs.exporting import copy_of, export_of, request_of
from falconeye.jobs.system_work import SystemWork
from falconeye.storage.stores.job_store import Job, JobState
from falconeye.web.base_path import OwnAddress

Node = tuple[str | None, str | None]  # id and name
NOBODY: Final[Node] = (None, None)


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
    unreachable_nodes: list[str] | None = None  # they may hold more of it, and did not answer
    has_hevc: bool | None = None  # a copy in H.264 can be made of it


class JobAnswer(BaseModel):
    """One job."""

    id: str
    kind: str
    state: str
    progress: float
    result_url: OwnAddress | None
    sidecar_url: OwnAddress | None
    sheet_url: OwnAddress | None
    error: str | None
    camera_id: str
    owner: str
    node_name: str | None  # where it lies; null in the answer to who asks for an export
    node_id: str | None
    created_at: str
    started_at: str | None
    ended_at: str | None
    export: ExportAnswer

    @classmethod
    def of(cls, job: Job, progress: float, node: Node = NOBODY) -> "JobAnswer":
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
            node_id=node[0],
            node_name=node[1],
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
    node_name: str | None  # `?node=` leads acts there: works are called alike on all nodes
    node_id: str | None
    subject: str
    files_done: int | None
    files: int | None
    bytes_done: int | None
    bytes: int | None
    started_at: str | None
    ended_at: str | None
    acts: list[str]

    @classmethod
    def of(cls, work: SystemWork, node: Node) -> "WorkAnswer":
        files, size, share = work.files, work.size_bytes, work.share
        return cls(
            id=work.id,
            kind=work.kind.value,
            state=work.state.value,
            progress=None if share is None else round(share, 3),
            error=work.trouble or None,
            owner=work.by,
            node_id=node[0],
            node_name=node[1],
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
    """A page: what the nodes work on by themselves, then exports, newest first.

    `count` is of all that may be seen. `unreachable_nodes`: the names of nodes whose jobs are not
    among them.
    """

    jobs: list[JobAnswer | WorkAnswer]
    count: int
    unreachable_nodes: list[str]


AnyJob = JobAnswer | WorkAnswer


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
        answer.has_hevc, answer.unreachable_nodes = made.has_hevc, list(made.silent)
        answer.start_time, answer.end_time = rfc3339(made.from_us), rfc3339(made.to_us)
    return answer


def _time(utc_us: int | None) -> str | None:
    return None if utc_us is None else rfc3339(utc_us)
