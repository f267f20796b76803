"""What an admin changes in the page: typed, checked, kept in memory for everyone to read.

What opens the machine to clients (directories, addresses, keys) is no setting of this kind: whoever
runs the node sets it, see `config.settings`.
"""

import asyncio
import logging
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy import delete, select
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.base.errors import InvalidInput
from falconeye.base.secret import Secret
from falconeye.config.origins import origin, origins
from falconeye.storage.index.database import Database
from falconeye.storage.stores import destinations
from falconeye.storage.stores.credentials import CredentialCipher, CredentialUnreadable
from falconeye.storage.tables.node import SETTINGS

log = logging.getLogger(__name__)

_LOCALTIME = Path("/etc/localtime")
_ZONE_DIRECTORY = "zoneinfo/"
_LABEL = r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?"


def system_time_zone() -> str:
    """The machine's IANA time zone name, "UTC" when it cannot be known. Blocks."""
    names = [os.environ.get("TZ", "").lstrip(":")]
    if _LOCALTIME.is_symlink():
        names.append(str(_LOCALTIME.readlink()).rpartition(_ZONE_DIRECTORY)[2])
    return next((name for name in names if name and _is_time_zone(name)), "UTC")


def _is_time_zone(name: str) -> bool:
    try:
        _time_zone(name)
    except ValueError:
        return False
    return True


def _time_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        msg = f"there is no time zone “{name}”; it looks like Europe/Berlin"
        raise ValueError(msg) from error
    return name


def _resolution(text: str) -> str:
    width, _, height = text.partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        msg = "a resolution looks like 640x480"
        raise ValueError(msg)
    if not (16 <= int(width) <= 16384 and 16 <= int(height) <= 16384):
        msg = "a resolution is between 16x16 and 16384x16384"
        raise ValueError(msg)
    return f"{int(width)}x{int(height)}"


def _origin(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path not in {"", "/"}:
        msg = "an origin looks like https://home.example:8123"
        raise ValueError(msg)
    return f"{parts.scheme}://{parts.netloc.lower()}"


def _kube_name(text: str) -> str:
    if not re.fullmatch(rf"{_LABEL}(\.{_LABEL})*", text):
        msg = "a Kubernetes node has a name of small letters, digits, “-” and “.”"
        raise ValueError(msg)
    return text


T = TypeVar("T")
ClockFormat = Literal["auto", "24h", "12h"]
WeekStart = Literal["mon", "sat", "sun"]
_Sealed = Annotated[str, Field(max_length=8000)]
NodeName = Annotated[str, Field(min_length=1, max_length=253)]
# A machine's name in Kubernetes (a DNS subdomain, RFC 1123): its API server takes no other.
KubeName = Annotated[str, Field(max_length=253), AfterValidator(_kube_name)]
_KubeNames = Annotated[tuple[KubeName, ...], Field(max_length=1000)]
# Named without its unit by the systems that FalconEye replaces. Nothing here waits for it: what can
# be deleted is deleted within seconds.
CleanupInterval = Annotated[
    int,
    Field(
        strict=True,
        ge=10,
        le=86_400,
        description="seconds, 10 to 86400; kept for programs that set it, without effect here",
    ),
]


class StoredSettings(BaseModel):
    """The settings at one moment."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    default_resolution: Annotated[str, AfterValidator(_resolution)] = "640x480"
    default_framerate: Annotated[int, Field(strict=True, ge=1, le=60)] = 15
    default_camera_node: NodeName | None = None
    default_recorder_node: NodeName | None = None
    k8s_namespace: Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")] = (
        "default"
    )
    cleanup_interval: CleanupInterval = 60
    creating_timeout_minutes: Annotated[int, Field(strict=True, ge=1, le=60)] = 3
    # Names in Kubernetes; see `cluster.placement.Selection`
    agent_nodes_include: _KubeNames | None = None  # None: all
    agent_nodes_exclude: _KubeNames = ()
    node_ips: dict[NodeName, Annotated[str, Field(max_length=45)]] = {}
    site_time_zone: Annotated[str, AfterValidator(_time_zone)] = "UTC"  # default: the system's
    keep_days: Annotated[int, Field(strict=True, ge=1, le=36_500)] | None = None  # None: no limit
    keep_bytes: Annotated[int, Field(strict=True, ge=1_000_000_000)] | None = None
    clock_format: ClockFormat = "24h"
    week_start: WeekStart = "mon"
    audit_keep_days: Annotated[int, Field(strict=True, ge=30, le=36_500)] | None = 365  # None: all
    cors_origins: tuple[Annotated[str, AfterValidator(_origin)], ...] = ()
    # Sites that may show a page in a frame; each page and answer says so.
    frame_ancestors: Annotated[
        tuple[Annotated[str, AfterValidator(origin)], ...],
        Field(max_length=20),
        AfterValidator(origins),
    ] = ()
    # Where notices go: encrypted, see `destinations`. Nothing is contacted unless it is set.
    notify_urls: tuple[_Sealed, ...] = ()
    webhook_url: _Sealed | None = None
    webhook_secret: _Sealed | None = None
    heartbeat_url: _Sealed | None = None
    notify_cooldown_minutes: Annotated[int, Field(strict=True, ge=0, le=10_080)] = 15
    notify_allow_local: Annotated[bool, Field(strict=True)] = False


class SettingsStore:
    """`current` is always there after `load`; `patch` checks, stores, then replaces it.

    Without a cipher (the command line) no secret can be set.
    """

    def __init__(self, database: Database, cipher: CredentialCipher | None = None) -> None:
        self._database = database
        self._cipher = cipher
        self._current: StoredSettings | None = None
        self._zone: ZoneInfo | None = None
        self._system_zone = "UTC"
        self._ignored: frozenset[str] = frozenset()  # stored, and not to be used
        self._loading = asyncio.Lock()

    @property
    def current(self) -> StoredSettings:
        """The settings now; a frozen snapshot."""
        return _loaded(self._current)

    @property
    def defaults(self) -> StoredSettings:
        """What stands where nobody has set anything; the time zone is this machine's."""
        return self._defaults()

    @property
    def zone(self) -> ZoneInfo:
        """`site_time_zone`, ready to use."""
        return _loaded(self._zone)

    def opened(self, stored: str) -> Secret:
        """A value of a destination itself; CredentialUnreadable where it cannot be decrypted."""
        if self._cipher is None:
            raise CredentialUnreadable("the data key is not loaded")
        return destinations.opened(stored, self._cipher)

    def secrets(self) -> list[str]:
        """Every secret among the settings in clear: what no text for others may hold.

        Those that cannot be decrypted here cannot be given away either.
        """
        found = []
        values = self.current.model_dump()
        single = [values[name] for name in (*destinations.URLS, destinations.SECRET)]
        for stored in filter(None, (*single, *values[destinations.LIST])):
            with suppress(CredentialUnreadable):
                found.append(self.opened(stored).reveal())
        return found

    async def load(self) -> None:
        """Read what is stored; also the `reload` after another process changed it."""
        async with self._loading:  # an older answer never replaces a newer one
            self._system_zone = await asyncio.to_thread(system_time_zone)
            await self._adopt(await self._database.read(_rows))

    def check(self, changes: Mapping[str, Any]) -> None:
        """InvalidInput where `patch` would refuse these. Blocks: time zones are files."""
        current = self.current.model_dump()
        self._checked({**current, **destinations.sealed_changes(changes, current, self._cipher)})

    async def patch(self, changes: Mapping[str, Any]) -> StoredSettings:
        """Change the named settings, all or none; InvalidInput names the field and what is wrong.

        A setting changed to its default follows the default again. What is as it was is not stored:
        another node may have changed it meanwhile.
        """
        was = self.current.model_dump(mode="json")
        current = self.current.model_dump()
        changes = destinations.sealed_changes(changes, current, self._cipher)
        candidate = {**current, **changes}
        checked = await asyncio.to_thread(self._checked, candidate)
        wanted = checked.model_dump(mode="json")
        changed = {
            name: wanted[name]
            for name in changes
            if wanted[name] != was[name] or name in self._ignored
        }
        defaults = self._defaults().model_dump(mode="json")

        async def write(connection: AsyncConnection) -> None:
            for name, value in changed.items():
                if value == defaults[name]:
                    await connection.execute(delete(SETTINGS).where(SETTINGS.c.key == name))
                else:
                    await connection.execute(
                        insert(SETTINGS)
                        .values(key=name, value=value)
                        .on_conflict_do_update(
                            index_elements=[SETTINGS.c.key], set_={"value": value}
                        )
                    )

        await self._database.write(write)
        await self.load()
        return self.current

    def _defaults(self) -> StoredSettings:
        return StoredSettings(site_time_zone=self._system_zone)

    async def _adopt(self, rows: Mapping[str, Any]) -> None:
        # A key that this release does not know stays stored for the newer one that wrote it.
        known = {name: rows[name] for name in StoredSettings.model_fields if name in rows}
        self._current, self._zone = await asyncio.to_thread(self._usable, known)

    def _usable(self, known: Mapping[str, Any]) -> tuple[StoredSettings, ZoneInfo]:
        """The settings, each bad one (edited by hand) replaced by its default, and said."""
        values = self._defaults().model_dump()
        ignored = set()
        for name, value in known.items():
            try:
                values[name] = self._checked({**values, name: value}).model_dump()[name]
            except InvalidInput as error:
                ignored.add(name)
                log.warning("the stored setting %s is ignored: %s", name, error)
        self._ignored = frozenset(ignored)
        settings = StoredSettings(**values)
        return settings, ZoneInfo(settings.site_time_zone)

    def _checked(self, values: Mapping[str, Any]) -> StoredSettings:
        try:
            return StoredSettings(**values)
        except ValidationError as error:
            raise _in_words(error) from error


def _loaded(value: T | None) -> T:
    if value is None:
        msg = "SettingsStore.load() was not called"
        raise RuntimeError(msg)
    return value


async def _rows(connection: AsyncConnection) -> dict[str, Any]:
    rows = await connection.execute(select(SETTINGS.c.key, SETTINGS.c.value))
    return {row.key: row.value for row in rows}


def _in_words(error: ValidationError) -> InvalidInput:
    first = error.errors(include_url=False, include_context=False)[0]
    field = str(first["loc"][0])
    if first["type"] == "extra_forbidden":
        return InvalidInput(f"{field}: there is no such setting", field=field)
    words = first["msg"].removeprefix("Value error, ")
    unit = StoredSettings.model_fields[field].description
    return InvalidInput(f"{field}: {words}{f' ({unit})' if unit else ''}", field=field)
