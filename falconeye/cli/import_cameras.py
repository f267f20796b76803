"""`falconeye import FILE`: cameras of motionEye, Frigate or a CSV list, added like `camera add`."""

import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from falconeye.accounts.audit import AuditLog
from falconeye.base.clock import SystemClock
from falconeye.base.errors import InvalidInput
from falconeye.base.words import counted
from falconeye.cameras.changes import new_config
from falconeye.cameras.views import NewCamera
from falconeye.cli.arguments import Arguments
from falconeye.cli.cameras import camera_store
from falconeye.cli.exit_codes import ExitCode
from falconeye.cli.opened import with_database
from falconeye.cli.output import note, print_json, print_rows
from falconeye.config.addresses import address_key
from falconeye.config.camera import CameraConfig, Protocol
from falconeye.config.settings import NodeSettings
from falconeye.discovery.imports.imported import ImportedCamera, ImportedFile
from falconeye.discovery.imports.reading import MAX_BYTES, read_import
from falconeye.storage.index.database import Database
from falconeye.storage.stores.audit_store import AuditStore

ADD: Final = "add"
THERE: Final = "there"  # already
LEFT_OUT: Final = "left out"
_VARIABLES: Final = "FRIGATE_"


class ImportArguments(Arguments):
    """The words of `import`."""

    file: Path
    dry_run: bool
    start: bool


@dataclass(frozen=True, slots=True)
class Planned:
    """What becomes of one camera of the file; `detail` says why, without secrets."""

    camera: ImportedCamera
    action: str
    detail: str


@dataclass(slots=True)
class ImportPlan:
    """What becomes of all of them."""

    planned: list[Planned] = field(default_factory=list)
    added: list[CameraConfig] = field(default_factory=list)


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


def make_plan(
    imported: ImportedFile,
    cameras: Sequence[CameraConfig],
    *,
    node_name: str,
    now_us: int,
    start: bool,
) -> ImportPlan:
    """Which cameras are new to `cameras`, checked; nothing is stored.

    They are stopped, unless `start` and they ran there: the other recorder may have them still.
    """
    plan = ImportPlan()
    known = {key: camera.name for camera in cameras if (key := address_key(camera)) is not None}
    for camera in imported.cameras:
        if (why := _why_not(camera, node_name)) is not None:
            plan.planned.append(Planned(camera, LEFT_OUT, why))
            continue
        try:
            config = _config(camera, node_name, now_us, start=start)
        except InvalidInput as error:
            plan.planned.append(Planned(camera, LEFT_OUT, str(error)))
            continue
        key = address_key(config)
        if key is not None and key in known:
            plan.planned.append(Planned(camera, THERE, f"as “{known[key]}”"))
            continue
        plan.added.append(config)
        state = "started" if config.started else "stopped"
        plan.planned.append(Planned(camera, ADD, f"{state}, records: {config.record.value}"))
    return plan


def _why_not(camera: ImportedCamera, node_name: str) -> str | None:
    if camera.missing:
        return "; ".join(camera.missing)
    if camera.protocol is Protocol.USB:
        return "a USB camera: add it from Found cameras"
    if camera.node_name not in {None, node_name}:
        return f"the file wants it at the node {camera.node_name!r}; this one is {node_name!r}"
    return None


def _config(camera: ImportedCamera, node_name: str, now_us: int, *, start: bool) -> CameraConfig:
    new = NewCamera(
        name=camera.name,
        protocol=camera.protocol,
        source_url=camera.source_url,
        sub_url=camera.sub_url,
        username=camera.username,
        password=camera.password,
        location=camera.location,
        resolution=camera.resolution,
        framerate=camera.framerate,
        transport=camera.transport,
        record=camera.record,
        start=start and camera.enabled,
        onvif_url=camera.onvif_url,
    )
    return new_config(new, now_us, node_name)


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
