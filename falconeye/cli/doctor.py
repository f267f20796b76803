"""`falconeye doctor`: looks at everything and says what to do; works beside a running recorder."""

import asyncio
import socket
from pathlib import Path
from typing import Any

from falconeye.base.clock import SystemClock
from falconeye.base.errors import Conflict
from falconeye.cli.arguments import Arguments
from falconeye.cli.cameras import camera_cipher
from falconeye.cli.exit_codes import ExitCode
from falconeye.cli.new_file import write_new
from falconeye.cli.opened import with_database
from falconeye.cli.output import note, print_json, print_rows
from falconeye.config.settings import NodeSettings
from falconeye.doctor.bundle import make_bundle
from falconeye.doctor.examination import Examination, Patient, examine
from falconeye.doctor.finding import Level
from falconeye.storage.backups.nightly import AnotherDisk, kept_backups, whose
from falconeye.storage.index.database import Database
from falconeye.storage.stores.camera_store import CameraStore
from falconeye.storage.stores.node_store import load_identity
from falconeye.storage.stores.settings_store import SettingsStore

Found = tuple[Examination, bytes | None]


class DoctorArguments(Arguments):
    """The words of `doctor`."""

    bundle: Path | None


def doctor(arguments: DoctorArguments) -> ExitCode:
    """0 when nothing failed, 1 when something did; Conflict for a bundle that is there already."""
    if arguments.bundle is not None and arguments.bundle.exists():
        msg = f"{arguments.bundle} is there already: give another name"
        raise Conflict(msg)

    async def work(database: Database, settings: NodeSettings) -> Found:
        cipher = await camera_cipher(settings)
        cameras = CameraStore(database, cipher)
        clock = SystemClock()
        patient = Patient(settings, database, cameras, clock)
        other = AnotherDisk(settings.backup_dir) if settings.backup_dir else None
        identity = await load_identity(database, clock)
        owner = whose(settings.node_name or socket.gethostname(), identity.node_id)
        kept, _ = await kept_backups(settings.data_dir, owner, other)
        examination = await examine(patient, kept)
        if arguments.bundle is None:
            return examination, None
        stored = SettingsStore(database, cipher)
        await stored.load()
        bundle = await asyncio.to_thread(
            make_bundle, examination, settings, stored.current.model_dump(mode="json"),
            stored.secrets(),
        )  # fmt: skip
        return examination, bundle

    examination, bundle = with_database(arguments, work)
    if arguments.bundle is not None and bundle is not None:
        write_new(arguments.bundle, bundle)
    if arguments.json:
        print_json(examination.as_json())
    else:
        _show(examination)
        if arguments.bundle is not None:
            note(f"wrote {arguments.bundle}: no login is in it; look at it before you pass it on")
    return ExitCode.FAILED if examination.level is Level.FAIL else ExitCode.OK


def _show(examination: Examination) -> None:
    rows: list[dict[str, Any]] = [
        {
            "level": one.level.value,
            "what": one.area,
            "which": one.subject,
            "found": one.words,
        }
        for one in examination.findings
    ]
    print_rows(rows, as_json=False, empty="")
    todo = [one for one in examination.findings if one.advice]
    if todo:
        print("\nwhat to do:")
    for one in todo:
        print(f"  {one.subject}: {one.advice}.")
