"""Jobs as somebody may see and change them; shared by the API and the pages.

A job is its owner's: others, but for admins, are told that there is none. Its camera must be within
the asking one's scope, also for admins.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from litestar import Request

from falconeye.accounts.model import Action, Principal, Role, may, require
from falconeye.base.errors import InvalidInput, NotFound
from falconeye.base.times import DAY_US, rfc3339
from falconeye.jobs.export_hashes import KnownFile, find_file
from falconeye.jobs.exporting import ask_for_copy, ask_for_export, export_of, request_of
from falconeye.storage.export.export_layout import ExportOrder
from falconeye.storage.stores.job_store import Job
from falconeye.web.audit import record
from falconeye.web.security.access import principal_of, require_camera
from falconeye.web.shell import shell_of

Asking = Request[Any, Any, Any]
# The tables of longer ones take more memory than a small node has, and players long to read them.
MAX_SPAN_US = 2 * DAY_US
MAX_CAMERAS = 32


async def own_job(request: Asking, job_id: str) -> Job:
    """The export's job; NotFound for one that is another's or of a camera beyond the scope.

    NotAllowed for whom exports are none of.
    """
    job = await shell_of(request).services.jobs.get(job_id)
    require(principal_of(request), Action.EXPORT)
    if not _is_seen(job, principal_of(request)):
        raise NotFound("there is no such job")
    return job


async def own_jobs(request: Asking, limit: int, offset: int) -> tuple[Sequence[Job], int]:
    """Newest first, and how many there are; of everybody for an admin, none without the right."""
    who = principal_of(request)
    if not may(who, Action.EXPORT):
        return (), 0
    owner = None if who.role is Role.ADMIN else (who.kind.value, who.id)
    jobs = shell_of(request).services.jobs
    return await jobs.list(owner=owner, cameras=who.cameras, limit=limit, offset=offset)


@dataclass(frozen=True, slots=True)
class ExportsOfTime:
    """What exports have of a camera's time: deleting that leaves them as they are."""

    made: Sequence[Job]
    unmade: Sequence[Job]  # they wait, or run: what is deleted before may be missing from them
    unseen: int  # of both, that the asking one may not see


async def exports_of_time(
    request: Asking, camera_id: str, from_us: int, to_us: int
) -> ExportsOfTime:
    """Those of the time in [from, to), newest first."""
    who = principal_of(request)
    found = await shell_of(request).services.jobs.of_time(camera_id, from_us, to_us)
    seen = [job for job in found if _is_seen(job, who)]
    return ExportsOfTime(
        made=[job for job in seen if job.state.is_over],
        unmade=[job for job in seen if not job.state.is_over],
        unseen=len(found) - len(seen),
    )


async def ask(
    request: Asking,
    camera_ids: Sequence[str],
    from_us: int | None,
    to_us: int | None,
    acting: str | None,
) -> Job:
    """Queue an export of these cameras, and note who asked; `acting`: as other nodes know them."""
    services = shell_of(request).services
    who = principal_of(request)
    wanted = list(dict.fromkeys(camera_ids))
    if not 0 < len(wanted) <= MAX_CAMERAS:
        raise InvalidInput(f"cameras: give 1 to {MAX_CAMERAS} of them", field="camera")
    for camera_id in wanted:
        require_camera(who, Action.EXPORT, camera_id)
    names = {camera_id: services.cameras.get(camera_id).config.name for camera_id in wanted}
    if from_us is None:
        raise InvalidInput("from: a date and a time are needed", field="from")
    if to_us is None:
        raise InvalidInput("to: a date and a time are needed", field="to")
    if to_us <= from_us:
        raise InvalidInput("to: must lie after from", field="to")
    if to_us - from_us > MAX_SPAN_US:
        raise InvalidInput("to: more than two days after from: ask for several exports", field="to")
    orders = [ExportOrder(one, names[one], from_us, to_us) for one in wanted]
    job = await ask_for_export(services.jobs, services.exports, orders, who, acting)
    detail = f"{rfc3339(from_us)} to {rfc3339(to_us)}, job {job.id}"
    await _record(request, "export.asked", job, detail)
    return job


async def ask_copy(request: Asking, original: Job) -> Job:
    """Queue a copy in H.264 of an export that may be seen, and note who asked."""
    services = shell_of(request).services
    job = await ask_for_copy(services.jobs, services.exports, original, principal_of(request))
    await _record(request, "copy.asked", job, f"of {words(original)}, job {job.id}")
    return job


async def known_file(request: Asking, sha256: str) -> KnownFile | None:
    """The export with that hash; None also for one of a camera that the asking one may not see."""
    services, who = shell_of(request).services, principal_of(request)
    found = await find_file(services.accounts.audit, services.jobs, sha256)
    if found is None or not all(may(who, Action.EXPORT, camera) for camera, _ in found.cameras):
        return None
    return found


async def is_kept(request: Asking, known: KnownFile) -> bool:
    """Whether the export is still there, and may be seen."""
    try:
        job = await own_job(request, known.job_id)
    except NotFound:
        return False
    return export_of(job) is not None


async def take_off(request: Asking, job: Job) -> Job:
    """Cancel a job that waits or runs; one that is over goes off the list, with its files."""
    jobs = shell_of(request).services.jobs
    if not job.state.is_over:
        cancelled = await jobs.cancel(job.id)
        await _record(request, f"{job.kind}.stopped", job, words(job))
        return cancelled
    await jobs.delete(job.id)
    await _record(request, f"{job.kind}.deleted", job, words(job))
    return job


async def again(request: Asking, job: Job) -> Job:
    """Begin one again that failed or was cancelled."""
    begun = await shell_of(request).services.jobs.retry(job.id)
    await _record(request, f"{job.kind}.retried", job, words(job))
    return begun


def words(job: Job) -> str:
    """What it made, for the audit log."""
    made = export_of(job)
    return f"job {job.id}" if made is None else f"{made.file_name}, SHA-256 {made.sha256}"


async def _record(request: Asking, action: str, job: Job, detail: str) -> None:
    """An entry for each camera of it."""
    for order in request_of(job).orders:
        await record(request, action, "camera", order.camera_id, detail)


def _is_seen(job: Job, who: Principal) -> bool:
    own = (job.owner_kind, job.owner_id) == (who.kind.value, who.id)
    cameras = [order.camera_id for order in request_of(job).orders]
    return (own or who.role is Role.ADMIN) and all(
        may(who, Action.EXPORT, camera) for camera in cameras
    )
