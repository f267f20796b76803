"""What is wrong with the volumes now, in the form in which `Faults` takes it."""

from collections.abc import Mapping
from dataclasses import dataclass

from falconeye.base.clock import Clock
from falconeye.storage.stores.notice_store import VolumeCause, volume_subject
from falconeye.storage.volumes.volume import Volume
from falconeye.storage.volumes.volume_facts import Role
from falconeye.storage.volumes.volumes import Volumes


@dataclass(frozen=True, slots=True)
class VolumeStep:
    """From `since_us` on this is wrong with a volume; `reason` None: nothing is."""

    since_us: int
    reason: VolumeCause | None
    detail: str = ""


class VolumeWatch:
    """Looks at the volumes in memory; never at a disk."""

    def __init__(self, volumes: Volumes, clock: Clock) -> None:
        self._volumes = volumes
        self._clock = clock
        self._steps: dict[str, VolumeStep] = {}

    def name_of(self, subject: str) -> str:
        """The path of a volume, by the key of its step."""
        for volume in self._volumes.all:
            if volume_subject(volume.id) == subject:
                return str(volume.path)
        return subject

    def look(self) -> Mapping[str, VolumeStep]:
        """The present step of every volume; `since_us` is when it was first seen so."""
        used = self._volumes.for_recording()
        found: dict[str, VolumeStep] = {}
        for volume in self._volumes.all:
            reason, detail = _trouble(volume, used, self._volumes.all[0])
            key = volume_subject(volume.id)
            known = self._steps.get(key)
            if known is None or known.reason is not reason:
                known = VolumeStep(self._clock.utc_us(), reason, detail)
            found[key] = known
        self._steps = found
        return found


def _trouble(volume: Volume, used: Volume, first: Volume) -> tuple[VolumeCause | None, str]:
    if volume.missing is not None:
        return VolumeCause.MISSING, volume.missing
    if volume is used and volume.role is Role.ARCHIVE:
        why = first.missing or ("it is full" if first.is_full else "it does not answer")
        return VolumeCause.ARCHIVE_RECORDS, f"{first.path}: {why}"
    return None, ""
