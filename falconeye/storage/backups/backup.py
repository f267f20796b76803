"""Makes a backup: database, data key and settings file in one sealed file.

Inside is a tar (POSIX, gzip) whose first member is `manifest.json`. Everything here blocks.
"""

import fcntl
import gzip
import io
import json
import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, Final

from falconeye import __version__
from falconeye.base.errors import Conflict, Unavailable
from falconeye.base.secret import Secret
from falconeye.base.times import rfc3339
from falconeye.config.loading import FILE_NAME as SETTINGS_NAME
from falconeye.storage.backups.sealed_file import SealedWriter, check_passphrase
from falconeye.storage.backups.snapshot import fsync, part_of, snapshot
from falconeye.storage.index.data_directory import DATABASE_NAME, free_bytes
from falconeye.storage.index.schema import current_revision
from falconeye.storage.stores.credentials import KEY_NAME, read_keys

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
# What a restore may write. Nothing else of a file that somebody brings is looked at.
MEMBERS: Final = (DATABASE_NAME, KEY_NAME, SETTINGS_NAME)
WORK_PREFIX: Final = ".backup-"
_RESERVE_BYTES: Final = 16 << 20  # left to the database that lives on the same disk


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup says of itself."""

    format: int
    falconeye: str  # version
    revision: str  # of the schema
    node_name: str
    made_at: str  # RFC 3339
    bytes: Mapping[str, int]  # of each member

    @classmethod
    def of(cls, values: Any) -> "Manifest":
        """KeyError, TypeError and ValueError for anything else."""
        sizes = {str(name): int(size) for name, size in values["bytes"].items()}
        version, revision, node_name, made_at = (
            str(values[name]) for name in ("falconeye", "revision", "node_name", "made_at")
        )
        return cls(int(values["format"]), version, revision, node_name, made_at, sizes)


@dataclass(frozen=True, slots=True)
class Sources:
    """Where a node keeps what goes into its backup."""

    data_dir: Path
    key_file: Path  # of the data key
    settings_file: Path | None  # None: it has none
    node_name: str
    node_id: str = ""  # UUID; in the names of nightly backups

    @property
    def database(self) -> Path:
        return self.data_dir / DATABASE_NAME


def make_backup(sources: Sources, target: Path, passphrase: Secret, utc_us: int) -> Manifest:
    """A backup as the new file `target` (mode 0600): whole and synced, or not there at all.

    Conflict when it is there already, InvalidInput for a weak passphrase, Unavailable when
    something cannot be read or written.
    """
    check_passphrase(passphrase)
    if target.exists():
        msg = f"{target} is there already: give another name"
        raise Conflict(msg)
    part = part_of(target)
    try:
        with os.fdopen(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
            manifest = write_backup(sources, file, passphrase, utc_us)
            file.flush()
            os.fsync(file.fileno())
        part.rename(target)
        fsync(target.parent)
    except OSError as error:
        msg = f"the backup {target} cannot be written: {error.strerror or error}"
        raise Unavailable(msg) from error
    finally:
        part.unlink(missing_ok=True)
    return manifest


def write_backup(sources: Sources, target: IO[bytes], passphrase: Secret, utc_us: int) -> Manifest:
    """The same into an open file. OSError when that cannot be written."""
    check_passphrase(passphrase)
    with work_directory(sources.data_dir) as work:
        require_room(sources.data_dir)
        members = _gather(sources, work)
        manifest = Manifest(
            FORMAT,
            __version__,
            current_revision(work / DATABASE_NAME) or "",
            sources.node_name,
            rfc3339(utc_us),
            {name: path.stat().st_size for name, path in members.items()},
        )
        sealed = SealedWriter(target, passphrase)
        with (
            gzip.GzipFile(fileobj=sealed, mode="wb", compresslevel=6, mtime=0) as packed,
            tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT) as tar,
        ):
            text = json.dumps(asdict(manifest), indent=1).encode()
            _add(tar, MANIFEST, io.BytesIO(text), len(text))
            for name, path in members.items():
                with path.open("rb") as file:
                    _add(tar, name, file, path.stat().st_size)
        sealed.finish()
    return manifest


@contextmanager
def work_directory(data_dir: Path) -> Iterator[Path]:
    """A directory of our own (mode 0700) on the data directory's disk, gone afterwards.

    Those of processes that were killed go first: they may hold the data key.
    """
    forget_abandoned(data_dir)
    work = Path(tempfile.mkdtemp(prefix=WORK_PREFIX, dir=data_dir))
    fd = os.open(work, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_SH)  # it is in use; the kernel drops that with the process
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)
        os.close(fd)


def forget_abandoned(data_dir: Path) -> None:
    """Remove the work directories that no living process has."""
    for left in data_dir.glob(f"{WORK_PREFIX}*"):
        with suppress(OSError):  # in use, or gone meanwhile
            fd = os.open(left, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(left, ignore_errors=True)
            finally:
                os.close(fd)


def _gather(sources: Sources, work: Path) -> dict[str, Path]:
    """Every member as a file that nobody changes meanwhile."""
    snapshot(sources.database, work / DATABASE_NAME)
    for name, path in ((KEY_NAME, sources.key_file), (SETTINGS_NAME, sources.settings_file)):
        if path is not None:
            fd = os.open(work / name, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
            with os.fdopen(fd, "wb") as copy:
                copy.write(_keys(sources) if name == KEY_NAME else path.read_bytes())
    return {name: work / name for name in MEMBERS if (work / name).exists()}


def _keys(sources: Sources) -> bytes:
    """The data keys; beside a file that is given, those of the cluster lie in the node's own."""
    own = sources.data_dir / KEY_NAME
    if own == sources.key_file or not own.exists():
        return sources.key_file.read_bytes()
    keys = [*read_keys(own), *read_keys(sources.key_file)]
    return b"".join(key + b"\n" for key in dict.fromkeys(keys))


def require_room(data_dir: Path, size_bytes: int = 0) -> None:
    """Unavailable on a disk that would have hardly anything left: the recorder needs that."""
    if free_bytes(data_dir) < size_bytes + _RESERVE_BYTES:
        raise Unavailable("the disk of the data directory is full: a backup needs some room on it")


def _add(tar: tarfile.TarFile, name: str, content: IO[bytes], size: int) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o600
    tar.addfile(member, content)
