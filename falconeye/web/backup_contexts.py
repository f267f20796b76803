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
    look_errors: Mapping[str, str] = field(default_factory=dict)  # of the form that restores
    waits: bool = False  # the next start begins with a backup's data


@dataclass(frozen=True, slots=True)
class LookPage:
    """A backup that may be restored."""

    id: str
    name: str
    node_name: str  # "": a copy of the database, which does not say
    made_us: int | None
    cameras: tuple[str, ...]
    users: tuple[str, ...]
    admins: tuple[str, ...]
    cameras_gone: tuple[str, ...]  # here now, not in it
    users_gone: tuple[str, ...]
    tokens_gone: tuple[str, ...]
    restarts: bool  # the process ends, and somebody starts it again


@dataclass(frozen=True, slots=True)
class RestoredPage:
    """It is laid ready."""

    name: str
    restarts: bool
