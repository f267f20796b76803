"""Which settings of the site a restore changes: whoever reads the audit log asks that first."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from falconeye.storage.backups.sealed_file import NotABackup
from falconeye.storage.stores.settings_store import StoredSettings, system_time_zone
from falconeye.storage.stores.settings_words import changed_words


def settings_words(present: Path, restored: Path) -> str:
    """In words what they were in the one database and are in the other; "" for no change. Blocks.

    sqlite3.Error or NotABackup where `restored` cannot be read.
    """
    if not present.exists():
        return ""
    try:
        now = _settings(restored)
    except (ValueError, RecursionError) as error:
        raise NotABackup("the settings of the site in the backup cannot be read") from error
    try:
        was = _settings(present)
    except (sqlite3.Error, ValueError, RecursionError):  # a damaged database is why one restores
        return "the settings of before cannot be read"
    return changed_words(was, now, [name for name in now if was[name] != now[name]])


def _settings(database: Path) -> dict[str, Any]:
    """By name, with the defaults of those that were never set; of this release's names."""
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
        rows = dict(connection.execute("SELECT key, value FROM settings"))
    values = StoredSettings(site_time_zone=system_time_zone()).model_dump(mode="json")
    return {name: _value(rows[name]) if name in rows else values[name] for name in values}


def _value(stored: Any) -> Any:
    """SQLite keeps a number that it is given as JSON as a number."""
    return json.loads(stored) if isinstance(stored, str) else stored
