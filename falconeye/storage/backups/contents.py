"""What a backup brings, in names: for a person who is to decide whether it is the right one."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Contents:
    """Cameras, people and programs of an unpacked database, by their names, in order."""

    cameras: tuple[str, ...]
    users: tuple[str, ...]
    admins: tuple[str, ...]  # of those
    tokens: tuple[str, ...]


def read_contents(database: Path) -> Contents:
    """Of a database at any revision; sqlite3.Error where it lacks a table. Blocks."""
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:

        def names(query: str) -> tuple[str, ...]:
            return tuple(str(row[0]) for row in connection.execute(query))

        return Contents(
            cameras=names("SELECT name FROM cameras ORDER BY name"),
            users=names("SELECT name FROM users ORDER BY name"),
            admins=names(  # who was invited and has no password yet could not sign in
                "SELECT name FROM users WHERE role = 'admin' AND password_hash <> '' ORDER BY name"
            ),
            tokens=names("SELECT name FROM tokens ORDER BY name"),
        )
