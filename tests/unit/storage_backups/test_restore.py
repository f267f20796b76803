"""A backup and the way back: what is in it, what is checked, what is kept."""

import asyncio
import dataclasses
import fcntl
import gzip
import io
import os
import sqlite3
import tarfile
import tracemalloc
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet

from falconeye.base.errors import Conflict, FalconEyeError, InvalidInput, StartError, Unavailable
from falconeye.base.secret import Secret
from falconeye.storage.backups import backup as backup_module
from falconeye.storage.backups import restore as restore_module
from falconeye.storage.backups.backup import Sources, make_backup
from falconeye.storage.backups.restore import Restored, needs_passphrase, restore
from falconeye.storage.backups.sealed_file import NotABackup, SealedReader, SealedWriter
from falconeye.storage.backups.snapshot import snapshot
from falconeye.storage.index import pending_restore
from falconeye.storage.index.database import Database
from falconeye.storage.stores.credentials import load_cipher
from tests.clock import START_US, FakeClock
from tests.databases import HEAD, closed_database, later_release

PASSPHRASE = Secret("correct horse battery")
KEY = Fernet.generate_key()


def sql(path: Path, statement: str, *values: Any) -> list[Any]:
    with closing(sqlite3.connect(path)) as connection, connection:
        return connection.execute(statement, values).fetchall()


async def fill(database: Database) -> None:
    async def write(connection: Any) -> None:
        for statement in (
            "INSERT INTO settings VALUES ('keep_days', '30')",
            "INSERT INTO coverage_steps VALUES ('cam', 1, 'camera_offline', 'no answer')",
            "INSERT INTO segments VALUES (1, 2, 3, 4, 5, 6, 7, 8, 9, 0)",
            (
                "INSERT INTO audit "
                "(at_us, who_kind, who_name, action, object_kind, detail, address) "
                "VALUES (1, 'user', 'anna', 'camera.added', 'camera', '', '')"
            ),
        ):
            await connection.exec_driver_sql(statement)

    await database.write(write)


@pytest.fixture
async def sources(tmp_path: Path, database: Database) -> Sources:
    await fill(database)
    key = tmp_path / "data" / "data.key"
    await asyncio.to_thread(key.write_bytes, KEY + b"\n")
    settings = tmp_path / "falconeye.toml"
    await asyncio.to_thread(settings.write_text, 'node_name = "attic"\n')
    return Sources(tmp_path / "data", key, settings, "attic")


async def made(sources: Sources, file: Path) -> Path:
    await asyncio.to_thread(make_backup, sources, file, PASSPHRASE, START_US)
    return file


async def restored(file: Path, data_dir: Path, **more: Any) -> Restored:
    options: dict[str, Any] = {"other_key": None, "has_settings": False, "utc_us": START_US}
    given = more.pop("passphrase", PASSPHRASE)
    return await asyncio.to_thread(lambda: restore(file, data_dir, given, **{**options, **more}))


async def test_all_but_footage_comes_back(sources: Sources, tmp_path: Path) -> None:
    """Made while the database is open and written to."""
    file = await made(sources, tmp_path / "node.backup")
    assert file.stat().st_mode & 0o777 == 0o600
    assert KEY not in file.read_bytes()
    target = tmp_path / "new"
    done = await restored(file, target)
    assert (done.in_place, done.kept, done.revision) == (True, (), HEAD)
    assert done.manifest
    assert done.manifest.node_name == "attic"
    assert (target / "data.key").read_bytes() == KEY + b"\n"
    assert (target / "falconeye.toml").read_text() == 'node_name = "attic"\n'
    database = target / "falconeye.sqlite3"
    assert sql(database, "SELECT value FROM settings WHERE key = 'keep_days'") == [(30,)]
    assert sql(database, "SELECT detail FROM coverage_steps") == [("no answer",)]
    assert sql(database, "SELECT count(*) FROM segments") == [(0,)]
    assert [row[0] for row in sql(database, "SELECT action FROM audit ORDER BY id")] == [
        "camera.added", "backup.restored",
    ]  # fmt: skip
    with pytest.raises(sqlite3.IntegrityError, match="only grows"):
        sql(database, "DELETE FROM audit")
    for path in (target, database, target / "data.key"):
        assert path.stat().st_mode & 0o077 == 0
    assert not [path.name for path in target.iterdir() if path.name.startswith((".", "restore"))]


async def test_the_snapshot_has_the_schema_of_its_source(sources: Sources, tmp_path: Path) -> None:
    copy = tmp_path / "copy.sqlite3"
    await asyncio.to_thread(snapshot, sources.database, copy)
    schema = "SELECT type, name, sql FROM sqlite_master ORDER BY type, name"
    assert sql(copy, schema) == sql(sources.database, schema)
    assert sql(copy, "SELECT seq FROM sqlite_sequence WHERE name = 'audit'") == [(1,)]
    assert sql(copy, "PRAGMA integrity_check") == [("ok",)]


async def test_what_is_replaced_stays_beside(
    sources: Sources, tmp_path: Path, clock: FakeClock
) -> None:
    file = await made(sources, tmp_path / "node.backup")
    other = closed_database(tmp_path / "other", clock)
    await other.open(exclusive=True)
    await other.write(
        lambda connection: connection.exec_driver_sql("INSERT INTO settings VALUES ('mine', '1')")
    )
    await other.close()
    (tmp_path / "other" / "data.key").write_bytes(Fernet.generate_key())
    done = await restored(file, tmp_path / "other", has_settings=True)
    database, key = sorted(done.kept, key=lambda path: path.suffix == ".key")
    assert database.parent == tmp_path / "other"
    assert sql(database, "SELECT key FROM settings") == [("mine",)]
    assert key.suffix == ".key"
    assert (tmp_path / "other" / "falconeye.toml.from-backup").exists()
    assert not (tmp_path / "other" / "falconeye.toml").exists()
    opened = closed_database(tmp_path / "other", clock)
    await opened.open(exclusive=True)
    await opened.close()


async def test_the_audit_log_says_which_settings_a_restore_changed(
    sources: Sources, tmp_path: Path, clock: FakeClock
) -> None:
    file = await made(sources, tmp_path / "node.backup")
    other = closed_database(tmp_path / "other", clock)
    await other.open(exclusive=True)
    rows = [
        ("keep_days", "7"),
        ("clock_format", '"12h"'),
        ("week_start", '"mon"'),
        ("webhook_url", '"https://ha.lan/*** gAAAA"'),
    ]

    async def write(connection: Any) -> None:
        for row in rows:
            await connection.exec_driver_sql("INSERT INTO settings VALUES (?, ?)", row)

    await other.write(write)
    await other.close()
    await restored(file, tmp_path / "other")
    noted = "SELECT detail FROM audit WHERE action = 'backup.restored'"
    assert sql(tmp_path / "other" / "falconeye.sqlite3", noted) == [
        ("node.backup; clock_format: 12h, then 24h; keep_days: 7, then 30; webhook_url: changed",)
    ]


async def test_a_damaged_database_is_replaced_and_kept(sources: Sources, tmp_path: Path) -> None:
    file = await made(sources, tmp_path / "node.backup")
    target = tmp_path / "other"
    target.mkdir()
    (target / "falconeye.sqlite3").write_bytes(b"not a database" * 1000)
    (target / "falconeye.sqlite3-wal").write_bytes(b"its log")
    done = await restored(file, target)
    assert sorted(path.read_bytes()[:7] for path in done.kept) == [b"its log", b"not a d"]
    assert sql(target / "falconeye.sqlite3", "PRAGMA integrity_check") == [("ok",)]


async def test_beside_a_running_node_it_waits_for_the_next_start(
    sources: Sources, database: Database, tmp_path: Path, clock: FakeClock
) -> None:
    file = await made(sources, tmp_path / "node.backup")
    await database.write(
        lambda connection: connection.exec_driver_sql("INSERT INTO settings VALUES ('new', '1')")
    )
    done = await restored(file, sources.data_dir)
    assert not done.in_place
    count = "SELECT count(*) FROM settings WHERE key = 'new'"
    assert sql(sources.database, count) == [(1,)]
    await database.close()
    again = closed_database(sources.data_dir, clock)
    await again.open(exclusive=True)
    await again.close()
    assert sql(sources.database, count) == [(0,)]
    assert not await asyncio.to_thread(pending_restore.is_pending, sources.data_dir)
    [kept] = sources.data_dir.glob("falconeye-replaced-*.sqlite3")
    assert sql(kept, count) == [(1,)]


@pytest.mark.parametrize("steps", range(4))
async def test_a_crash_while_it_is_put_in_place_is_made_good_by_the_next_start(
    steps: int, sources: Sources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ends before each of the renames in turn; the next start finishes it."""
    file = await made(sources, tmp_path / "node.backup")
    target = tmp_path / "other"
    await restored(file, target)
    sql(target / "falconeye.sqlite3", "INSERT INTO settings VALUES ('mine', '1')")
    real, left = os.link, [steps]

    class Crash(BaseException):
        pass

    def step(original: Any) -> Any:
        def stepped(*words: Any, **more: Any) -> Any:
            left[0] -= 1
            if left[0] < 0:
                raise Crash
            return original(*words, **more)

        return stepped

    with monkeypatch.context() as patch:
        patch.setattr("falconeye.storage.index.pending_restore.os.link", step(real))
        patch.setattr(Path, "replace", step(Path.replace))
        try:
            await restored(file, target, utc_us=START_US + 10**6)
        except Crash:
            assert await asyncio.to_thread(pending_restore.is_pending, target)
    await asyncio.to_thread(pending_restore.put_in_place, target, START_US + 2 * 10**6)
    mine = "SELECT count(*) FROM settings WHERE key = 'mine'"
    assert sql(target / "falconeye.sqlite3", mine) == [(0,)]
    kept = [sql(path, mine) for path in target.glob("falconeye-replaced-*.sqlite3")]
    assert [(1,)] in kept


async def test_a_restore_that_gives_way_to_another_goes_as_a_whole(
    sources: Sources, database: Database, tmp_path: Path, clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Killed while the older one is removed: the key of a backup never meets another database."""
    file = await made(sources, tmp_path / "node.backup")
    own = Fernet.generate_key()
    await asyncio.to_thread(sources.key_file.write_bytes, own)
    await database.write(
        lambda connection: connection.exec_driver_sql("INSERT INTO settings VALUES ('new', '1')")
    )
    assert not (await restored(file, sources.data_dir)).in_place

    class Crash(BaseException):
        pass

    def half(path: Path, **_: Any) -> None:
        found = sorted(path.rglob("falconeye.sqlite3"))
        if found:
            found[0].unlink()
            raise Crash

    with monkeypatch.context() as patch:
        patch.setattr("shutil.rmtree", half)
        with pytest.raises(Crash):
            await restored(file, sources.data_dir)
    await database.close()
    again = closed_database(sources.data_dir, clock)
    await again.open(exclusive=True)
    await again.close()
    is_old = sql(sources.database, "SELECT count(*) FROM settings WHERE key = 'new'") == [(1,)]
    assert (sources.key_file.read_bytes() == own) is is_old


async def test_a_database_without_its_tables_is_refused(tmp_path: Path, target: Path) -> None:
    file = tmp_path / "odd.sqlite3"
    sql(file, "CREATE TABLE alembic_version (version_num TEXT)")
    sql(file, "INSERT INTO alembic_version VALUES (?)", HEAD)
    await unchanged(file, target, Unavailable, "nothing was restored: no such table")


async def test_what_killed_processes_left_is_removed(sources: Sources, tmp_path: Path) -> None:
    """It holds the data key in clear; what a living process works in stays."""
    abandoned, used = sources.data_dir / ".backup-dead", sources.data_dir / ".backup-live"
    for directory in (abandoned, used):
        directory.mkdir()
        (directory / "data.key").write_bytes(KEY)
    fd = os.open(used, os.O_RDONLY)
    try:
        fcntl.flock(fd, fcntl.LOCK_SH)
        await made(sources, tmp_path / "node.backup")
        assert [abandoned.exists(), used.exists()] == [False, True]
    finally:
        os.close(fd)


def contents(folder: Path) -> dict[str, bytes]:
    """Every file in it, by name; a directory in it is an error."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


async def unchanged(file: Path, target: Path, error: type[FalconEyeError], words: str) -> None:
    """The restore is refused in these words, and nothing in the directory is another."""
    before = await asyncio.to_thread(contents, target)
    with pytest.raises(error, match=words):
        await restored(file, target)
    assert await asyncio.to_thread(contents, target) == before


@pytest.fixture
async def target(tmp_path: Path, clock: FakeClock) -> Path:
    other = closed_database(tmp_path / "other", clock)
    await other.open()
    await other.close()
    return tmp_path / "other"


async def test_a_newer_backup_is_refused(sources: Sources, tmp_path: Path, target: Path) -> None:
    with later_release(tmp_path):
        newer = closed_database(tmp_path / "newer", FakeClock())
        await newer.open()
        await newer.close()
        file = await made(
            Sources(tmp_path / "newer", sources.key_file, None, "new"), tmp_path / "new.backup"
        )
        plain = tmp_path / "plain.sqlite3"
        await asyncio.to_thread(snapshot, tmp_path / "newer" / "falconeye.sqlite3", plain)
    await unchanged(file, target, StartError, "Install that release first")
    await unchanged(plain, target, StartError, "this release knows up to")


async def test_wrong_and_damaged_files_change_nothing(
    sources: Sources, tmp_path: Path, target: Path
) -> None:
    file = await made(sources, tmp_path / "node.backup")
    content = file.read_bytes()
    cases = {"cut": content[:-3], "head": content[:30], "empty": b"", "other": b"x" * 500}
    for name, changed in cases.items():
        bad = tmp_path / f"{name}.backup"
        bad.write_bytes(changed)
        await unchanged(bad, target, NotABackup, ".")
    with pytest.raises(NotABackup, match="passphrase"):
        await restored(file, target, passphrase=Secret("another one of them"))
    with pytest.raises(InvalidInput, match="passphrase"):
        await restored(file, target, passphrase=None)
    with pytest.raises(InvalidInput, match="cannot read"):
        needs_passphrase(tmp_path / "nowhere")


def sealed_tar(file: Path, members: dict[str, bytes]) -> None:
    with file.open("wb") as target:
        sealed = SealedWriter(target, PASSPHRASE)
        with (
            gzip.GzipFile(fileobj=sealed, mode="wb") as packed,
            tarfile.open(fileobj=packed, mode="w|") as tar,
        ):
            for name, content in members.items():
                member = tarfile.TarInfo(name)
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
        sealed.finish()


async def test_a_backup_writes_only_what_belongs_there(tmp_path: Path, target: Path) -> None:
    for members in (
        {"../escaped": b"x"},
        {"manifest.json": b"{}"},
        {"manifest.json": b"[" * 100_000},
        {
            "manifest.json": b'{"format": 1, "falconeye": "1", "revision": "0001", '
            b'"node_name": "", "made_at": "", "bytes": {"../../x": 1}}'
        },
    ):
        file = tmp_path / "made.backup"
        await asyncio.to_thread(sealed_tar, file, members)
        await unchanged(file, target, NotABackup, ".")
    assert not (tmp_path / "escaped").exists()


HUGE_NUMBER = "9" * 5000  # more digits than Python makes a number of


@pytest.mark.parametrize("text", [f"port = {HUGE_NUMBER}", "port = " + "[" * 100_000, "\0", "="])
async def test_a_settings_file_that_cannot_be_read_is_laid_beside(
    sources: Sources, tmp_path: Path, target: Path, text: str
) -> None:
    assert sources.settings_file is not None
    await asyncio.to_thread(sources.settings_file.write_text, text)
    done = await restored(await made(sources, tmp_path / "node.backup"), target)
    assert done.in_place
    assert (target / "falconeye.toml.from-backup").read_text() == text
    assert not (target / "falconeye.toml").exists()


@pytest.mark.parametrize("value", ["{", f"[{HUGE_NUMBER}]", "[" * 100_000, "\0"])
async def test_settings_of_the_site_that_cannot_be_read_are_refused(
    sources: Sources, tmp_path: Path, target: Path, value: str
) -> None:
    database = sources.data_dir / "falconeye.sqlite3"
    await asyncio.to_thread(sql, database, "UPDATE settings SET value = ?", value)
    file = await made(sources, tmp_path / "node.backup")
    await unchanged(file, target, NotABackup, "settings of the site")


BOMB_BYTES = 96 << 20


def header(kind: bytes, name: str, size: int) -> bytes:
    member = tarfile.TarInfo(name)
    member.type, member.size = kind, size
    return member.tobuf(tarfile.USTAR_FORMAT)


@pytest.mark.parametrize(
    "start",
    [
        header(tarfile.XHDTYPE, "pax", BOMB_BYTES),
        header(tarfile.XGLTYPE, "pax", BOMB_BYTES),
        header(tarfile.GNUTYPE_LONGNAME, "long", BOMB_BYTES),
        header(tarfile.REGTYPE, "manifest.json", BOMB_BYTES),
        header(tarfile.REGTYPE, "falconeye.sqlite3", BOMB_BYTES),
    ],
)
async def test_a_bomb_is_neither_held_in_memory_nor_written(
    tmp_path: Path, target: Path, start: bytes
) -> None:
    file = tmp_path / "bomb.backup"

    def make() -> None:
        with file.open("wb") as opened:
            sealed = SealedWriter(opened, PASSPHRASE)
            with gzip.GzipFile(fileobj=sealed, mode="wb", compresslevel=1) as packed:
                packed.write(start)
                for _ in range(BOMB_BYTES >> 20):
                    packed.write(bytes(1 << 20))
            sealed.finish()

    await asyncio.to_thread(make)
    assert file.stat().st_size < BOMB_BYTES // 50
    tracemalloc.start()
    try:
        await unchanged(file, target, NotABackup, ".")
        assert tracemalloc.get_traced_memory()[1] < BOMB_BYTES // 4
    finally:
        tracemalloc.stop()


async def test_what_stands_behind_a_backup_is_not_unpacked(
    sources: Sources, tmp_path: Path, target: Path
) -> None:
    """All that is within it is as its list says."""
    whole = await made(sources, tmp_path / "node.backup")
    longer = tmp_path / "longer.backup"

    def add() -> None:
        with whole.open("rb") as opened, longer.open("wb") as copy:
            content = gzip.decompress(SealedReader(opened, PASSPHRASE).readall())
            sealed = SealedWriter(copy, PASSPHRASE)
            with gzip.GzipFile(fileobj=sealed, mode="wb", compresslevel=1) as packed:
                packed.write(content + bytes(4 << 20))
            sealed.finish()

    await asyncio.to_thread(add)
    await unchanged(longer, target, NotABackup, "behind its end")


async def test_a_disk_without_room_is_said(
    sources: Sources, tmp_path: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = await made(sources, tmp_path / "node.backup")
    monkeypatch.setattr(restore_module, "free_bytes", lambda _path: 1000)
    await unchanged(file, target, Unavailable, "must be free")
    monkeypatch.setattr(backup_module, "free_bytes", lambda _path: 1000)
    with pytest.raises(Unavailable, match="full"):
        await made(sources, tmp_path / "second.backup")
    assert not (tmp_path / "second.backup").exists()


async def test_a_file_that_is_there_is_not_overwritten(sources: Sources, tmp_path: Path) -> None:
    file = await made(sources, tmp_path / "node.backup")
    with pytest.raises(Conflict):
        await made(sources, file)
    with pytest.raises(InvalidInput):
        await asyncio.to_thread(
            make_backup, sources, tmp_path / "weak.backup", Secret("short"), START_US
        )
    assert await asyncio.to_thread(lambda: list(tmp_path.glob("*.part"))) == []


async def test_another_key_file_is_not_passed_over(
    sources: Sources, tmp_path: Path, target: Path
) -> None:
    """A node that is told where its key is would not look at the one we write."""
    file = await made(sources, tmp_path / "node.backup")
    given = tmp_path / "given.key"
    given.write_bytes(Fernet.generate_key())
    with pytest.raises(InvalidInput, match="another one than the backup's"):
        await restored(file, target, other_key=given)
    given.write_bytes(Fernet.generate_key() + b"\n" + KEY)
    done = await restored(file, target, other_key=given)
    assert done.in_place
    assert not (target / "data.key").exists()


async def test_a_cluster_s_keys_are_in_the_backup_where_the_node_s_own_is_given(
    sources: Sources, tmp_path: Path, target: Path
) -> None:
    """They lie in `data.key` beside the file that is given, and nowhere else on this node."""
    given, clusters = tmp_path / "given.key", Fernet.generate_key()
    await asyncio.to_thread(given.write_bytes, KEY + b"\n")
    own = sources.data_dir / "data.key"
    await asyncio.to_thread(own.write_bytes, clusters + b"\n")
    own_cipher = await asyncio.to_thread(load_cipher, sources.data_dir, given, {})
    secret = own_cipher.encrypt(Secret("of a camera"))
    file = await made(dataclasses.replace(sources, key_file=given), tmp_path / "node.backup")
    done = await restored(file, target, other_key=given)
    assert done.in_place
    again = await asyncio.to_thread(load_cipher, target, given, {})
    assert again.decrypt(secret) == Secret("of a camera")
    alone = tmp_path / "alone"  # where nothing is given
    await restored(file, alone)
    cipher = await asyncio.to_thread(load_cipher, alone, None, {})
    assert cipher.keys == [clusters, KEY]
    assert cipher.decrypt(secret) == Secret("of a camera")
