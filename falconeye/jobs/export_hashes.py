"""Which files are exports of this node: told by their SHA-256, from the audit log and the jobs.

The audit log only grows, so a file is known after its export was deleted. While there is a job, its
result is asked: an export is there before the last of its entries is, and the audit log may have
refused some. Who is told of the file depends on all of its cameras.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from falconeye.accounts.audit import AuditLog
from falconeye.jobs.runner import Jobs
from falconeye.storage.export.export_result import Export, ExportedFile
from falconeye.storage.stores.audit_store import AuditEntry, AuditFilter
from falconeye.storage.stores.job_store import Job

ACTION = "export.hash"
KIND = "export_file"
_LOOKED_AT = 1000  # entries of one hash: the same file may have been made again and again


@dataclass(frozen=True, slots=True)
class KnownFile:
    """A file that this node made."""

    name: str
    sha256: str
    size_bytes: int
    cameras: tuple[tuple[str, str], ...]  # (id, name)
    from_us: int
    to_us: int
    made_us: int
    job_id: str
    copy_of: str = ""  # SHA-256 of the original, of a copy in H.264


async def note_hashes(audit: AuditLog, job_id: str, made: Export) -> None:
    """An entry for each file and camera: the whole, and the parts of a zip."""
    for file in made.files:
        if file.sha256 != made.sha256:
            await _note(audit, job_id, made, file, (file.name, file.sha256, file.size_bytes))
    for one in {file.camera_id: file for file in made.files}.values():
        await _note(audit, job_id, made, one, (made.file_name, made.sha256, made.size_bytes))


async def _note(
    audit: AuditLog, job_id: str, made: Export, file: ExportedFile, told: tuple[str, str, int]
) -> None:
    name, sha256, size_bytes = told
    is_part = sha256 == file.sha256
    detail = {
        "job": job_id,
        "file": name,
        "bytes": size_bytes,
        "camera_id": file.camera_id,
        "camera": file.camera_name,
        "from_us": file.from_us if is_part else made.from_us,
        "to_us": file.to_us if is_part else made.to_us,
        "copy_of": file.copy_of if is_part else "",
    }
    text = json.dumps(detail, ensure_ascii=False)
    await audit.record(None, ACTION, KIND, sha256, text)


async def find_file(audit: AuditLog, jobs: Jobs, sha256: str) -> KnownFile | None:
    """The file with that hash (64 hexadecimal digits, lower case) as it was made last."""
    wanted = AuditFilter(action=ACTION, object_kind=KIND, object_id=sha256)
    entries, _ = await audit.list(wanted, limit=_LOOKED_AT)
    told = [(entry, facts) for entry in entries if (facts := _facts(entry))]
    job = await jobs.find_hash(sha256)
    if job is not None and (not told or told[0][1]["job"] == job.id):
        return _of_job(job, sha256)
    if not told:
        return None
    newest = told[0][1]["job"]
    of_it = [(entry, facts) for entry, facts in told if facts["job"] == newest]
    entry, facts = of_it[-1]
    return KnownFile(
        name=facts["file"],
        sha256=sha256,
        size_bytes=facts["bytes"],
        cameras=tuple((one["camera_id"], one["camera"]) for _, one in reversed(of_it)),
        from_us=facts["from_us"],
        to_us=facts["to_us"],
        made_us=entry.at_us,
        job_id=newest,
        copy_of=facts["copy_of"],
    )


def _facts(entry: AuditEntry) -> Mapping[str, Any] | None:
    try:
        found: Mapping[str, Any] = json.loads(entry.detail)
    except ValueError:
        return None
    return found


def _of_job(job: Job, sha256: str) -> KnownFile | None:
    if job.result is None:
        return None
    made = Export.of(job.result)
    files = [file for file in made.files if sha256 in {file.sha256, made.sha256}]
    part = next((file for file in made.files if file.sha256 == sha256), None)
    cameras = {file.camera_id: file.camera_name for file in files}
    return KnownFile(
        name=part.name if part else made.file_name,
        sha256=sha256,
        size_bytes=part.size_bytes if part else made.size_bytes,
        cameras=tuple(cameras.items()) or ((job.camera_id, job.request["camera_name"]),),
        from_us=part.from_us if part else made.from_us,
        to_us=part.to_us if part else made.to_us,
        made_us=made.made_us,
        job_id=job.id,
        copy_of=part.copy_of if part else "",
    )
