"""Jobs as somebody may see and change them; shared by the API and the pages.

A job is its owner's: others, but for admins, are told that there is none. Its camera must be within
the asking one's scope, also for admins.
"""

from collections.abc import Sequence
from typing import Any

from litestar import Request

from falconeye.accounts.model import Action, Principal, Role, may
from falconeye.base.errors import InvalidInput, NotFound
from falconeye.base.times import DAY_US, rfc3339
from falconeye.jobs.exporting import ask_for_export, export_of
from falconeye.storage.export.export_layout import ExportOrder
from falconeye.storage.stores.job_store import Job
from falconeye.web.audit import record
from falconeye.web.security.access import principal_of
from falconeye.web.shell import shell_of

Asking = Request[Any, Any, Any]
# The tables of longer ones take more memory than a small node has, and players long to read them.
MAX_SPAN_US = 2 * DAY_US


async def own_job(request: Asking, job_id: str) -> Job:
    """The job; NotFound for one that is another's or of a camera beyond the scope."""
    job = await shell_of(request).services.jobs.get(job_id)
    if not _is_seen(job, principal_of(request)):
        raise NotFound("there is no such job")
    return job


async def own_jobs(request: Asking, limit: int, offset: int) -> tuple[Sequence[Job], int]:
    """Newest first, and how many there are; of everybody for an admin."""
    who = principal_of(request)
    owner = None if who.role is Role.ADMIN else (who.kind.value, who.id)
    jobs = shell_of(request).services.jobs
    return await jobs.list(owner=owner, cameras=who.cameras, limit=limit, offset=offset)


async def ask(request: Asking, camera_id: str, from_us: int | None, to_us: int | None) -> Job:
    """Queue an export, and note who asked."""
    services = shell_of(request).services
    camera = services.cameras.get(camera_id)
    if from_us is None:
        raise InvalidInput("from: a date and a time are needed", field="from")
    if to_us is None:
        raise InvalidInput("to: a date and a time are needed", field="to")
    if to_us <= from_us:
        raise InvalidInput("to: must lie after from", field="to")
    if to_us - from_us > MAX_SPAN_US:
        raise InvalidInput("to: more than two days after from: ask for several exports", field="to")
    order = ExportOrder(camera_id, camera.config.name, from_us, to_us)
    job = await ask_for_export(services.jobs, services.exports, order, principal_of(request))
    detail = f"{rfc3339(from_us)} to {rfc3339(to_us)}, job {job.id}"
    await record(request, "export.asked", "camera", camera_id, detail)
    return job


async def take_off(request: Asking, job: Job) -> Job:
    """Cancel a job that waits or runs; one that is over goes off the list, with its files."""
    jobs = shell_of(request).services.jobs
    if not job.state.is_over:
        cancelled = await jobs.cancel(job.id)
        await record(request, f"{job.kind}.stopped", "camera", job.camera_id, words(job))
        return cancelled
    await jobs.delete(job.id)
    await record(request, f"{job.kind}.deleted", "camera", job.camera_id, words(job))
    return job


async def again(request: Asking, job: Job) -> Job:
    """Begin one again that failed or was cancelled."""
    begun = await shell_of(request).services.jobs.retry(job.id)
    await record(request, f"{job.kind}.retried", "camera", job.camera_id, words(job))
    return begun


def words(job: Job) -> str:
    """What it made, for the audit log."""
    made = export_of(job)
    return f"job {job.id}" if made is None else f"{made.file_name}, SHA-256 {made.sha256}"


def _is_seen(job: Job, who: Principal) -> bool:
    own = (job.owner_kind, job.owner_id) == (who.kind.value, who.id)
    return (own or who.role is Role.ADMIN) and may(who, Action.DOWNLOAD, job.camera_id)
