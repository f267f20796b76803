"""Migrations: from nothing, with a backup, never over a newer one, and back."""

import os
import re
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from typing_extensions import override

from falconeye.base.errors import StartError
from falconeye.storage import migrations
from falconeye.storage.index import schema
from falconeye.storage.index.data_directory import DATABASE_NAME
from falconeye.storage.index.instance_lock import InstanceLock
from tests.clock import FakeClock
from tests.databases import HEAD, LATER, closed_database, later_release


@pytest.fixture
def path(tmp_path: Path) -> Path:
    empty = tmp_path / DATABASE_NAME
    empty.touch()
    return empty


def migrate(path: Path, clock: FakeClock) -> None:
    schema.migrate(path, InstanceLock(path.parent), clock)


def execute(path: Path, sql: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection, connection:
        return connection.execute(sql).fetchall()


def backups(path: Path) -> list[Path]:
    return sorted((path.parent / "backups").glob("*.sqlite3"))


def test_an_empty_file_gets_the_newest_schema_without_a_backup(
    path: Path, clock: FakeClock
) -> None:
    migrate(path, clock)
    assert schema.current_revision(path) == HEAD
    assert backups(path) == []
    assert not InstanceLock(path.parent).held
    assert InstanceLock(path.parent).try_acquire()


def shape(path: Path) -> dict[str, object]:
    """What SQLite knows of tables, columns, keys and indexes, whatever their order and spelling."""
    found: dict[str, object] = {}
    for _, table, kind, columns, without_rowid, _ in execute(path, "PRAGMA main.table_list"):
        if str(table).startswith("sqlite_"):
            continue
        indexes = {
            str(name) if origin == "c" else str(origin) + str(key): (unique, key)
            for _, name, unique, origin, _ in execute(path, f"PRAGMA index_list('{table}')")
            for key in [tuple(execute(path, f"PRAGMA index_xinfo('{name}')"))]
        }
        found[str(table)] = (
            (kind, columns, without_rowid),
            sorted(row[1:] for row in execute(path, f"PRAGMA table_xinfo('{table}')")),
            sorted(row[2:] for row in execute(path, f"PRAGMA foreign_key_list('{table}')")),
            indexes,
        )
    return found


def texts(path: Path) -> dict[str, str]:
    """What PRAGMAs do not tell: triggers, views, CHECK and AUTOINCREMENT, in one spelling."""
    rows = execute(path, "SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL")
    found: dict[str, str] = {}
    for kind, name, sql in rows:
        text = re.sub(r"\s+", " ", str(sql)).replace('"', "").replace("( ", "(").replace(" )", ")")
        if kind in {"trigger", "view"}:
            found[f"{kind} {name}"] = text.lower()
        elif kind == "table":
            words = re.findall(r"check ?\(.*?\)(?=[,)])|autoincrement", text.lower())
            found[f"{kind} {name}"] = " ".join(sorted(words))
    return found


def test_a_new_database_equals_what_the_revisions_make(
    path: Path, tmp_path: Path, clock: FakeClock
) -> None:
    migrate(path, clock)
    stepwise = tmp_path / "stepwise.sqlite3"
    stepwise.touch()
    schema._run_alembic(stepwise, "upgrade", HEAD)
    made, stepped = shape(path), shape(stepwise)
    assert set(made) == set(stepped)
    assert texts(path) == texts(stepwise)
    for table, facts in made.items():
        assert facts == stepped[table], table


def test_the_tables_are_what_the_revisions_make(path: Path) -> None:
    schema._run_alembic(path, "upgrade", HEAD)
    config = Config()
    config.set_main_option("script_location", str(migrations.DIRECTORY))
    with schema._migration_connection(path) as connection:
        config.attributes["connection"] = connection
        command.check(config)  # raises when tables.py and the revisions differ


OPENS = """
import asyncio, sys
from pathlib import Path
from falconeye.base.clock import SystemClock
from falconeye.storage.index.database import Database

async def main():
    for state in ("new", "present"):
        database = Database(Path(sys.argv[1]), SystemClock(), ballast_bytes=4096)
        await database.open(exclusive=True)
        await database.close()
        print(state, "alembic" in sys.modules)

asyncio.run(main())
"""


def test_alembic_is_not_loaded_for_a_new_or_a_present_database(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", OPENS, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
    )
    assert done.stdout.splitlines() == ["new False", "present False"]


def test_the_file_names_are_the_revisions() -> None:
    known = migrations.revisions()
    assert known[0] == "0001"
    for revision, before in zip(known, [None, *known], strict=False):
        (file,) = (migrations.DIRECTORY / "versions").glob(f"{revision}_*.py")
        source = file.read_text()
        assert f'revision = "{revision}"' in source
        assert f"down_revision = {before!r}".replace("'", '"') in source


ROWS = {
    "users": "('u1', 'Anna', 'anna', 'hash', 'admin', NULL, 0, NULL, 1, 1, NULL, NULL)",
    "sessions": "('s1', x'00', 'u1', 1, 1, '::1', 'a browser', 0, 0)",
    "settings": "('k', '{}')",
    "streams": "(1, 'cam', 'main', 7, NULL)",
    "segments": "(1, 100, 1, 1, 60, 90, 0, 5, 1, 0)",
    "fragments": "(1, 100, x'01')",
    "recordings": "('r1', 'cam', 'Door', 'manual', 1, 1, 1, 100, 160, 'completed', 5, 60, 1, "
    "0, 1, 0, 'pi-1', NULL, NULL)",
}


def fill(path: Path) -> None:
    for table, values in ROWS.items():
        execute(path, f"INSERT INTO {table} VALUES {values}")  # noqa: S608


def contents(path: Path) -> dict[str, list[tuple[object, ...]]]:
    return {table: execute(path, f"SELECT * FROM {table}") for table in ROWS}  # noqa: S608


def test_the_way_to_a_later_release_and_back_loses_nothing(
    path: Path, clock: FakeClock, tmp_path: Path
) -> None:
    migrate(path, clock)
    fill(path)
    before = (shape(path), texts(path), contents(path))
    with later_release(tmp_path):
        migrate(path, clock)
        assert schema.current_revision(path) == LATER
        (copy,) = backups(path)
        assert copy.stem.endswith(f"-{HEAD}")
        assert (shape(copy), texts(copy), contents(copy)) == before
        assert copy.stat().st_mode & 0o777 == 0o600
        assert "tags" in shape(path)
        assert execute(path, "SELECT id, language FROM users") == [("u1", None)]
        clock.advance(60)
        schema.downgrade(path, HEAD, clock)
        assert backups(path)[-1].stem.endswith(f"-{LATER}")
    assert schema.current_revision(path) == HEAD
    assert (shape(path), texts(path), contents(path)) == before
    migrate(path, clock)  # this release takes it as it is
    assert len(backups(path)) == 2


def test_stretches_of_before_have_no_step_and_survive_the_way_back(
    path: Path, clock: FakeClock
) -> None:
    """Of a release that did not note how far the clock was set."""
    schema._run_alembic(path, "upgrade", "0007")
    execute(path, "INSERT INTO uptimes VALUES (1, 9, 'clock_changed', 3), (5, 20, NULL, NULL)")
    migrate(path, clock)
    wanted = [(1, 9, "clock_changed", 3, None), (5, 20, None, None, None)]
    assert execute(path, "SELECT * FROM uptimes ORDER BY from_us") == wanted
    execute(path, "UPDATE uptimes SET step_us = -4 WHERE from_us = 5")
    schema.downgrade(path, "0007", clock)
    assert execute(path, "SELECT * FROM uptimes ORDER BY from_us") == [row[:4] for row in wanted]


def test_a_release_that_knows_no_protected_times_keeps_the_recordings_of_them(
    path: Path, clock: FakeClock
) -> None:
    migrate(path, clock)
    for name, camera, span in (
        ("within", "cam", "10, 20"),
        ("beside", "cam", "20, 30"),
        ("open", "cam", "15, NULL"),
        ("other", "else", "10, 20"),
    ):
        execute(
            path,
            f"INSERT INTO recordings VALUES ('{name}', '{camera}', 'Door', 'continuous', 1, 1, 1, "  # noqa: S608
            f"{span}, 'completed', 5, 60, 1, 0, 0, 0, 'pi-1', NULL, NULL)",
        )
    execute(path, "INSERT INTO protections VALUES (1, 'cam', 12, 20, 'anna', '', NULL)")
    schema.downgrade(path, "0008", clock)
    kept = execute(path, "SELECT id FROM recordings WHERE protected ORDER BY id")
    assert kept == [("open",), ("within",)]
    migrate(path, clock)
    assert execute(path, "SELECT count(*) FROM protections") == [(0,)]


def test_a_usb_camera_comes_back_as_itself(path: Path, clock: FakeClock) -> None:
    """The release before cannot read it: it is off there, and not another one's device later."""
    migrate(path, clock)
    identity = "usb:046d:0825:port:platform-a-usb-0:1.2"
    values = {
        "id": "cam", "name": "Bench", "protocol": "usb", "address_key": f"usb:pi-1:{identity}",
        "node_name": "pi-1", "location": "", "transport": "auto", "audio": 0,
        "record": "continuous", "started": 1, "allow_local": 0, "metadata": "{}",
        "device_identity": identity, "created_at_us": 1, "updated_at_us": 1,
    }  # fmt: skip
    names, marks = ", ".join(values), ", ".join(f"'{value}'" for value in values.values())
    execute(path, f"INSERT INTO cameras ({names}) VALUES ({marks})")  # noqa: S608
    schema.downgrade(path, "0010", clock)
    assert execute(path, "SELECT protocol, started FROM cameras") == [("usb", 0)]
    migrate(path, clock)
    found = execute(path, "SELECT device_identity, overlay, device_controls FROM cameras")
    assert found == [(identity, "none", "{}")]


def test_a_downgrade_to_where_it_is_does_nothing(path: Path, clock: FakeClock) -> None:
    migrate(path, clock)
    before = path.read_bytes()
    schema.downgrade(path, HEAD, clock)
    assert (path.read_bytes(), backups(path)) == (before, [])


def test_every_revision_goes_all_the_way_back(path: Path, clock: FakeClock) -> None:
    migrate(path, clock)
    schema._run_alembic(path, "downgrade", "base")
    tables = {row[0] for row in execute(path, "SELECT name FROM sqlite_master")}
    assert {str(name) for name in tables if not str(name).startswith("sqlite_")} == {
        "alembic_version"
    }


_KILLED = """
import os, signal, sys
from pathlib import Path
from falconeye.base.clock import SystemClock
from falconeye.storage.index import schema
schema._sync = lambda path: os.kill(os.getpid(), signal.SIGKILL)
schema._backup(Path(sys.argv[1]), sys.argv[2], SystemClock())
"""


def test_a_backup_that_was_killed_passes_for_none(path: Path, clock: FakeClock) -> None:
    migrate(path, clock)
    done = subprocess.run([sys.executable, "-c", _KILLED, path, HEAD], check=False)
    assert done.returncode == -signal.SIGKILL
    assert backups(path) == []
    schema._backup(path, HEAD, clock)
    assert [file.name for file in (path.parent / "backups").iterdir()] == [backups(path)[0].name]


def test_three_backups_are_kept(path: Path, clock: FakeClock) -> None:
    migrate(path, clock)
    made = []
    for _ in range(5):
        clock.advance(60)
        schema._backup(path, HEAD, clock)
        made.append(backups(path)[-1])
    assert backups(path) == made[-3:]


def test_the_backup_just_made_is_kept_whatever_the_clock_says(path: Path, clock: FakeClock) -> None:
    migrate(path, clock)
    for _ in range(3):
        clock.advance(60)
        schema._backup(path, HEAD, clock)
    before = backups(path)
    clock.step_utc(-86_400)
    schema._backup(path, HEAD, clock)
    made, *older = backups(path)
    assert made not in before
    assert older == before[1:]


def test_a_newer_database_is_refused_with_the_way_out(path: Path, clock: FakeClock) -> None:
    migrate(path, clock)
    execute(path, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StartError, match=rf"newer FalconEye.*9999.*db downgrade {HEAD}"):
        migrate(path, clock)
    with pytest.raises(StartError, match="newer FalconEye"):
        schema.downgrade(path, HEAD, clock)


def test_a_downgrade_to_an_unknown_revision_is_refused(path: Path, clock: FakeClock) -> None:
    migrate(path, clock)
    with pytest.raises(StartError, match=f"can go back to one of .*{HEAD}$"):
        schema.downgrade(path, "0000", clock)


def test_somebody_elses_database_is_refused(path: Path, clock: FakeClock) -> None:
    execute(path, "CREATE TABLE bookmarks (url TEXT)")
    with pytest.raises(StartError, match="not one of FalconEye"):
        migrate(path, clock)
    assert execute(path, "SELECT name FROM sqlite_master") == [("bookmarks",)]


def test_a_command_does_not_migrate_under_an_older_server(
    path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "SERVER_MIGRATES_S", 0)
    server = InstanceLock(path.parent)
    server.acquire()
    with pytest.raises(StartError, match="older release than this command"):
        migrate(path, clock)
    server.release()


class WonByAnother(InstanceLock):
    """Another command has the lock first, migrates and is done before it is ours."""

    def __init__(self, path: Path, clock: FakeClock) -> None:
        super().__init__(path.parent)
        self.waits = True
        self._path_of_database, self._clock = path, clock

    @override
    def try_acquire(self) -> bool:
        if self.waits:
            self.waits = False
            migrate(self._path_of_database, self._clock)
        return super().try_acquire()


def test_two_commands_at_once_migrate_once(path: Path, clock: FakeClock, tmp_path: Path) -> None:
    lock = WonByAnother(path, clock)
    schema.migrate(path, lock, clock)
    assert (lock.waits, lock.held, schema.current_revision(path)) == (False, False, HEAD)
    with later_release(tmp_path):
        schema.migrate(path, WonByAnother(path, clock), clock)
        assert schema.current_revision(path) == LATER
        assert len(backups(path)) == 1


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        (("CREATE TABLE half (x)", "NO SQL"), "nothing was changed"),
        (
            ("CREATE TABLE half (x REFERENCES users (id))", "INSERT INTO half VALUES ('nobody')"),
            "would break 1 references",
        ),
    ],
    ids=["an error", "a broken reference"],
)
def test_a_failed_migration_changes_nothing(
    path: Path, clock: FakeClock, tmp_path: Path, steps: tuple[str, ...], words: str
) -> None:
    migrate(path, clock)
    fill(path)
    before = contents(path)
    body = "".join(f"    op.execute({step!r})\n" for step in steps)
    with (
        later_release(tmp_path, f"from alembic import op\ndef upgrade():\n{body}"),
        pytest.raises(StartError, match=words),
    ):
        migrate(path, clock)
    assert schema.current_revision(path) == HEAD
    assert ("half",) not in execute(path, "SELECT name FROM sqlite_master")
    assert contents(path) == before
    assert len(backups(path)) == 1


async def test_downgrade_refuses_while_a_server_runs(tmp_path: Path, clock: FakeClock) -> None:
    server = closed_database(tmp_path, clock)
    await server.open(exclusive=True)
    with pytest.raises(StartError, match="already serves"):
        await closed_database(tmp_path, clock).downgrade(HEAD)
    await server.close()
    await closed_database(tmp_path, clock).downgrade(HEAD)


async def test_a_backup_is_whole(tmp_path: Path, clock: FakeClock) -> None:
    database = closed_database(tmp_path / "data", clock)
    await database.open()
    await database.backup(tmp_path / "copy.sqlite3")
    await database.close()
    assert execute(tmp_path / "copy.sqlite3", "PRAGMA integrity_check") == [("ok",)]
