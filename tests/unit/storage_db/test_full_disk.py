"""A full disk: the ballast is given up, what was asked is stored, and the ballast comes back."""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.base.errors import Unavailable
from falconeye.storage.index.ballast import BALLAST_NAME, Ballast
from falconeye.storage.index.data_directory import free_bytes
from falconeye.storage.index.database import Database
from falconeye.storage.tables.node import SETTINGS
from tests.clock import FakeClock

FILLER = "filler"
BALLAST = 2 * 1024 * 1024
Open = Callable[[], Awaitable[Database]]
pytestmark = [pytest.mark.fault, pytest.mark.root]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MB of its own."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(disk)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"needs to mount a file system: {done.stderr.strip()}")
    (disk / FILLER).touch()
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def fill(disk: Path) -> None:
    with (disk / FILLER).open("ab", buffering=0) as filler, suppress(OSError):
        while True:
            filler.write(bytes(4096))


async def put_much(connection: AsyncConnection) -> None:
    count = (await connection.execute(select(func.count()).select_from(SETTINGS))).scalar_one()
    for number in range(10):
        row = {"key": f"k{count + number}", "value": "x" * 20_000}
        await connection.execute(insert(SETTINGS).values(row))


async def write_until_it_fails(database: Database) -> None:
    for _ in range(20):
        await database.write(put_much)


async def count(connection: AsyncConnection) -> int:
    found: int = (await connection.execute(select(func.count()).select_from(SETTINGS))).scalar_one()
    return found


@pytest.fixture
async def open_database(small_disk: Path, clock: FakeClock) -> AsyncIterator[Open]:
    """Opens the database on the small disk (again); the one before is closed."""
    opened: list[Database] = []

    async def open_() -> Database:
        for before in opened:
            await before.close()
        opened.append(Database(small_disk / "data", clock, ballast_bytes=BALLAST))
        await opened[-1].open(exclusive=True)
        return opened[-1]

    yield open_
    for database in opened:
        await database.close()


async def test_a_full_disk_costs_the_ballast_not_the_write(
    small_disk: Path, open_database: Open
) -> None:
    database = await open_database()
    ballast = small_disk / "data" / BALLAST_NAME
    assert ballast.stat().st_size == BALLAST
    fill(small_disk)
    await database.write(put_much)
    assert not ballast.exists()
    assert await database.read(count) == 10


async def test_without_ballast_nothing_is_half_stored_and_room_helps(
    small_disk: Path, open_database: Open
) -> None:
    database = await open_database()
    await database.write(put_much)
    (small_disk / "data" / BALLAST_NAME).unlink()
    fill(small_disk)
    with pytest.raises(Unavailable, match="disk of the data directory is full"):
        await write_until_it_fails(database)
    before = await database.read(count)
    assert before % 10 == 0
    (small_disk / FILLER).unlink()
    await database.write(put_much)
    assert await database.read(count) == before + 10
    await open_database()
    assert (small_disk / "data" / BALLAST_NAME).stat().st_size == BALLAST


async def test_a_full_disk_does_not_stop_the_start(small_disk: Path, open_database: Open) -> None:
    database = await open_database()
    await database.write(put_much)
    await database.close()
    fill(small_disk)
    assert await asyncio.to_thread(free_bytes, small_disk) == 0
    database = await open_database()
    await database.write(put_much)
    assert await database.read(count) == 20


def test_the_ballast_takes_no_more_than_half_of_what_is_free(small_disk: Path) -> None:
    assert not Ballast(small_disk, 5 * 1024 * 1024).restore()
    assert Ballast(small_disk, 3 * 1024 * 1024).restore()
    assert free_bytes(small_disk) <= 5 * 1024 * 1024
