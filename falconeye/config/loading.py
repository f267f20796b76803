"""Flags, environment, TOML file and defaults merged into `NodeSettings`, each with its origin.

The first of these that has a value wins. TOML is version 1.0 (toml.io), one flat table with the
names of `NodeSettings`; the environment has the same names in capitals after `FALCONEYE_`.
"""

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ByteSize, Field, TypeAdapter, ValidationError

from falconeye.base.errors import InvalidInput
from falconeye.config.default_directories import default_data_dir
from falconeye.config.peer_addresses import peer_addresses, peer_service
from falconeye.config.reverse_proxy import base_path, trusted_proxies
from falconeye.config.settings import DEFAULT_PEER_PORT, NodeSettings
from falconeye.config.tls_settings import tls_names, with_files

ENVIRONMENT_PREFIX = "FALCONEYE_"
CONFIG_VARIABLE = "FALCONEYE_CONFIG"
FILE_NAME = "falconeye.toml"
SYSTEM_FILE = Path("/etc") / FILE_NAME
# What Kubernetes injects for a service called "falconeye", beside FALCONEYE_PORT=tcp://…
_KUBERNETES = ("FALCONEYE_SERVICE_", "FALCONEYE_PORT_")


@dataclass(frozen=True, slots=True)
class Setting:
    """How one field of `NodeSettings` is read, and what is allowed, in words."""

    adapter: TypeAdapter[Any]
    allowed: str
    accepts_bool: bool = False  # else pydantic would read true as 1


def _setting(annotation: Any, allowed: str) -> Setting:
    return Setting(TypeAdapter(annotation), allowed, accepts_bool=annotation is bool)


_DIRECTORY = "a directory"
_FILE = "a file"
_BOOLEAN = "true or false"

SETTINGS: Mapping[str, Setting] = {
    "data_dir": _setting(Path, _DIRECTORY),
    "media_dir": _setting(Path, _DIRECTORY),
    "host": _setting(
        Annotated[str, Field(pattern=r"^[A-Za-z0-9.:%_-]+$")],
        'an address to listen on, such as "127.0.0.1", "0.0.0.0" or "::", without scheme or port',
    ),
    "port": _setting(
        Annotated[int, Field(ge=0, le=65535)],
        "a whole number from 1 to 65535, or 0 for any free port",
    ),
    "peer_port": _setting(
        Annotated[int, Field(ge=0, le=65535)],
        "a whole number from 1 to 65535, or 0 for any free port",
    ),
    "tls": _setting(Literal["off", "files", "auto"], '"off", "files" or "auto"'),
    "tls_cert": _setting(Path, _FILE),
    "tls_key": _setting(Path, _FILE),
    "tls_names": _setting(
        Annotated[tuple[str, ...], BeforeValidator(tls_names)],
        "names and addresses that browsers reach this node by, apart by commas",
    ),
    "demo": _setting(bool, _BOOLEAN),
    "node_name": _setting(
        Annotated[str, Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9.-]{0,62})?$|^$")],
        "up to 63 letters, digits, dots and hyphens",
    ),
    "admin_password_file": _setting(Path, _FILE),
    "data_key_file": _setting(Path, _FILE),
    "import_root": _setting(Path, _DIRECTORY),
    "memory_budget_bytes": _setting(
        Annotated[ByteSize, Field(ge=16_000_000)], 'at least 16 MB, such as 268435456 or "256 MB"'
    ),
    "sync_interval_s": _setting(
        Annotated[float, Field(ge=0.1, le=60)], "a number of seconds from 0.1 to 60"
    ),
    "free_floor_bytes": _setting(
        Annotated[ByteSize, Field(ge=0)], 'a number of bytes, or a text such as "10 GB"'
    ),
    "segment_s": _setting(
        Annotated[int, Field(ge=5, le=600)], "a whole number of seconds from 5 to 600"
    ),
    "sub_recording": _setting(bool, _BOOLEAN),
    "nightly_backup": _setting(bool, _BOOLEAN),
    "backup_dir": _setting(Path, _DIRECTORY),
    "backup_passphrase_file": _setting(Path, _FILE),
    "discovery": _setting(bool, _BOOLEAN),
    "peers": _setting(
        Annotated[tuple[str, ...], BeforeValidator(peer_addresses)],
        f"addresses of other nodes, apart by commas, port {DEFAULT_PEER_PORT} where none is said",
    ),
    "peer_service": _setting(
        Annotated[str, BeforeValidator(peer_service)],
        'the DNS name of a service of other nodes, such as "falconeye-peers" or "nodes.lan:8901"',
    ),
    "cluster_key_file": _setting(Path, _FILE),
    "placement": _setting(Literal["auto", "manual"], '"auto" or "manual"'),
    "trusted_proxy": _setting(
        Annotated[tuple[str, ...], BeforeValidator(trusted_proxies)],
        'addresses or networks of reverse proxies, apart by commas, such as "127.0.0.1, ::1"',
    ),
    "base_path": _setting(
        Annotated[str, BeforeValidator(base_path)], 'a path such as "/falconeye"'
    ),
    "video_devices": _setting(
        Annotated[str, Field(max_length=1000)],
        'patterns of paths or names, apart by commas, such as "platform-vivid.*"',
    ),
    "log_format": _setting(Literal["auto", "human", "json"], '"auto", "human" or "json"'),
    "log_level": _setting(
        Literal["debug", "info", "warning", "error"], '"debug", "info", "warning" or "error"'
    ),
}
PATHS = frozenset({
    "data_dir", "media_dir", "admin_password_file", "data_key_file", "import_root", "backup_dir",
    "backup_passphrase_file", "cluster_key_file", "tls_cert", "tls_key",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class LoadedSettings:
    """The effective settings, where each came from, and what was ignored on the way."""

    settings: NodeSettings
    origins: Mapping[str, str]  # "--port", "FALCONEYE_PORT", "/etc/falconeye.toml", "default"
    notices: tuple[str, ...]
    file: Path | None


@dataclass(frozen=True, slots=True)
class _Source:
    """Raw values of one place; `origin` per name; relative paths begin at `base`."""

    values: Mapping[str, Any]
    origins: Mapping[str, str]
    base: Path


def load_settings(
    flags: Mapping[str, Any], environment: Mapping[str, str], config_file: Path | None = None
) -> LoadedSettings:
    """Merge `flags` (those given), `environment` and the TOML file over the defaults.

    `config_file` (`--config`) or `FALCONEYE_CONFIG` must exist; without them the first of
    `data_dir/falconeye.toml` and `/etc/falconeye.toml` that exists is read. InvalidInput names the
    place, the key and what is allowed.
    """
    here = Path.cwd()
    given = _Source(flags, {name: f"--{name.replace('_', '-')}" for name in flags}, here)
    injected, notices = _from_environment(environment, here)
    sources = [given, injected]
    data_dir, data_dir_origin = _first_data_dir(sources, environment)
    file = _config_file(config_file, environment, data_dir)
    if file is not None:
        sources.append(_from_file(file, data_dir))
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for source in reversed(sources):
        for name, raw in source.values.items():
            values[name] = _checked(name, raw, source)
            origins[name] = source.origins[name]
    if "data_dir" not in values:
        values["data_dir"], origins["data_dir"] = data_dir, data_dir_origin
    values.setdefault("media_dir", values["data_dir"] / "media")
    with_files(values, origins)
    settings = NodeSettings(**values)
    _check_import_root(settings, origins)
    everything = {field.name: origins.get(field.name, "default") for field in fields(settings)}
    return LoadedSettings(settings, everything, tuple(notices), file)


def _check_import_root(settings: NodeSettings, origins: Mapping[str, str]) -> None:
    """Who may register recordings reads and deletes what lies there: never keys or footage."""
    if settings.import_root is None:
        return
    root = settings.import_root.resolve()
    for own in (settings.data_dir.resolve(), settings.media_dir.resolve()):
        if root.is_relative_to(own) or own.is_relative_to(root):
            msg = (f"{origins['import_root']}: the import directory {root} must lie apart from "
                   f"{own}, where this node keeps its own files")  # fmt: skip
            raise InvalidInput(msg, field="import_root")


def _from_environment(environment: Mapping[str, str], here: Path) -> tuple[_Source, list[str]]:
    values, origins, notices = {}, {}, []
    for variable in sorted(environment):
        name = variable.removeprefix(ENVIRONMENT_PREFIX).lower()
        if not variable.startswith(ENVIRONMENT_PREFIX) or variable == CONFIG_VARIABLE:
            continue
        value = environment[variable]
        if value.startswith(("tcp://", "udp://", "sctp://")):
            notices.append(f"{variable} is ignored: Kubernetes sets it for a service of that name")
        elif name in SETTINGS:
            if value:  # an empty variable is one that is not set
                values[name], origins[name] = value, variable
        elif name == "admin_password":
            notices.append(f"{variable} is ignored: put the password into a file and name it in "
                           "FALCONEYE_ADMIN_PASSWORD_FILE")  # fmt: skip
        elif not variable.startswith(_KUBERNETES):
            notices.append(f"{variable} is ignored: there is no such setting{_nearest(name)}")
    return _Source(values, origins, here), notices


def _first_data_dir(sources: list[_Source], environment: Mapping[str, str]) -> tuple[Path, str]:
    """Where the TOML file is looked for: flag or variable if given, else the default."""
    for source in sources:
        if "data_dir" in source.values:
            checked: Path = _checked("data_dir", source.values["data_dir"], source)
            return checked, source.origins["data_dir"]
    return default_data_dir(environment)


def _config_file(given: Path | None, environment: Mapping[str, str], data_dir: Path) -> Path | None:
    if given is not None:
        return given.absolute()
    if named := environment.get(CONFIG_VARIABLE):
        return Path(named).absolute()
    for path in (data_dir / FILE_NAME, SYSTEM_FILE):
        try:
            if path.exists():
                return path
        except OSError as error:  # the directory of another user
            message = f"cannot look into {path.parent}: {error.strerror}"
            raise InvalidInput(message) from error
    return None


def _from_file(file: Path, data_dir: Path) -> _Source:
    try:
        values = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        message = f"cannot read the settings file {file}: {error.strerror}"
        raise InvalidInput(message) from error
    except ValueError as error:  # TOMLDecodeError, UnicodeDecodeError, a number of 5000 digits
        message = f"{file} is not valid TOML: {error}"
        raise InvalidInput(message) from error
    except RecursionError as error:
        message = f"{file} is nested too deep"
        raise InvalidInput(message) from error
    for name in values:
        if name not in SETTINGS:
            known = ", ".join(SETTINGS)
            message = f"{file}: unknown key {name!r}{_nearest(name)}. Allowed are: {known}"
            raise InvalidInput(message)
    if "data_dir" in values and file.parent == data_dir:
        message = f"{file}: data_dir cannot be set in a file that is found in the data directory"
        raise InvalidInput(message)
    return _Source(values, dict.fromkeys(values, str(file)), file.absolute().parent)


def _checked(name: str, raw: Any, source: _Source) -> Any:
    """The value as its type; InvalidInput says where it stands and what is allowed."""
    setting = SETTINGS[name]
    refused = f"{source.origins[name]}: {name} = {raw!r} is not allowed; it must be "
    if isinstance(raw, bool) and not setting.accepts_bool:
        raise InvalidInput(refused + setting.allowed, field=name)
    try:
        checked = setting.adapter.validate_python(raw)
        return source.base / checked.expanduser() if name in PATHS else checked
    except (ValidationError, RuntimeError) as error:  # RuntimeError: nobody has that home
        raise InvalidInput(refused + setting.allowed + _reason(error), field=name) from error


def _reason(error: Exception) -> str:
    """What our own checks say, such as which of several addresses is none."""
    told = error.errors()[0].get("ctx", {}) if isinstance(error, ValidationError) else {}
    return f" ({own})" if isinstance(own := told.get("error"), ValueError) else ""


def _nearest(name: str) -> str:
    near = difflib.get_close_matches(name, SETTINGS, n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""
