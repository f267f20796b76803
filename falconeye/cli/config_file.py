"""`falconeye config export | apply`: cameras and settings as a TOML file, without any secret."""

import asyncio
import re
import socket
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from falconeye import __version__
from falconeye.accounts.audit import AuditLog
from falconeye.base.clock import SystemClock
from falconeye.base.errors import InvalidInput
from falconeye.base.redact import redact_text
from falconeye.cli import config_plan
from falconeye.cli.arguments import Arguments
from falconeye.cli.cameras import camera_cipher
from falconeye.cli.config_identity import IDENTITY
from falconeye.cli.config_plan import NO_VALUE, Change, Plan
from falconeye.cli.exit_codes import ExitCode
from falconeye.cli.new_file import write_new
from falconeye.cli.opened import with_database
from falconeye.cli.output import note, print_json, print_rows
from falconeye.cli.toml_text import assignments
from falconeye.config.camera import CameraConfig
from falconeye.config.schedule import WeekSchedule
from falconeye.config.settings import NodeSettings
from falconeye.storage.index.database import Database
from falconeye.storage.stores.audit_store import AuditStore
from falconeye.storage.stores.camera_store import CameraStore
from falconeye.storage.stores.destinations import shown_settings
from falconeye.storage.stores.settings_store import SettingsStore, StoredSettings

_HEAD = """\
# Cameras and settings of the node {node}, FalconEye {version}.
# 'falconeye config apply FILE' makes a node so; what is not named here stays as it is.
# "" stands for no value, *** for what is stored and not shown. Secrets are named, not written:
# {{ env = "NAME" }} or {{ file = "/PATH" }}. Without the variable a stored password stays.
format = 1

[settings]
"""


class ExportArguments(Arguments):
    """The words of `config export`."""

    file: str


class ApplyArguments(Arguments):
    """The words of `config apply`."""

    file: Path
    dry_run: bool


def export(arguments: ExportArguments) -> ExitCode:
    """Write the file; Conflict when it is there already."""

    async def work(database: Database, settings: NodeSettings) -> str:
        cipher = await camera_cipher(settings)
        stored = SettingsStore(database, cipher)
        await stored.load()
        cameras = await CameraStore(database, cipher).list()
        return _text(settings.node_name or socket.gethostname(), stored.current, cameras)

    text = with_database(arguments, work)
    if arguments.file == "-":
        print(text, end="")
        return ExitCode.OK
    target = Path(arguments.file)
    write_new(target, text.encode())
    if arguments.json:
        print_json({"file": str(target)})
    else:
        print(f"wrote {target}")
    return ExitCode.OK


def apply(arguments: ApplyArguments) -> ExitCode:
    """Make the node as the file says, or (`--dry-run`) say what would change."""
    wanted = _read(arguments.file)
    clock = SystemClock()

    async def work(database: Database, settings: NodeSettings) -> Plan:
        cipher = await camera_cipher(settings)
        stored = SettingsStore(database, cipher)
        await stored.load()
        cameras = CameraStore(database, cipher)
        base = arguments.file.absolute().parent
        plan = await asyncio.to_thread(
            config_plan.make_plan,
            wanted,
            await cameras.list(),
            stored,
            base=base,
            node_name=settings.node_name or socket.gethostname(),
            now_us=clock.utc_us(),
        )
        if not arguments.dry_run:
            await config_plan.carry_out(
                plan, cameras, stored, AuditLog(AuditStore(database), clock)
            )
        return plan

    plan = with_database(arguments, work, must_exist=arguments.dry_run)
    for word in plan.notes:
        note(word)
    _show(plan.changes, as_json=arguments.json, dry_run=arguments.dry_run)
    return ExitCode.OK


def _show(changes: list[Change], *, as_json: bool, dry_run: bool) -> None:
    rows = [
        {"what": change.what, "name": change.name, "action": change.action, "detail": change.detail}
        for change in changes
    ]
    if as_json:
        print_json({"dry_run": dry_run, "changes": rows})
        return
    print_rows(rows, as_json=False, empty="nothing to change")
    if dry_run and rows:
        note("nothing was changed: leave out --dry-run to do it")


def _read(file: Path) -> Mapping[str, Any]:
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
        return tomllib.loads(text)
    except OSError as error:
        msg = f"cannot read {file}: {error.strerror}"
        raise InvalidInput(msg) from error
    except ValueError as error:  # TOMLDecodeError, UnicodeDecodeError, a number of 5000 digits
        msg = f"{file} is not valid TOML: {error}"
        raise InvalidInput(msg) from error
    except RecursionError as error:
        msg = f"{file} is nested too deep"
        raise InvalidInput(msg) from error


def _text(node: str, settings: StoredSettings, cameras: list[CameraConfig]) -> str:
    values = settings.model_dump(mode="json")
    shown = {**values, **shown_settings(values)}
    parts = [_HEAD.format(node=node, version=__version__)]
    parts.append(assignments({name: _or_empty(value) for name, value in shown.items()}))
    taken: set[str] = set()
    parts += ["\n[[cameras]]\n" + assignments(_camera(camera, taken)) for camera in cameras]
    return "".join(parts)


def _camera(camera: CameraConfig, taken: set[str]) -> dict[str, Any]:
    found: dict[str, Any] = {"id": camera.id, "protocol": camera.protocol.value}
    for name in (*config_plan.FIELDS, *IDENTITY):
        value = getattr(camera, name)
        if name == "password":
            value = {"env": _variable(camera.name, taken)} if value is not None else NO_VALUE
        elif name in {"source_url", "sub_url", "onvif_url"} and value:
            value = redact_text(value)
        elif name == "metadata":
            value = _without_nulls(dict(value))
        elif isinstance(value, WeekSchedule):
            value = value.ranges()
        elif name == "device_path":  # where it is today means nothing to another day
            value = camera.device_identity
        found[name] = _or_empty(value)
    return {**found, "allow_local": camera.allow_local, "start": camera.started}


def _without_nulls(value: Any) -> Any:
    """TOML has none; a key without a value says as much as no key."""
    if isinstance(value, Mapping):
        return {name: _without_nulls(each) for name, each in value.items() if each is not None}
    if isinstance(value, list):
        return [_without_nulls(each) for each in value if each is not None]
    return value


def _variable(name: str, taken: set[str]) -> str:
    """A variable for a camera's password; not FALCONEYE_…, where only settings may stand."""
    plain = re.sub(r"[^A-Z0-9]+", "_", name.upper()).strip("_") or "CAMERA"
    candidate, number = f"CAMERA_{plain}_PASSWORD", 2
    while candidate in taken:
        candidate, number = f"CAMERA_{plain}_{number}_PASSWORD", number + 1
    taken.add(candidate)
    return candidate


def _or_empty(value: Any) -> Any:
    return NO_VALUE if value is None else value
