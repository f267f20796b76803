"""`falconeye backup | restore`: all that the node knows, footage apart, in one sealed file."""

import asyncio
import os
import socket
from pathlib import Path

from falconeye.accounts.audit import AuditLog
from falconeye.base.clock import SystemClock
from falconeye.cli.arguments import Arguments
from falconeye.cli.configuration import load, load_quietly
from falconeye.cli.exit_codes import ExitCode
from falconeye.cli.opened import give_to_owner, with_database
from falconeye.cli.output import done, note
from falconeye.cli.passwords import read_secret
from falconeye.config.settings import NodeSettings
from falconeye.federation.node_keys import KEY_NAME
from falconeye.storage.backups import restore as storage_restore
from falconeye.storage.backups.backup import Manifest, Sources, make_backup
from falconeye.storage.backups.sealed_file import check_passphrase
from falconeye.storage.index.database import Database
from falconeye.storage.stores.audit_store import AuditStore
from falconeye.storage.stores.credentials import given_key_file, key_file


class BackupArguments(Arguments):
    """The words of `backup` and `restore`."""

    file: Path
    passphrase_stdin: bool
    passphrase_file: Path | None


def backup(arguments: BackupArguments) -> ExitCode:
    """Write the backup; Conflict when there is such a file already."""
    settings_file = load(arguments).file
    passphrase = read_secret(
        "Passphrase of the backup",
        from_stdin=arguments.passphrase_stdin,
        file=arguments.passphrase_file,
        twice=True,
        what="passphrase",
    )
    check_passphrase(passphrase)
    target = arguments.file.absolute()

    async def work(database: Database, settings: NodeSettings) -> Manifest:
        clock = SystemClock()
        key = await asyncio.to_thread(
            key_file, settings.data_dir, settings.data_key_file, os.environ
        )
        sources = Sources(
            database.data_dir, key, settings_file, settings.node_name or socket.gethostname()
        )
        made = await asyncio.to_thread(make_backup, sources, target, passphrase, clock.utc_us())
        audit = AuditLog(AuditStore(database), clock)
        await audit.record(None, "backup.made", "database", None, target.name)
        return made

    manifest = with_database(arguments, work)
    size = target.stat().st_size
    words = f"wrote {target} ({size} bytes). Without its passphrase nobody can read it, nor can you"
    facts = {"file": str(target), "size_bytes": size, "revision": manifest.revision}
    done(words, as_json=arguments.json, **facts)
    return ExitCode.OK


def restore(arguments: BackupArguments) -> ExitCode:
    """Put a backup in place of what is in the data directory, or leave it to the next start."""
    loaded = load_quietly(arguments)
    settings = loaded.settings
    file = arguments.file.absolute()
    passphrase = None
    if storage_restore.needs_passphrase(file):
        passphrase = read_secret(
            "Passphrase of the backup",
            from_stdin=arguments.passphrase_stdin,
            file=arguments.passphrase_file,
            what="passphrase",
        )
    given = given_key_file(settings.data_key_file, os.environ)
    try:
        restored = storage_restore.restore(
            file,
            settings.data_dir.absolute(),
            passphrase,
            other_key=given,
            has_settings=loaded.file is not None,
            utc_us=SystemClock().utc_us(),
        )
    finally:
        give_to_owner(settings)
    for kept in restored.kept:
        note(f"what was there is kept as {kept}")
    if not (settings.data_dir / KEY_NAME).exists():
        note(
            "the key of the node in the backup is not here: if that was a member of a cluster, "
            "this begins as another node, of no cluster. Join it by a code of a member"
        )
    if restored.in_place:
        words = (
            "restored. The next start of the recorder, or 'falconeye check --rebuild', makes the "
            "index of the footage from the files on the disks"
        )
    else:
        words = (
            "checked and laid ready. A recorder is running: restart it, and it begins with the "
            "restored data"
        )
    done(
        words,
        as_json=arguments.json,
        in_place=restored.in_place,
        revision=restored.revision,
        kept=[str(kept) for kept in restored.kept],
        made_at=restored.manifest.made_at if restored.manifest else None,
        node_name=restored.manifest.node_name if restored.manifest else None,
    )
    return ExitCode.OK
