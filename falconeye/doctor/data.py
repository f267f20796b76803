"""The data directory: database, rights, nightly copies, the port. Blocks, but for `database`."""

import errno
import os
import socket
import stat
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from falconeye.base.clock import Clock
from falconeye.base.errors import FalconEyeError
from falconeye.base.times import DAY_US
from falconeye.base.words import counted
from falconeye.config.settings import NodeSettings
from falconeye.doctor.finding import Finding, Level
from falconeye.storage import migrations
from falconeye.storage.backups.nightly import KeptBackup
from falconeye.storage.checks import health_rows, rebuild
from falconeye.storage.index.data_directory import (
    NETWORK_FILE_SYSTEMS,
    file_system_type,
    free_bytes,
)
from falconeye.storage.index.database import Database
from falconeye.storage.index.schema import current_revision

_LARGE_LOG: Final = 256 << 20
_LITTLE_ROOM: Final = 500 << 20
_NO_ROOM: Final = 64 << 20
_OLD_BACKUP_DAYS: Final = 3
_CLOCK_DAYS: Final = 7
_CONNECT_S: Final = 2.0


async def database(opened: Database, clock: Clock) -> list[Finding]:
    """Integrity, index, and how often the clock was set."""
    try:
        said = await opened.read(health_rows.quick_check)
        incomplete = await rebuild.is_needed(opened)
        week_us = clock.utc_us() - _CLOCK_DAYS * DAY_US
        steps = await opened.read(partial(health_rows.clock_steps, week_us))
    except FalconEyeError as error:
        return [_damaged(str(error))]
    found = [
        Finding("database", "integrity", Level.OK, "no fault found") if said == "ok"
        else _damaged(said)
    ]  # fmt: skip
    if incomplete:
        words = "the database came from a backup, and footage is not indexed yet"
        advice = "It is indexed while the recorder runs: see that it runs, and all disks are there"
        found.append(Finding("database", "index", Level.WARN, words, advice))
    if steps:
        times = counted(steps, "time")
        words = f"the clock was set {times} in {_CLOCK_DAYS} days while the recorder ran"
        advice = "See what sets it (NTP servers, a second NTP program, an empty clock battery)"
        found.append(Finding("clock", "jumps", Level.WARN, words, advice))
    else:
        words = f"it was not set in {_CLOCK_DAYS} days"
        found.append(Finding("clock", "jumps", Level.OK, words))
    return found


def files(settings: NodeSettings, database_path: Path) -> list[Finding]:
    """Size, write-ahead log, schema, room, rights."""
    return [
        *_sizes(database_path),
        _schema(database_path),
        *_room(settings.data_dir),
        *_rights(settings.data_dir),
    ]


def backups(kept: Sequence[KeptBackup], settings: NodeSettings, clock: Clock) -> list[Finding]:
    """Whether the nights leave copies: each place for itself, for one may hide that one fails."""
    if not settings.nightly_backup:
        advice = "Set nightly_backup = true, or run 'falconeye backup' regularly"
        return [Finding("backup", "nightly", Level.WARN, "switched off", advice)]
    directory = settings.backup_dir
    other = [one for one in kept if directory is not None and one.path.parent == directory]
    found = [_nights("nightly", [one for one in kept if one not in other], clock)]
    if directory is not None:
        found.append(_nights(f"nightly, in {directory}", other, clock))
    return found


def _nights(subject: str, kept: Sequence[KeptBackup], clock: Clock) -> Finding:
    now_us = clock.utc_us()
    made = [one.made_us for one in kept if one.made_us <= now_us + DAY_US]
    if not made:
        words, advice = "none yet", "The first is made within minutes of a start of the recorder"
        return Finding("backup", subject, Level.WARN, words, advice)
    days = max(0, now_us - max(made)) // DAY_US
    if days >= _OLD_BACKUP_DAYS:
        advice = "The page Settings → Backup and the log say why; the disk may be full or away"
        return Finding(
            "backup", subject, Level.WARN, f"the newest is {counted(days, 'day')} old", advice
        )
    return Finding(
        "backup", subject, Level.OK, f"{len(kept)} kept, the newest {counted(days, 'day')} old"
    )


def port(settings: NodeSettings, *, is_served: bool) -> Finding:
    """Whether the node answers on its port, or could have it."""
    subject = f"port {settings.port}"
    if settings.port == 0:
        return Finding("network", "port", Level.OK, "any free one")
    if is_served:
        return _answers(settings, subject)
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((settings.host, settings.port))
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            advice = "End that program, or choose another port: --port or FALCONEYE_PORT"
            return Finding("network", subject, Level.FAIL, "another program has it", advice)
        advice = "Choose an address of this machine (--host) and a port from 1024"
        return Finding("network", subject, Level.FAIL, f"cannot be had: {error.strerror}", advice)
    return Finding("network", subject, Level.OK, "is free (no recorder is running)")


def _answers(settings: NodeSettings, subject: str) -> Finding:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104 - compared
    try:
        socket.create_connection((host, settings.port), _CONNECT_S).close()
    except OSError as error:
        words = f"a recorder is running, but does not answer at {host}: {error.strerror or error}"
        advice = "It may have been started with another --host or --port; restart it if it hangs"
        return Finding("network", subject, Level.WARN, words, advice)
    return Finding("network", subject, Level.OK, f"the recorder answers at {host}")


def _damaged(said: str) -> Finding:
    advice = (
        "Stop the recorder, then bring back a copy: falconeye restore FILE (the directory "
        "'backups' in the data directory, or your own)"
    )
    return Finding("database", "integrity", Level.FAIL, said, advice)


def _sizes(path: Path) -> Iterator[Finding]:
    size = path.stat().st_size
    wal = path.with_name(f"{path.name}-wal")
    log = wal.stat().st_size if wal.exists() else 0
    words = f"{size / 1e6:.1f} MB, and {log / 1e6:.1f} MB of log"
    if log > _LARGE_LOG:
        advice = "Something holds the database open for long: end other programs that read it"
        yield Finding("database", "size", Level.WARN, words, advice)
    else:
        yield Finding("database", "size", Level.OK, words)


def _schema(path: Path) -> Finding:
    current, head = current_revision(path), migrations.revisions()[-1]
    if current == head:
        return Finding("database", "schema", Level.OK, f"revision {current}")
    advice = "Restart the recorder with this release"
    words = f"revision {current}, this release wants {head}"
    return Finding("database", "schema", Level.WARN, words, advice)


def _room(data_dir: Path) -> Iterator[Finding]:
    free = free_bytes(data_dir)
    level = Level.OK if free >= _LITTLE_ROOM else Level.WARN
    if free < _NO_ROOM:
        level = Level.FAIL
    advice = "" if level is Level.OK else "Make room on that disk: the database lives there"
    yield Finding("disk", str(data_dir), level, f"{free / 1e9:.1f} GB are free", advice)
    kind = file_system_type(data_dir)
    if kind in NETWORK_FILE_SYSTEMS:
        advice = "Move the data directory to a local disk (--data-dir)"
        words = f"it lies on a network ({kind}), where SQLite loses data"
        yield Finding("disk", str(data_dir), Level.FAIL, words, advice)


def _rights(data_dir: Path) -> Iterator[Finding]:
    status = data_dir.stat()
    if not os.access(data_dir, os.W_OK | os.X_OK):
        advice = f"Give it to the user who runs the recorder: chown -R USER {data_dir}"
        yield Finding("rights", str(data_dir), Level.FAIL, "cannot be written", advice)
    entries = [file for file in data_dir.iterdir() if file.name != "lost+found"]
    foreign = [file.name for file in entries if file.lstat().st_uid != status.st_uid]
    if foreign:
        words = f"files of another user in it: {', '.join(sorted(foreign)[:5])}"
        advice = f"Give them to the recorder's user: chown -R {status.st_uid} {data_dir}"
        yield Finding("rights", str(data_dir), Level.FAIL, words, advice)
    secret = [file for file in entries if file.suffix in {".key", ".sqlite3"}]
    open_ones = [file.name for file in secret if file.lstat().st_mode & 0o077]
    if status.st_mode & 0o077 and open_ones:
        words = f"other users of this machine can read {', '.join(sorted(open_ones))}"
        advice = f"chmod 700 {data_dir}"
        yield Finding("rights", str(data_dir), Level.WARN, words, advice)
    elif not foreign:
        mode = stat.filemode(status.st_mode)
        yield Finding("rights", str(data_dir), Level.OK, f"is the recorder's own ({mode})")
