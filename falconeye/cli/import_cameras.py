"""`falconeye import FILE`: cameras of motionEye, Frigate or a CSV list, added like `camera add`."""

import os
import socket
from pathlib import Path
from typing import Any, Final

from falconeye.accounts.audit import AuditLog
from falconeye.base.clock import SystemClock
from falconeye.base.errors import InvalidInput
from falconeye.base.words import counted
from falconeye.cameras.found.importing import ADD, ImportPlan, make_plan
from falconeye.cli.arguments import Arguments
from falconeye.cli.cameras import camera_store
from falconeye.cli.exit_codes import ExitCode
from falconeye.cli.opened import with_database
from falconeye.cli.output import note, print_json, print_rows
from falconeye.config.settings import NodeSettings
from falconeye.discovery.imports.imported import MAX_BYTES, ImportedFile
from falconeye.discovery.imports.reading import read_import
from falconeye.storage.index.database import Database
from falconeye.storage.stores.audit_store import AuditStore

_VARIABLES: Final = "FRIGATE_"


class ImportArguments(Arguments):
    """The words of `import`."""

    file: Path
    dry_run: bool
    start: bool


def import_cameras(arguments: ImportArguments) -> ExitCode:
    """Add the cameras that are not there yet, or (`--dry-run`) say which those are."""
    imported = _read(arguments.file)
    clock = SystemClock()

    async def work(database: Database, settings: NodeSettings) -> ImportPlan:
        store = await camera_store(database, settings)
        plan = make_plan(
            imported,
            await store.list(),
            node_name=settings.node_name or socket.gethostname(),
            now_us=clock.utc_us(),
            start=arguments.start,
        )
        if plan.added and not arguments.dry_run:
            await store.store_all(plan.added, [])
            audit = AuditLog(AuditStore(database), clock)
            for camera in plan.added:
                await audit.record(None, "camera.added", "camera", camera.id, camera.name)
        return plan

    plan = with_database(arguments, work, must_exist=arguments.dry_run)
    if arguments.json:
        print_json(_as_json(imported, plan, dry_run=arguments.dry_run))
    else:
        _show(imported, plan)
        _say_what_next(plan, arguments)
    return ExitCode.OK


def _read(file: Path) -> ImportedFile:
    try:
        with file.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        msg = f"cannot read {file}: {error.strerror}"
        raise InvalidInput(msg) from error
    variables = {name: value for name, value in os.environ.items() if name.startswith(_VARIABLES)}
    try:
        return read_import(file.name, data, variables)
    except InvalidInput as error:
        msg = f"{file}: {error}"
        raise InvalidInput(msg) from error


def _rows(plan: ImportPlan) -> list[dict[str, Any]]:
    return [
        {
            "name": each.camera.name,
            "address": each.camera.address,
            "substream": each.camera.sub_address,
            "action": each.action,
            "detail": each.detail,
        }
        for each in plan.planned
    ]


def _show(imported: ImportedFile, plan: ImportPlan) -> None:
    print_rows(_rows(plan), as_json=False, empty="the file holds no camera that can be added")
    added = [each.camera for each in plan.planned if each.action == ADD]
    left = [f"{camera.name}, {told}" for camera in added for told in camera.notes]
    left += map(str, imported.left_out)
    if left:
        print()
        print_rows([{"not taken over": each} for each in left], as_json=False, empty="")


def _say_what_next(plan: ImportPlan, arguments: ImportArguments) -> None:
    names = sorted({name for each in plan.planned for name in each.camera.variables})
    if names:
        given = " ".join(f"{name}=…" for name in names)
        note(f"import the file again with what is missing: {given} falconeye import "
             f"{arguments.file.name}")  # fmt: skip
    if not plan.added:
        note("no camera is added")
    elif arguments.dry_run:
        note("nothing was changed: leave out --dry-run to do it")
    else:
        note(f"added {counted(len(plan.added), 'camera')}; "
             "a running node takes them up within seconds")  # fmt: skip
        if not all(camera.started for camera in plan.added):
            note("start those that are stopped on their pages, once the other recorder has ended")


def _as_json(imported: ImportedFile, plan: ImportPlan, *, dry_run: bool) -> dict[str, Any]:
    ids = iter(camera.id for camera in plan.added)
    rows = [
        {
            **row,
            "id": next(ids) if each.action == ADD and not dry_run else None,
            "notes": list(each.camera.notes),
        }
        for row, each in zip(_rows(plan), plan.planned, strict=True)
    ]
    left = [
        {"key": each.key, "reason": each.reason, "line": each.line} for each in imported.left_out
    ]
    return {"kind": imported.kind.value, "dry_run": dry_run, "cameras": rows, "left_out": left}
