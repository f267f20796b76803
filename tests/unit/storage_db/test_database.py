"""The writer, the readers, and what `open` refuses."""

import asyncio
import errno
import fcntl
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import insert, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.base.errors import Conflict, StartError, Unavailable
from falconeye.storage.index import ballast, data_directory
from falconeye.storage.index.ballast import Ballast
from falconeye.storage.index.database import Database
from falconeye.storage.index.instance_lock import LOCK_NAME, InstanceLock
from falconeye.storage.index.write_queue import Operation
from falconeye.storage.tables.node import SETTINGS
from tests.clock import FakeClock
from tests.databases import closed_database


def put(key: str, value: object) -> Operation[str]:
    async def operation(connection: AsyncConnection) -> str:
        await connection.execute(insert(SETTINGS).values(key=key, value=value))
        return key

    return operation


async def keys(connection: AsyncConnection) -> list[str]:
    return list((await connection.execute(select(SETTINGS.c.key))).scalars())


async def test_what_was_written_is_read(database: Database) -> None:
    assert await database.write(put("a", {"x": [1]})) == "a"
    assert await database.read(keys) == ["a"]


async def test_what_waits_together_is_committed_together(database: Database) -> None:
    before = database.commits
    await asyncio.gather(*(database.write(put(f"k{i}", i)) for i in range(50)))
    assert len(await database.read(keys)) == 50
    assert database.commits - before == 1


async def test_an_idle_writer_commits_at_once(database: Database) -> None:
    # The clock stands still: were there a wait for others, this would hang.
    for i in range(3):
        before = database.commits
        await database.write(put(f"k{i}", i))
        assert database.commits == before + 1


async def test_a_group_ends_after_its_time(database: Database, clock: FakeClock) -> None:
    async def slow(connection: AsyncConnection) -> None:
        await put("slow", 1)(connection)
        clock.advance(0.2)

    before = database.commits
    await asyncio.gather(database.write(slow), database.write(put("next", 2)))
    assert database.commits - before == 2


async def test_a_failing_operation_takes_no_other_with_it(database: Database) -> None:
    async def clash(connection: AsyncConnection) -> None:
        await put("half", 1)(connection)
        msg = "already there"
        raise Conflict(msg)

    results = await asyncio.gather(
        database.write(put("a", 1)),
        database.write(clash),
        database.write(put("a", 2)),
        database.write(put("b", 3)),
        return_exceptions=True,
    )
    assert results[0] == "a"
    assert isinstance(results[1], Conflict)
    assert isinstance(results[2], DBAPIError)
    assert results[3] == "b"
    assert sorted(await database.read(keys)) == ["a", "b"]


async def test_threads_write_in_their_order(database: Database) -> None:
    answers: list[str] = []

    def work() -> None:
        pending = [database.write_threadsafe(put(f"t{i}", i)) for i in range(20)]
        answers.extend(answer.result(5) for answer in pending)

    thread = threading.Thread(target=work)
    thread.start()
    await asyncio.get_running_loop().run_in_executor(None, thread.join)
    assert answers == [f"t{i}" for i in range(20)]
    assert len(await database.read(keys)) == 20


async def test_a_thread_is_told_when_the_database_is_closed(
    tmp_path: Path, clock: FakeClock
) -> None:
    database = closed_database(tmp_path, clock)
    await database.open()
    await database.close()
    with pytest.raises(Unavailable, match="closed"):
        await asyncio.wrap_future(database.write_threadsafe(put("late", 1)))
    with pytest.raises(Unavailable, match="closed"):
        await database.write(put("late", 1))


async def test_closing_commits_what_waits(tmp_path: Path, clock: FakeClock) -> None:
    database = closed_database(tmp_path, clock)
    await database.open()
    pending = [database.write_threadsafe(put(f"k{i}", i)) for i in range(10)]
    await asyncio.sleep(0)
    await database.close()
    assert [answer.result(0) for answer in pending] == [f"k{i}" for i in range(10)]


async def test_a_withdrawn_operation_is_not_run(database: Database) -> None:
    release = asyncio.Event()

    async def wait(connection: AsyncConnection) -> None:
        await put("first", 1)(connection)
        await release.wait()

    first = asyncio.ensure_future(database.write(wait))
    await asyncio.sleep(0)
    second = asyncio.ensure_future(database.write(put("second", 2)))
    await asyncio.sleep(0)
    second.cancel()
    await asyncio.sleep(0)
    release.set()
    await first
    with pytest.raises(asyncio.CancelledError):
        await second
    assert await database.read(keys) == ["first"]


async def test_a_cancelled_reader_leaves_the_pool_whole(database: Database) -> None:
    async def endless(connection: AsyncConnection) -> None:
        await connection.exec_driver_sql(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n LIMIT 300000) "
            "SELECT count(*) FROM n"
        )

    for _ in range(5):
        task = asyncio.ensure_future(database.read(endless))
        for _ in range(10):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert await database.read(keys) == []


async def test_readers_cannot_write(database: Database) -> None:
    with pytest.raises(DBAPIError, match="readonly"):
        await database.read(put("a", 1))


async def test_durable_settings(database: Database) -> None:
    async def pragma(connection: AsyncConnection) -> tuple[object, ...]:
        return tuple([
            (await connection.exec_driver_sql(f"PRAGMA {name}")).scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        ])  # fmt: skip

    assert await database.write(pragma) == ("wal", 2, 1)


async def test_a_writer_elsewhere_is_told_to_those_who_wait(database: Database) -> None:
    async def impatient(connection: AsyncConnection) -> None:
        await connection.exec_driver_sql("PRAGMA busy_timeout=20")

    await database.write(impatient)
    with closing(sqlite3.connect(database.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        results = await asyncio.gather(
            database.write(put("a", 1)), database.write(put("b", 2)), return_exceptions=True
        )
        other.execute("ROLLBACK")
    assert [str(result) for result in results] == [
        "another process is writing to the database: try again"
    ] * 2
    await database.write(put("c", 3))
    assert await database.read(keys) == ["c"]


KILLED = """
import asyncio, sys
from pathlib import Path
from sqlalchemy import insert
from falconeye.base.clock import SystemClock
from falconeye.storage.index.database import Database
from falconeye.storage.tables.node import SETTINGS

async def main():
    database = Database(Path(sys.argv[1]), SystemClock(), ballast_bytes=4096)
    await database.open(exclusive=True)
    for number in range(1000000):
        async def operation(connection):
            await connection.execute(insert(SETTINGS).values(key=f"k{number}", value=number))
        await database.write(operation)
        print(number, flush=True)

asyncio.run(main())
"""


@pytest.mark.fault
def test_kill_9_keeps_every_answered_write(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
    )
    with process:
        assert process.stdout is not None
        for _ in range(20):
            assert process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        rest = process.stdout.read().splitlines(keepends=True)
    answered = 20 + sum(line.endswith(b"\n") for line in rest)
    with closing(sqlite3.connect(tmp_path / data_directory.DATABASE_NAME)) as connection:
        stored = connection.execute("SELECT count(*) FROM settings").fetchone()[0]
    assert answered <= stored <= answered + 1


async def test_one_server_per_directory(database: Database, clock: FakeClock) -> None:
    second = closed_database(database.data_dir, clock)
    with pytest.raises(StartError, match=f"process {os.getpid()}"):
        await second.open(exclusive=True)


def test_a_full_disk_does_not_keep_the_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    lock = InstanceLock(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", full)
        assert lock.try_acquire()
    assert lock.is_held_by_anyone()
    lock.release()
    assert not lock.is_held_by_anyone()


def test_two_that_look_are_no_server(tmp_path: Path) -> None:
    with (tmp_path / LOCK_NAME).open("w+") as other:
        fcntl.flock(other, fcntl.LOCK_SH)  # as a command does that looks at this moment
        assert not InstanceLock(tmp_path).is_held_by_anyone()
    server = InstanceLock(tmp_path)
    assert server.try_acquire()
    assert InstanceLock(tmp_path).is_held_by_anyone()
    assert (tmp_path / LOCK_NAME).read_text() == f"{os.getpid()}\n"
    server.release()


async def test_a_command_works_beside_the_server_and_is_noticed(
    database: Database, clock: FakeClock
) -> None:
    await database.write(put("own", 1))
    assert not await database.changed_elsewhere()
    command = closed_database(database.data_dir, clock)
    await command.open()
    await command.write(put("theirs", 2))
    await command.close()
    assert await database.changed_elsewhere()
    assert not await database.changed_elsewhere()
    assert await database.read(keys) == ["own", "theirs"]


async def test_a_network_file_system_is_refused(
    tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data_directory, "file_system_type", lambda _path: "nfs4")
    with pytest.raises(StartError, match=r"network file system \(nfs4\)"):
        await closed_database(tmp_path, clock).open()


def test_the_file_system_is_that_of_the_deepest_last_mount(tmp_path: Path) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(
        "22 1 252:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\n"
        "30 22 0:40 / /srv/with\\040space rw - ext4 /dev/vdb rw\n"
        "31 30 0:41 / /srv/with\\040space rw shared:2 - nfs4 nas:/export rw\n"
        "32 22 0:42 / /srv/with rw - tmpfs tmpfs rw\n"
    )
    kind = data_directory.file_system_type
    assert kind(Path("/srv/with space/data"), mounts) == "nfs4"
    assert kind(Path("/srv/without"), mounts) == "ext4"
    assert kind(Path("/srv/with/x"), mounts) == "tmpfs"


READ_ONLY = """
import asyncio, os, sys
from pathlib import Path
from falconeye.base.clock import SystemClock
from falconeye.base.errors import StartError
from falconeye.storage.index.database import Database
if os.getuid() == 0:
    os.setuid(65534)
try:
    asyncio.run(Database(Path(sys.argv[1]), SystemClock()).open())
except StartError as error:
    print(error)
"""


def test_a_read_only_directory_is_refused() -> None:
    # Not below pytest's own folder: another pytest that starts makes that ours alone again.
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        data_dir = Path(folder) / "data"
        data_dir.mkdir(mode=0o555)
        done = subprocess.run(
            [sys.executable, "-c", READ_ONLY, str(data_dir)],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        )
    assert "cannot be written (Permission denied" in done.stdout


async def test_the_files_are_for_us_alone(database: Database) -> None:
    def mode(path: Path) -> int:
        return path.stat().st_mode & 0o777

    await database.write(put("a", 1))
    assert mode(database.path) == 0o600
    assert mode(database.path.with_name(database.path.name + "-wal")) == 0o600
    assert mode(database.data_dir) == 0o700


def test_an_ill_disk_does_not_end_the_care_for_the_ballast(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ill(_directory: Path) -> int:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    reserve = Ballast(tmp_path, 4096)
    with monkeypatch.context() as patch:
        patch.setattr(ballast, "free_bytes", ill)
        assert not reserve.restore()
    assert reserve.restore()


async def test_a_damaged_file_is_refused_with_the_way_out(tmp_path: Path, clock: FakeClock) -> None:
    (tmp_path / data_directory.DATABASE_NAME).write_bytes(b"no database" * 1000)
    with pytest.raises(StartError, match=r"not a database.*backups.*check --repair"):
        await closed_database(tmp_path, clock).open()
