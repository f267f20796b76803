"""Exports as jobs: what is asked, what came of it, and who is told."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from typing_extensions import override

from falconeye.accounts.audit import AuditLog
from falconeye.accounts.model import Principal
from falconeye.base.times import rfc3339
from falconeye.jobs.runner import JobKind, Jobs, Worker
from falconeye.storage.export.export import Export, Exports
from falconeye.storage.export.export_layout import ExportOrder
from falconeye.storage.reading.download import DownloadPlan
from falconeye.storage.stores.job_store import Job, JobState

_EXPECTED = "expected_bytes"


class ExportWorker(Worker):
    """Makes exports; the audit log is told of each with its hash."""

    def __init__(self, exports: Exports, audit: AuditLog) -> None:
        self._exports = exports
        self._audit = audit

    @override
    async def run(self, job: Job, report: Callable[[float], None]) -> Mapping[str, Any]:
        return asdict(await self._exports.make(job.id, order_of(job), report))

    @override
    async def discard(self, job: Job) -> None:
        await self._exports.remove(job.id, export_of(job))

    @override
    async def ended(self, job: Job) -> None:
        order, made = order_of(job), export_of(job)
        detail = f"{rfc3339(order.from_us)} to {rfc3339(order.to_us)}, for {job.owner_name}"
        if made is not None:
            detail += f": {made.file_name}, {made.size_bytes} bytes, SHA-256 {made.sha256}"
        elif job.error is not None:
            detail += f": {job.error}"
        action = f"export.{job.state.value}"
        await self._audit.record(None, action, "camera", job.camera_id, detail)


async def ask_for_export(jobs: Jobs, exports: Exports, order: ExportOrder, who: Principal) -> Job:
    """Queue an export. NotFound when nothing was recorded, NoRoom when it does not fit."""
    expected = await exports.expected_bytes(order)
    others = [job.request.get(_EXPECTED, 0) for job in await jobs.waiting()]
    await exports.require_room(expected + sum(others))
    request = {
        "camera_name": order.camera_name,
        "from_us": order.from_us,
        "to_us": order.to_us,
        _EXPECTED: expected,
    }
    owner = (who.kind.value, who.id, who.name)
    return await jobs.add(JobKind.EXPORT, order.camera_id, owner, request)


def order_of(job: Job) -> ExportOrder:
    """What an export's job is to make."""
    asked = job.request
    return ExportOrder(job.camera_id, asked["camera_name"], asked["from_us"], asked["to_us"])


def export_of(job: Job) -> Export | None:
    """What it made; None when it made nothing."""
    if job.state is not JobState.COMPLETE or job.result is None:
        return None
    return Export(**job.result)


def downloads(exports: Exports, job: Job, *, sidecar: bool) -> DownloadPlan | None:
    """Its file, or the JSON beside it; None when it made none."""
    made = export_of(job)
    if made is None:
        return None
    return exports.sidecar(job.id, made) if sidecar else exports.download(job.id, made)
