"""The backups of a node, by its settings: made at night, and brought back while it runs."""

import asyncio
import os
from collections.abc import Callable
from datetime import tzinfo
from pathlib import Path

from falconeye.base.clock import Clock
from falconeye.config.settings import NodeSettings
from falconeye.storage.backups.backup import Sources
from falconeye.storage.backups.nightly import NightlyBackups
from falconeye.storage.backups.restoring import Restores
from falconeye.storage.stores.credentials import given_key_file, key_file


async def open_backups(
    settings: NodeSettings,
    settings_file: Path | None,
    node: tuple[str, str],
    clock: Clock,
    zone: Callable[[], tzinfo],
) -> tuple[NightlyBackups, Restores]:
    """Not started. `settings_file`: None without one. `node`: its name and id."""

    def keys() -> tuple[Path, Path | None]:
        file = settings.data_key_file
        own = key_file(settings.data_dir, file, os.environ)
        return own, given_key_file(file, os.environ)

    data_dir = settings.data_dir.absolute()  # SQLite's addresses need that
    key, other_key = await asyncio.to_thread(keys)
    name, node_id = node
    backups = NightlyBackups(
        Sources(data_dir, key, settings_file, name, node_id),
        clock,
        zone,
        directory=settings.backup_dir,
        passphrase_file=settings.backup_passphrase_file,
    )
    has_settings = settings_file is not None
    restores = Restores(data_dir, clock, other_key=other_key, has_settings=has_settings)
    return backups, restores
