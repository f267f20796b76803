"""What the page of backups gets; see `contexts`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from falconeye.storage.backups.nightly import KeptBackup


@dataclass(frozen=True, slots=True)
class BackupsPage:
    """The nightly copies, and the form that makes one to take away."""

    kept: tuple[KeptBackup, ...]
    nightly: bool  # they are made
    directory: Path | None  # on another disk
    problem: str = ""  # why last night's is not there
    errors: Mapping[str, str] = field(default_factory=dict)
