"""Brings a backup back: unpacked aside, checked as a whole, then put in place. Blocks.

A backup is a sealed file, or a plain copy of the database as the nightly ones are.
"""

import gzip
import io
import json
import os
import shutil
import sqlite3
import tarfile
import tomllib
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from falconeye.base.errors import InvalidInput, StartError, Unavailable
from falconeye.base.secret import Secret
from falconeye.config.loading import FILE_NAME as SETTINGS_NAME
from falconeye.storage import migrations
from falconeye.storage.backups.backup import FORMAT, MANIFEST, MEMBERS, Manifest, work_directory
from falconeye.storage.backups.contents import Contents, read_contents
from falconeye.storage.backups.restored_settings import settings_words
from falconeye.storage.backups.sealed_file import NotABackup, SealedReader, is_sealed
from falconeye.storage.backups.snapshot import INCOMPLETE, fsync
from falconeye.storage.index import data_directory, pending_restore, replica_triggers
from falconeye.storage.index.data_directory import DATABASE_NAME, free_bytes
from falconeye.storage.index.instance_lock import InstanceLock
from falconeye.storage.index.schema import current_revision
from falconeye.storage.stores.credentials import KEY_NAME, read_keys

_PLAIN: Final = b"SQLite format 3\0"
_MAX_MANIFEST: Final = 1 << 20
_PIECE: Final = 1 << 20
_MAX_SAID: Final = 2000  # letters of an entry of the audit log
_RESERVE_BYTES: Final = 64 << 20


@dataclass(frozen=True, slots=True)
class Origin:
    """By whom a restore is: the audit log that it brings says so."""

    who_kind: str = "system"
    who_id: str | None = None
    who_name: str = "system"
    address: str = ""


@dataclass(frozen=True, slots=True)
class Restored:
    """What came of it."""

    manifest: Manifest | None  # None: a plain copy of a database
    revision: str
    in_place: bool  # False: a node runs; its next start puts it in place
    kept: tuple[Path, ...]  # what was replaced


@dataclass(frozen=True, slots=True)
class CheckedBackup:
    """A backup that is whole and that this release knows, unpacked in a work directory."""

    work: Path  # of `work_directory`
    manifest: Manifest | None  # None: a plain copy of a database
    revision: str
    contents: Contents

    def lay_ready(
        self, data_dir: Path, *, name: str, has_settings: bool, utc_us: int, origin: Origin
    ) -> None:
        """The next who holds the instance lock puts it in place. Takes `work` away. Blocks.

        `name`: of the backup, for the audit log. Unavailable where the disk refuses, NotABackup
        where its settings cannot be read: nothing was changed then.
        """
        with _refusals():
            changed = settings_words(data_dir / DATABASE_NAME, self.work / DATABASE_NAME)
            said = f"{name}; {changed}"[:_MAX_SAID] if changed else name
            _note(self.work / DATABASE_NAME, utc_us, said, origin)
            _settle_settings(self.work / SETTINGS_NAME, has_settings=has_settings)
            for member in self.work.iterdir():
                fsync(member)
            fsync(self.work)
            _leave_pending(self.work, data_dir)


def needs_passphrase(file: Path, name: str = "") -> bool:
    """Whether `file`, called `name`, is sealed; NotABackup when it is no backup at all."""
    start = _start_of(file)
    if is_sealed(start):
        return True
    if start == _PLAIN:
        return False
    raise NotABackup(f"{name or file} is no backup of FalconEye")


def check_backup(
    file: Path, work: Path, passphrase: Secret | None, *, other_key: Path | None, name: str = ""
) -> CheckedBackup:
    """Unpack `file` into the empty directory `work` and check it to its end. Blocks.

    `other_key`: the file of the data key where the node is told to use another than its own.
    `name`: what messages call the file, where that is not its path. NotABackup, InvalidInput for
    another data key, StartError for a newer schema, Unavailable where the disk refuses.
    """
    called = name or str(file)
    with _refusals():
        manifest = _unpack(file, work, passphrase, called)
        revision = _check_database(work / DATABASE_NAME, called)
        _check_key(work / KEY_NAME, other_key)
        return CheckedBackup(work, manifest, revision, read_contents(work / DATABASE_NAME))


def restore(
    file: Path, data_dir: Path, passphrase: Secret | None, *, other_key: Path | None,
    has_settings: bool, utc_us: int,
) -> Restored:  # fmt: skip
    """Check `file` to its end, then let it take the place of what is in `data_dir`.

    `other_key`: as `check_backup` says.
    `has_settings`: this node has a settings file, which stays; the backup's is laid beside.
    NotABackup, StartError for a newer schema, Unavailable where the disk refuses: nothing was
    changed then.
    """
    data_directory.prepare(data_dir, lambda: False)
    with _refusals(), work_directory(data_dir) as work:
        checked = check_backup(file, work, passphrase, other_key=other_key)
        checked.lay_ready(
            data_dir, name=file.name, has_settings=has_settings, utc_us=utc_us, origin=Origin()
        )
    lock = InstanceLock(data_dir)
    if not lock.try_acquire():
        return Restored(checked.manifest, checked.revision, in_place=False, kept=())
    try:
        kept = pending_restore.put_in_place(data_dir, utc_us)
    finally:
        lock.release()
    return Restored(checked.manifest, checked.revision, in_place=True, kept=tuple(kept))


@contextmanager
def _refusals() -> Iterator[None]:
    """What the disk or SQLite says, as Unavailable."""
    try:
        yield
    except OSError as error:
        msg = f"nothing was restored: {error.strerror or error}"
        raise Unavailable(msg) from error
    except sqlite3.Error as error:  # a full disk, or a database that lacks a table
        msg = f"nothing was restored: {error}"
        raise Unavailable(msg) from error


def _start_of(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            return opened.read(len(_PLAIN))
    except OSError as error:
        msg = f"cannot read {file}: {error.strerror}"
        raise InvalidInput(msg) from error


def _unpack(file: Path, work: Path, passphrase: Secret | None, called: str) -> Manifest | None:
    if not needs_passphrase(file, called):
        _require_room(work, file.stat().st_size)
        shutil.copyfile(file, _private(work / DATABASE_NAME))
        return None
    if passphrase is None:
        raise InvalidInput("this backup needs its passphrase", field="passphrase")
    with file.open("rb") as opened:
        sealed = io.BufferedReader(SealedReader(opened, passphrase), _PIECE)
        try:
            with gzip.GzipFile(fileobj=sealed) as packed:
                manifest = _unpack_members(packed, work)
                _read_to_end(packed, called)
        except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise NotABackup(f"the backup {called} is damaged inside: {error}") from error
    return manifest


class _Member(tarfile.TarInfo):
    """A member as ours are. Longer headers (PAX, GNU) would be read into memory, however long."""

    def _proc_member(self, archive: tarfile.TarFile) -> tarfile.TarInfo:
        if self.type not in tarfile.REGULAR_TYPES:
            raise NotABackup("the backup holds what does not belong there")
        return super()._proc_member(archive)  # type: ignore[misc, no-any-return]  # untyped, and the only place before they are read


def _read_to_end(packed: gzip.GzipFile, called: str) -> None:
    """A cut file shows there only; what follows the archive is its padding, and no more."""
    rest = 0
    while piece := packed.read(_PIECE):
        rest += len(piece)
        if rest > _PIECE:
            raise NotABackup(f"the backup {called} goes on behind its end")


def _unpack_members(packed: gzip.GzipFile, work: Path) -> Manifest:
    manifest: Manifest | None = None
    with tarfile.open(fileobj=packed, mode="r|", tarinfo=_Member) as tar:
        for member in tar:
            content = tar.extractfile(member)
            if content is None or member.name not in {MANIFEST, *MEMBERS}:
                raise NotABackup(f"the backup holds what does not belong there: {member.name!r}")
            if manifest is None:
                manifest = _manifest(member, content)
                _require_room(work, sum(manifest.bytes.values()))
            elif manifest.bytes.get(member.name) != member.size:
                raise NotABackup(f"{member.name} in the backup is not as its list says")
            else:
                with _private(work / member.name).open("wb") as copy:
                    shutil.copyfileobj(content, copy, _PIECE)
    if manifest is None or any(not (work / name).exists() for name in manifest.bytes):
        raise NotABackup("the backup lacks a part")
    return manifest


def _manifest(member: tarfile.TarInfo, content: IO[bytes]) -> Manifest:
    if member.name != MANIFEST:
        raise NotABackup("the backup does not begin with the list of what it holds")
    try:
        found = Manifest.of(json.loads(content.read(_MAX_MANIFEST)))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise NotABackup("the list of what the backup holds cannot be read") from error
    if found.format > FORMAT:
        raise StartError(_newer(f"FalconEye {found.falconeye}"))
    if set(found.bytes) - set(MEMBERS) or DATABASE_NAME not in found.bytes:
        raise NotABackup("the backup does not hold what it should")
    _require_known(found.revision, found.falconeye)
    return found


def _check_database(path: Path, called: str) -> str:
    """The revision of an unpacked database that is whole and that this release knows."""
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True)) as connection:
            said = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
    except sqlite3.Error as error:
        raise NotABackup(f"the database in {called} cannot be used: {error}") from error
    if said != "ok":
        raise NotABackup(f"the database in {called} is damaged: {said}")
    revision = current_revision(path)
    if revision is None:
        raise NotABackup(f"the database in {called} is empty")
    _require_known(revision, "a newer FalconEye")
    return revision


def _require_known(revision: str, whose: str) -> None:
    known = migrations.revisions()
    if revision not in known:
        words = f"{whose} (its database is at {revision}, this release knows up to {known[-1]})"
        raise StartError(_newer(words))


def _newer(whose: str) -> str:
    return f"nothing was restored: the backup was made by {whose}. Install that release first"


def _check_key(restored: Path, other_key: Path | None) -> None:
    """Another node's key is not laid beside the one that this node is told to use."""
    if other_key is None or not restored.exists():
        return
    held, given = set(read_keys(restored)), set(read_keys(other_key))
    if held <= given:
        restored.unlink()
    elif not held & given:
        msg = (
            f"nothing was restored: this node takes its data key from {other_key}, which is "
            "another one than the backup's. Take that setting (data_key_file, LoadCredential) away "
            "for the restore; the backup's key is then "
            f"written as {KEY_NAME} into the data directory"
        )
        raise InvalidInput(msg)
    # Else the others are a cluster's, and are read from the node's own file beside the given one.


def _settle_settings(restored: Path, *, has_settings: bool) -> None:
    """A settings file of this machine stays; the backup's lies beside it, to be compared.

    So does one that names the data directory, which one that is found there must not do.
    """
    if not restored.exists():
        return
    try:
        names = set(tomllib.loads(restored.read_text(encoding="utf-8")))
    except (ValueError, RecursionError):  # no TOML, or numbers and depths that are no settings
        names = {"data_dir"}
    if has_settings or "data_dir" in names:
        restored.rename(restored.with_name(f"{restored.name}.from-backup"))


def _note(database: Path, utc_us: int, said: str, origin: Origin) -> None:
    """The audit log tells from where its earlier lines are; the index is that of another day."""
    who = (origin.who_kind, origin.who_id, origin.who_name)
    row = (utc_us, *who, "backup.restored", "database", said, origin.address)
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute(
            "INSERT INTO audit (at_us, who_kind, who_id, who_name, action, object_kind, detail, "
            "address) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            row,
        )
        replica_triggers.mark_copy(connection, restored=True)
        connection.execute("DELETE FROM sessions")
        connection.execute("DELETE FROM setup_links")
        connection.execute(
            "INSERT OR REPLACE INTO settings (key, value) VALUES (?, 'true')", (INCOMPLETE,)
        )
    with closing(sqlite3.connect(database)) as connection:  # one file, without a log beside it
        connection.execute("PRAGMA journal_mode=DELETE").fetchall()


def _leave_pending(work: Path, data_dir: Path) -> None:
    """One rename, after which the restore is to be finished; an older one that waits gives way.

    The older one goes as a whole: half removed, it would be put in place so by the next start.
    """
    pending = data_dir / pending_restore.PENDING
    with work_directory(data_dir) as old:
        with suppress(FileNotFoundError):
            pending.rename(old / pending.name)
        work.rename(pending)
        fsync(data_dir)


def forget_pending(data_dir: Path) -> bool:
    """Take a restore away that waits for the next start; whether one did.

    Only by the process that serves: nobody else puts it in place meanwhile. Unavailable where the
    disk refuses. Blocks.
    """
    with _refusals(), work_directory(data_dir) as old:
        try:
            (data_dir / pending_restore.PENDING).rename(old / pending_restore.PENDING)
        except FileNotFoundError:
            return False
        fsync(data_dir)
    return True


def _require_room(work: Path, size_bytes: int) -> None:
    if free_bytes(work) < size_bytes + _RESERVE_BYTES:
        words = f"{(size_bytes + _RESERVE_BYTES) / 1e6:.0f} MB must be free in the data directory"
        raise Unavailable(f"nothing was restored: {words}")


def _private(path: Path) -> Path:
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
    return path
