"""The whole examination: what the command and the page show alike."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from falconeye.base.clock import Clock
from falconeye.base.errors import FalconEyeError
from falconeye.base.times import rfc3339
from falconeye.config.camera import CameraConfig
from falconeye.config.settings import NodeSettings
from falconeye.doctor import cameras, data, disks, https, machine
from falconeye.doctor.disks import Disk
from falconeye.doctor.finding import Finding, Level, worst
from falconeye.storage.backups.nightly import KeptBackup
from falconeye.storage.checks import health_rows
from falconeye.storage.index.database import Database
from falconeye.storage.index.instance_lock import InstanceLock
from falconeye.storage.stores.camera_store import CameraStore
from falconeye.storage.volumes import volume_rows
from falconeye.storage.volumes.volume_facts import Role

AREAS = ("camera", "disk", "database", "backup", "clock", "network", "rights", "machine")


@dataclass(frozen=True, slots=True)
class Patient:
    """What is examined, by the node itself or by the command beside it."""

    settings: NodeSettings
    database: Database
    cameras: CameraStore
    clock: Clock


@dataclass(frozen=True, slots=True)
class Examination:
    """What was found, and of which cameras."""

    at_us: int
    findings: tuple[Finding, ...]
    cameras: tuple[CameraConfig, ...]

    @property
    def level(self) -> Level:
        return worst(self.findings)

    def as_json(self) -> dict[str, Any]:
        return {
            "at": rfc3339(self.at_us),
            "level": self.level.value,
            "findings": [
                {
                    "area": one.area,
                    "subject": one.subject,
                    "level": one.level.value,
                    "words": one.words,
                    "advice": one.advice,
                }
                for one in self.findings
            ],
        }


async def examine(patient: Patient, kept: Sequence[KeptBackup]) -> Examination:
    """Look at everything; what cannot be looked at is a finding, and keeps nothing from the rest.

    `kept`: the nightly backups.
    """
    settings, database, clock = patient.settings, patient.database, patient.clock
    configs = await patient.cameras.list()
    is_served = await database.is_served()
    parts = await asyncio.gather(
        _cameras(patient, configs, is_served=is_served),
        data.database(database, clock),
        _in_thread("data directory", partial(data.files, settings, database.path)),
        _volumes(patient),
        _in_thread("port", lambda: [data.port(settings, is_served=is_served)]),
        _in_thread("certificate", lambda: https.examine(settings, clock)),
        _in_thread("machine", lambda: machine.examine(InstanceLock(settings.data_dir).server())),
        return_exceptions=True,
    )
    found = data.backups(kept, settings, clock)
    for part in parts:
        if isinstance(part, FalconEyeError | OSError):
            found.append(_unexamined("node", part))
        elif isinstance(part, BaseException):
            raise part
        else:
            found += part
    order = {area: place for place, area in enumerate(AREAS)}
    found.sort(key=lambda one: order[one.area])
    return Examination(clock.utc_us(), tuple(found), tuple(configs))


async def _cameras(
    patient: Patient, configs: Sequence[CameraConfig], *, is_served: bool
) -> list[Finding]:
    return await cameras.examine(
        configs,
        patient.cameras.password_problems,
        await patient.database.read(health_rows.last_steps),
        await patient.database.read(health_rows.last_formats),
        patient.clock,
        is_served=is_served,
    )


async def _volumes(patient: Patient) -> list[Finding]:
    media_dir = patient.settings.media_dir.absolute()
    rows = await patient.database.read(volume_rows.known)
    wanted = [
        Disk(Path(row.path), row.volume_id, row.role,
             patient.settings.free_floor_bytes)
        for row in rows
        if row.path and (row.role is not Role.NONE or row.path == str(media_dir))
    ]  # fmt: skip
    if not any(disk.path == media_dir for disk in wanted):
        words = "no footage was ever kept there"
        advice = "The first start of the recorder makes it ready"
        return [Finding("disk", str(media_dir), Level.WARN, words, advice)] + await disks.examine(
            wanted
        )
    return await disks.examine(wanted)


async def _in_thread(what: str, look: Callable[[], list[Finding]]) -> list[Finding]:
    try:
        return await asyncio.to_thread(look)
    except (OSError, FalconEyeError) as error:
        return [_unexamined(what, error)]


def _unexamined(what: str, error: Exception) -> Finding:
    advice = "Run 'falconeye doctor' as the user of the recorder, or as root"
    return Finding("rights", what, Level.FAIL, f"could not be looked at: {error}", advice)
