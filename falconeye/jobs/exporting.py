"""Exports as jobs: what is asked, what came of it, and who is told."""

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Any

from typing_extensions import override

from falconeye.accounts.audit import AuditLog
from falconeye.accounts.model import Principal, PrincipalKind
from falconeye.base.errors import Conflict
from falconeye.base.times import rfc3339
from falconeye.jobs.export_hashes import note_hashes
from falconeye.jobs.runner import JobKind, Jobs, Worker
from falconeye.storage.export.export import Exports
from falconeye.storage.export.export_copy import ExportCopies, most_bytes
from falconeye.storage.export.export_layout import ExportOrder
from falconeye.storage.export.export_result import HEVC, Export, ExportRequest
from falconeye.storage.reading.download import DownloadPlan
from falconeye.storage.segments.retention import Spared
from falconeye.storage.stores.job_store import Job, JobState, JobStore

_EXPECTED = "expected_bytes"
_COPY_OF = "copy_of"


class Paper(StrEnum):
    """What can be downloaded of an export."""

    RESULT = "result"
    SIDECAR = "sidecar"
    SHEET = "sheet"


class ExportWorker(Worker):
    """Makes exports; the audit log is told of each with its hash."""

    def __init__(self, exports: Exports, audit: AuditLog, store: JobStore) -> None:
        self._exports = exports
        self._audit = audit
        self._store = store

    @override
    async def run(self, job: Job, report: Callable[[float], None]) -> Mapping[str, Any]:
        made = await self._exports.made_before(job.id)
        if made is not None:
            return made.values()
        spared = await self._wanted_by_others(job)
        made = await self._exports.make(job.id, request_of(job), report, spared)
        return made.values()

    @override
    async def discard(self, job: Job) -> None:
        made = export_of(job)
        await self._exports.remove(job.id, None if made is None else made.volume)

    @override
    async def ended(self, job: Job) -> None:
        request, made = request_of(job), export_of(job)
        detail = f"{rfc3339(request.from_us)} to {rfc3339(request.to_us)}, for {job.owner_name}"
        if made is not None:
            detail += f": {made.file_name}, {made.size_bytes} bytes, SHA-256 {made.sha256}"
            if made.freed_bytes:
                gone = made.freed_bytes // 1_000_000
                detail += f"; {gone} MB of the oldest footage were deleted to make room for it"
        elif job.error is not None:
            detail += f": {job.error}"
        action = f"{job.kind}.{job.state.value}"
        for order in request.orders:
            await self._audit.record(None, action, "camera", order.camera_id, detail)
        if made is not None:
            await note_hashes(self._audit, job.id, made)

    async def _wanted_by_others(self, job: Job) -> list[Spared]:
        """Footage that exports in the queue are still to take."""
        waiting = await self._store.in_states((JobState.PROCESSING, JobState.PENDING))
        return [
            Spared(order.camera_id, order.from_us, order.to_us)
            for other in waiting
            if other.id != job.id and other.kind == JobKind.EXPORT.value
            for order in request_of(other).orders
        ]


class CopyWorker(ExportWorker):
    """Makes copies of exports in H.264."""

    def __init__(
        self, exports: Exports, copies: ExportCopies, audit: AuditLog, store: JobStore
    ) -> None:
        super().__init__(exports, audit, store)
        self._copies = copies

    @override
    async def run(self, job: Job, report: Callable[[float], None]) -> Mapping[str, Any]:
        before = await self._copies.made_before(job.id)
        if before is not None:
            return before.values()
        original = await self._store.get(job.request[_COPY_OF])
        made = None if original is None else export_of(original)
        if original is None or made is None:
            msg = "the export that was to be copied is gone"
            raise Conflict(msg)
        spared = await self._wanted_by_others(job)
        of = (original.id, made)
        copied = await self._copies.make(job.id, of, request_of(job), report, spared)
        return copied.values()


def export_workers(
    exports: Exports, copies: ExportCopies, audit: AuditLog, store: JobStore
) -> dict[JobKind, Worker]:
    """The workers of both kinds."""
    return {
        JobKind.EXPORT: ExportWorker(exports, audit, store),
        JobKind.COPY: CopyWorker(exports, copies, audit, store),
    }


async def ask_for_export(
    jobs: Jobs,
    exports: Exports,
    orders: Sequence[ExportOrder],
    who: Principal,
    acting: str | None = None,
) -> Job:
    """Queue an export. NotFound when nothing was recorded, NoRoom when it does not fit.

    `acting`: how other nodes, which look again, know who asks.
    """
    request = ExportRequest(orders, who.name, 0)
    expected = await exports.expected_bytes(request, acting)
    await exports.room.check(expected + await _waiting_bytes(jobs))
    return await _add(jobs, JobKind.EXPORT, request, who, {_EXPECTED: expected})


async def ask_for_copy(jobs: Jobs, exports: Exports, original: Job, who: Principal) -> Job:
    """Queue a copy of an export in H.264; Conflict when there is nothing to copy, NoRoom."""
    made = export_of(original)
    if made is None:
        raise Conflict("the job has made nothing (yet)")
    wanted = [file for file in made.files if file.codec == HEVC]
    if not wanted:
        raise Conflict("there is no HEVC in this export: it needs no copy in H.264")
    expected = most_bytes(wanted)
    await exports.room.check(expected + await _waiting_bytes(jobs))
    more = {_EXPECTED: expected, _COPY_OF: original.id, "copy_of_sha256": made.sha256}
    return await _add(jobs, JobKind.COPY, request_of(original), who, more)


async def _waiting_bytes(jobs: Jobs) -> int:
    return sum(job.request.get(_EXPECTED, 0) for job in await jobs.waiting())


async def _add(
    jobs: Jobs, kind: JobKind, request: ExportRequest, who: Principal, more: Mapping[str, Any]
) -> Job:
    first = request.orders[0]
    asked = {
        "camera_name": first.camera_name,
        "cameras": [{"id": one.camera_id, "name": one.camera_name} for one in request.orders],
        "from_us": request.from_us,
        "to_us": request.to_us,
    }
    owner = (who.kind.value, who.id, who.name)
    return await jobs.add(kind, first.camera_id, owner, asked | dict(more))


def request_of(job: Job) -> ExportRequest:
    """What an export's job is to make."""
    asked = job.request
    cameras = asked.get("cameras") or [{"id": job.camera_id, "name": asked["camera_name"]}]
    by = job.owner_name if job.owner_kind == PrincipalKind.USER.value else f"token {job.owner_name}"
    return ExportRequest(
        tuple(
            ExportOrder(one["id"], one["name"], asked["from_us"], asked["to_us"]) for one in cameras
        ),
        by,
        job.created_us,
    )


def copy_of(job: Job) -> str | None:
    """The job of the original, for a copy in H.264."""
    original: str | None = job.request.get(_COPY_OF)
    return original


def export_of(job: Job) -> Export | None:
    """What it made; None when it made nothing."""
    if job.state is not JobState.COMPLETE or job.result is None:
        return None
    return Export.of(job.result)


def downloads(exports: Exports, job: Job, paper: Paper) -> DownloadPlan | None:
    """Its file, or what lies beside it; None when it made none."""
    made = export_of(job)
    if made is None:
        return None
    match paper:
        case Paper.SIDECAR:
            return exports.sidecar(job.id, made)
        case Paper.SHEET:
            return exports.sheet(job.id, made)
    return exports.download(job.id, made)
