"""Databases for tests: real SQLite files, with a ballast that costs nothing, and later schemas."""

import asyncio
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest

from falconeye.base.clock import Clock
from falconeye.storage import migrations
from falconeye.storage.index import schema
from falconeye.storage.index.data_directory import DATABASE_NAME
from falconeye.storage.index.database import Database

SMALL_BALLAST = 64 * 1024
HEAD = migrations.revisions()[-1]  # read here: it blocks
LATER = f"{int(HEAD) + 1:04}"
# What a release to come may well do: a table, a column, an index, a referenced table made anew.
_LATER_STEPS = """
import sqlalchemy as sa
from alembic import op


def upgrade():
    op.create_table("tags", sa.Column("recording_id", sa.Text(), primary_key=True))
    op.add_column("recordings", sa.Column("note", sa.Text()))
    op.create_index("recordings_by_note", "recordings", ["note"])
    with op.batch_alter_table("users", recreate="always") as users:
        users.add_column(sa.Column("language", sa.String()))


def downgrade():
    with op.batch_alter_table("users", recreate="always") as users:
        users.drop_column("language")
    op.drop_index("recordings_by_note", "recordings")
    op.drop_column("recordings", "note")
    op.drop_table("tags")
"""


def closed_database(data_dir: Path, clock: Clock) -> Database:
    """A database that the test opens (and closes) itself."""
    return Database(data_dir, clock, ballast_bytes=SMALL_BALLAST)


async def lay_new_database(data_dir: Path) -> None:
    """What a first start makes there, unless there is a database already; nothing is synced.

    Making the tables takes ten times as long as copying the file of them.
    """
    await asyncio.to_thread(_lay, data_dir)


def _lay(data_dir: Path) -> None:
    path = data_dir / DATABASE_NAME
    if path.exists():
        return
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_bytes(_new_database())


@cache
def _new_database() -> bytes:
    """The product's own, made once a process; nobody opens it again."""
    with tempfile.TemporaryDirectory(prefix="falconeye-new-") as folder:
        path = Path(folder) / DATABASE_NAME
        path.touch()
        schema._create(path, HEAD)  # not what `later_release` makes of it meanwhile
        assert [file.name for file in path.parent.glob(f"{path.name}*")] == [path.name]  # no log
        return path.read_bytes()


@contextmanager
def later_release(folder: Path, steps: str = _LATER_STEPS) -> Iterator[None]:
    """As if a later release ran, whose schema is one revision ahead (`LATER`); made in `folder`."""
    directory = folder / "later-migrations"
    shutil.copytree(migrations.DIRECTORY, directory, ignore=shutil.ignore_patterns("__pycache__"))
    (directory / "versions" / f"{LATER}_later.py").write_text(
        f'revision = "{LATER}"\ndown_revision = "{HEAD}"\n{steps}'
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(migrations, "DIRECTORY", directory)
        yield
