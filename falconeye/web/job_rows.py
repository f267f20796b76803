"""Exports and what the node does by itself as rows of the page of jobs."""

from typing import Any

from litestar import Request

from falconeye.jobs.exporting import copy_of, export_of, request_of
from falconeye.jobs.system_work import WorkKind
from falconeye.storage.stores.job_store import Job, JobState
from falconeye.web import own_works, work_views
from falconeye.web.job_contexts import ExportRow, WorkRow

Asking = Request[Any, Any, Any]


async def work_rows(request: Asking) -> tuple[tuple[WorkRow, ...], tuple[WorkRow, ...]]:
    """What runs here, with the last outcome of each work; and the outcomes before."""
    name_of = own_works.camera_names(request)
    last: list[WorkRow] = []
    earlier: list[WorkRow] = []
    known: set[tuple[WorkKind, str]] = set()
    for work in await own_works.own_works(request):
        is_earlier = work.state.is_over and (work.kind, work.subject) in known
        known.add((work.kind, work.subject))
        (earlier if is_earlier else last).append(work_views.work_row(work, name_of))
    return tuple(last), tuple(earlier)


def export_row(job: Job, progress: float) -> ExportRow:
    """One export."""
    asked, made = request_of(job), export_of(job)
    is_waiting = job.state is JobState.PENDING
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
        silent=tuple(made.silent) if made else (),
        has_sheet=bool(made and made.sheet_name),
        has_hevc=bool(made and made.has_hevc),
        is_copy=copy_of(job) is not None,
        owner=job.owner_name,
        since_us=job.created_us if is_waiting else job.started_us,
    )
