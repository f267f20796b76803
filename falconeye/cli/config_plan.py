"""From a file of `config apply` to changes: all of them checked before the first is made.

Cameras go through the models of the API and the checks of the registry, settings through their
store, and each change into the audit log.
"""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from falconeye.accounts.audit import AuditLog
from falconeye.base.errors import Conflict, InvalidInput
from falconeye.base.redact import HIDDEN, redact_text
from falconeye.cameras.changes import changed_config, new_config
from falconeye.cli import references
from falconeye.cli.camera_address import protocol_of
from falconeye.cli.config_identity import IDENTITY, identity_of, refuse_password_elsewhere
from falconeye.config.addresses import address_key
from falconeye.config.camera import CameraConfig, Protocol
from falconeye.config.schedule import WeekSchedule
from falconeye.devices.usb_camera import is_identity
from falconeye.storage.stores import destinations
from falconeye.storage.stores.camera_store import CameraStore
from falconeye.storage.stores.settings_store import SettingsStore, StoredSettings
from falconeye.storage.stores.settings_words import changed_words
from falconeye.web.api.camera_input import CameraInput, CameraPatch

FORMAT: Final = 1
NO_VALUE: Final = ""
# The API knows identities only to be taken away: a file brings them to another node.
FIELDS: Final = tuple(name for name in CameraPatch.model_fields if name not in IDENTITY)
_KEYS: Final = ("id", "protocol", *FIELDS, *IDENTITY, "allow_local", "start")
_TOP: Final = ("format", "settings", "cameras")
_MAY_BE_EMPTY: Final = frozenset({"location", "metadata"})
_SECRET: Final = frozenset({"password", "source_url", "sub_url", "username"})


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that is, or would be, changed; `detail` holds no secret."""

    what: str  # settings | camera
    name: str
    action: str  # add | change
    detail: str


@dataclass(slots=True)
class Plan:
    """What to do, checked."""

    settings: dict[str, Any] = field(default_factory=dict)
    added: list[CameraConfig] = field(default_factory=list)
    changed: list[tuple[CameraConfig, str]] = field(default_factory=list)  # and how, in words
    changes: list[Change] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def make_plan(
    wanted: Mapping[str, Any],
    cameras: Sequence[CameraConfig],
    stored: SettingsStore,
    *,
    base: Path,
    node_name: str,
    now_us: int,
) -> Plan:
    """What the file changes; InvalidInput or Conflict names the place in it that cannot be."""
    _check_top(wanted)
    plan = Plan()
    _plan_settings(wanted.get("settings", {}), stored, base, plan)
    final = {camera.id: camera for camera in cameras}
    met: set[str] = set()
    for number, entry in enumerate(wanted.get("cameras", []), 1):
        where = f"cameras {number} ({entry.get('name', 'without a name')!r})"
        _check_keys(entry, _KEYS, where)
        existing = _find(entry, cameras, where)
        try:
            if existing is None:
                camera = _added(entry, where, base, node_name, now_us)
                plan.added.append(camera)
                plan.changes.append(Change("camera", camera.name, "add", _address(camera)))
            else:
                camera = _changed(existing, entry, where, base, now_us, plan)
        except ValidationError as error:
            raise _in_words(error, where) from error
        except InvalidInput as error:
            words = str(error)
            raise InvalidInput(
                words if words.startswith(where) else f"{where}: {words}", field=error.field
            ) from error
        if camera.id in met:
            msg = f"{where}: another entry is the same camera"
            raise Conflict(msg)
        met.add(camera.id)
        final[camera.id] = camera
    _refuse_same_address(final.values())
    return plan


async def carry_out(
    plan: Plan, cameras: CameraStore, stored: SettingsStore, audit: AuditLog
) -> None:
    """Make the changes; a running node takes them up within seconds.

    The cameras together, all or none, and first: they may meet what came since the plan was made.
    """
    await cameras.store_all(plan.added, [camera for camera, _ in plan.changed])
    if plan.settings:
        was = stored.current.model_dump(mode="json")
        now = (await stored.patch(plan.settings)).model_dump(mode="json")
        words = changed_words(was, now, plan.settings)
        await audit.record(None, "settings.changed", "settings", None, words)
    for camera in plan.added:
        await audit.record(None, "camera.added", "camera", camera.id, camera.name)
    for camera, words in plan.changed:
        await audit.record(None, "camera.changed", "camera", camera.id, words)


def _check_top(wanted: Mapping[str, Any]) -> None:
    _check_keys(wanted, _TOP, "the file")
    if wanted.get("format") != FORMAT:
        msg = f"the file must begin with format = {FORMAT}"
        raise InvalidInput(msg)
    if not isinstance(wanted.get("settings", {}), Mapping):
        raise InvalidInput("settings must be a table: [settings]")
    cameras = wanted.get("cameras", [])
    if not isinstance(cameras, list) or not all(isinstance(one, Mapping) for one in cameras):
        raise InvalidInput("cameras must be tables: [[cameras]]")


def _check_keys(values: Mapping[str, Any], allowed: Sequence[str], where: str) -> None:
    for name in values:
        if name not in allowed:
            near = difflib.get_close_matches(name, allowed, n=1)
            meant = f" (did you mean {near[0]!r}?)" if near else ""
            msg = f"{where}: unknown key {name!r}{meant}"
            raise InvalidInput(msg)


# -- cameras ---------------------------------------------------------------------------------


def _find(
    entry: Mapping[str, Any], cameras: Sequence[CameraConfig], where: str
) -> CameraConfig | None:
    """The camera an entry means: by its id, else by its name."""
    known = [camera for camera in cameras if camera.id == entry.get("id")]
    name = str(entry.get("name", "")).strip().casefold()
    named = known or [camera for camera in cameras if camera.name.casefold() == name]
    if len(named) > 1:
        msg = f"{where}: {len(named)} cameras are called so: give its id"
        raise Conflict(msg)
    return named[0] if named else None


def _values(
    entry: Mapping[str, Any], where: str, base: Path, existing: CameraConfig | None
) -> tuple[dict[str, Any], list[str]]:
    """The fields as the API takes them, secrets in place, and those that stay as they are."""
    values: dict[str, Any] = {}
    kept: list[str] = []
    for name, value in entry.items():
        if name in {"id", "protocol", "allow_local", "start", *IDENTITY}:
            continue
        has_not = "source_url" if entry.get("protocol") == Protocol.USB else "device_path"
        if name == has_not and value == NO_VALUE:  # an address, or a port
            continue
        here = f"{where}, {name}"
        if references.is_reference(value):
            secret = references.resolved(value, here, base)
            if secret is not None:
                values[name] = secret
            elif existing is None or getattr(existing, name, None) is None:
                msg = f"{here}: the variable {value['env']} is not set"
                raise InvalidInput(msg)
            else:
                kept.append(f"{here}: {value['env']} is not set, what is stored stays")
            continue
        if existing is None or not _is_shown(existing, name, value):
            references.refuse_clear(name, value, here)
        values[name] = None if value == NO_VALUE and name not in _MAY_BE_EMPTY else value
    return values, kept


def _is_shown(existing: CameraConfig, name: str, value: Any) -> bool:
    """Whether it is the stored value as an export shows it, secrets hidden."""
    stored = getattr(existing, name, None)
    return isinstance(stored, str) and value == redact_text(stored)


def _identity(device: Any, where: str) -> str:
    """What a USB camera stays itself by; a file knows nothing of where it is plugged in today."""
    if isinstance(device, str) and is_identity(device):
        return device
    msg = f'{where}, device_path: write what it stays itself by, as `config export` does ("usb:…")'
    raise InvalidInput(msg, field="device_path")


def _added(
    entry: Mapping[str, Any], where: str, base: Path, node_name: str, now_us: int
) -> CameraConfig:
    values, _ = _values(entry, where, base, None)
    given = {name: value for name, value in values.items() if value is not None}
    address = given.get("source_url", "rtsp://")
    protocol = entry.get("protocol") or protocol_of(str(address)).value
    given |= {"protocol": protocol, "start": entry.get("start", True)}
    new = CameraInput.model_validate(given).to_new_camera(node_name=node_name)
    new = replace(new, allow_local=_flag(entry, "allow_local", default=False))
    if new.protocol is Protocol.USB:
        new = replace(new, device_identity=_identity(new.device_path, where), device_path=None)
    identity = identity_of(entry, where)
    new = replace(new, framerate=given.get("framerate"), **identity)  # type: ignore[arg-type]  # the keys are those of three such fields
    return new_config(new, now_us, node_name)


def _changed(
    camera: CameraConfig,
    entry: Mapping[str, Any],
    where: str,
    base: Path,
    now_us: int,
    plan: Plan,
) -> CameraConfig:
    if entry.get("protocol", camera.protocol.value) != camera.protocol.value:
        msg = f"{where}: its protocol is {camera.protocol.value}; add another kind as a new camera"
        raise InvalidInput(msg)
    values, kept = _values(entry, where, base, camera)
    if camera.source_url == "demo:":
        values.pop("source_url", None)
    changes = CameraPatch.model_validate(values).to_changes(camera)
    if (device := changes.pop("device_path", None)) is not None:
        changes["device_identity"] = _identity(device, where)
    # The API lets an admin's address lead to this machine; here the file says so itself.
    changes.pop("allow_local", None)
    allow_local = _flag(entry, "allow_local", default=camera.allow_local)
    if allow_local is not camera.allow_local:
        changes["allow_local"] = allow_local
    changed = changed_config(camera, changes | identity_of(entry, where), now_us)
    refuse_password_elsewhere(camera, changed, is_given="password" in values, where=where)
    started = _flag(entry, "start", default=camera.started)
    if started is not camera.started:
        changed = replace(changed, started=started, stopped_by=None, updated_at_us=now_us)
    names = [name for name in (*FIELDS, *IDENTITY, "device_identity", "allow_local", "started")
             if getattr(changed, name) != getattr(camera, name)]  # fmt: skip
    plan.notes += kept
    if names:
        detail = "; ".join(_difference(name, camera, changed) for name in names)
        plan.changed.append((changed, detail))
        plan.changes.append(Change("camera", changed.name, "change", detail))
    return changed


def _flag(entry: Mapping[str, Any], name: str, *, default: bool) -> bool:
    value = entry.get(name, default)
    if not isinstance(value, bool):
        msg = f"{name}: true or false is needed here"
        raise InvalidInput(msg, field=name)
    return value


def _difference(name: str, before: CameraConfig, after: CameraConfig) -> str:
    return f"{name}: {_shown(name, getattr(before, name))} → {_shown(name, getattr(after, name))}"


def _shown(name: str, value: Any) -> str:
    if value is None or value == "":
        return "none"
    if name == "password":
        return HIDDEN
    if isinstance(value, WeekSchedule):
        return str(value.ranges())
    return redact_text(str(value)) if name in _SECRET else str(value)


def _address(camera: CameraConfig) -> str:
    return redact_text(camera.source_url or "")


def _refuse_same_address(cameras: Any) -> None:
    seen: dict[str, str] = {}
    for camera in cameras:
        key = address_key(camera)
        if key is not None and key in seen:
            msg = f"the cameras “{seen[key]}” and “{camera.name}” would have the same address"
            raise Conflict(msg)
        if key is not None:
            seen[key] = camera.name


def _in_words(error: ValidationError, where: str) -> InvalidInput:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    name = str(first["loc"][0]) if first["loc"] else ""
    return InvalidInput(f"{where}, {name}: {first['msg']}", field=name or None)


# -- settings --------------------------------------------------------------------------------


def _plan_settings(
    wanted: Mapping[str, Any], stored: SettingsStore, base: Path, plan: Plan
) -> None:
    _check_keys(wanted, tuple(StoredSettings.model_fields), "settings")
    current = stored.current.model_dump(mode="json")
    for name, value in wanted.items():
        where = f"settings, {name}"
        if name in destinations.NAMES:
            before, after = _destination(name, value, current[name], stored, where, base)
            words = f"{name}: {HIDDEN}"
        else:
            before, after = current[name], None if value == NO_VALUE else value
            words = f"{name}: {_shown(name, before)} → {_shown(name, after)}"
        if before != after:
            plan.settings[name] = after
            plan.changes.append(Change("settings", name, "change", words))
    if plan.settings:
        stored.check(plan.settings)


def _destination(
    name: str, value: Any, current: Any, stored: SettingsStore, where: str, base: Path
) -> tuple[Any, Any]:
    """What is stored and what is wanted, both in clear, to be compared."""
    if name == destinations.LIST:
        if not isinstance(value, list):
            msg = f"{where}: a list is needed here"
            raise InvalidInput(msg)
        before = [stored.opened(each).reveal() for each in current]
        known = list(zip(map(destinations.shown, current), before, strict=True))
        return before, [_plain(each, known, where, base) for each in value]
    one = stored.opened(current).reveal() if current else None
    if value == NO_VALUE:
        return one, None
    shown_one = [] if one is None else [(destinations.shown(current), one)]
    return one, _plain(value, shown_one, where, base)


def _plain(value: Any, known: list[tuple[str, str]], where: str, base: Path) -> str:
    """A secret by its reference, or the stored one that is shown so (each once)."""
    if references.is_reference(value):
        secret = references.resolved(value, where, base)
        if secret is None:
            msg = f"{where}: the variable {value['env']} is not set"
            raise InvalidInput(msg)
        return secret
    for index, (shown, plain) in enumerate(known):
        if shown == value:
            del known[index]
            return plain
    msg = f'{where}: write {{ env = "NAME" }} or {{ file = "/PATH" }}: a secret does not stand here'
    raise InvalidInput(msg)
