"""The configured cameras as rows, their passwords and those in their addresses encrypted."""

import builtins
import logging
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import fields
from functools import partial
from typing import Any

from sqlalchemy import Executable, RowMapping, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.base.errors import Conflict, NotFound
from falconeye.base.redact import fill_hidden
from falconeye.base.secret import Secret
from falconeye.config.addresses import address_key
from falconeye.config.camera import CameraConfig, Protocol, RecordMode, Transport
from falconeye.config.device import Overlay
from falconeye.config.schedule import WeekSchedule
from falconeye.storage.index.database import Database
from falconeye.storage.stores.credentials import CredentialCipher, CredentialUnreadable
from falconeye.storage.stores.sealed_urls import seal, unseal
from falconeye.storage.tables.footage import recordings, streams
from falconeye.storage.tables.node import CAMERAS

log = logging.getLogger(__name__)

_URLS = ("source_url", "sub_url")
_SCHEDULES = ("schedule", "privacy_schedule")
_KEY = "address_key"
_FIELDS = {"password_encrypted": "password"}  # of `CameraConfig`, by column
_SAME_NAME = {field.name for field in fields(CameraConfig)} - {
    "password", "metadata", "device_controls", *_URLS, *_SCHEDULES,
}  # fmt: skip


class CameraStore:
    """Every change is on the disk when its method returns."""

    def __init__(self, database: Database, cipher: CredentialCipher) -> None:
        self._database = database
        self._cipher = cipher
        self._problems: dict[str, str] = {}
        self._left_out: set[str] = set()
        self._handed: dict[str, CameraConfig] = {}  # as who asked knows them

    @property
    def left_out(self) -> AbstractSet[str]:
        """Cameras whose rows `list` could not read: of a newer release, or edited by hand."""
        return self._left_out

    @property
    def password_problems(self) -> Mapping[str, str]:
        """Cameras whose stored password cannot be read, with the reason in words.

        Their `password` is None, and *** stands for what their addresses hold of a login. Both stay
        stored as they are until others are given: they are there again once the right key is back.
        """
        return self._problems

    async def list(self) -> list[CameraConfig]:
        """All cameras that can be read, by name: one bad row keeps no other camera from running."""

        async def read(connection: AsyncConnection) -> Sequence[RowMapping]:
            rows = await connection.execute(select(CAMERAS).order_by(CAMERAS.c.name, CAMERAS.c.id))
            return rows.mappings().all()

        rows = await self._database.read(read)
        self._problems.clear()
        self._left_out.clear()
        found: list[CameraConfig] = []
        for row in rows:
            try:
                found.append(self._config(row))
            except Exception:
                log.exception("the stored camera %s cannot be read; it is left out", row["id"])
                self._left_out.add(row["id"])
        self._handed = {camera.id: camera for camera in found}
        return found

    async def same_address(self, camera_id: str) -> builtins.list[str]:
        """The other cameras with its address, by id: two nodes that were apart may each add one."""
        own = select(CAMERAS.c.address_key).where(CAMERAS.c.id == camera_id).scalar_subquery()
        query = select(CAMERAS.c.id).where(CAMERAS.c.address_key == own, CAMERAS.c.id != camera_id)

        async def read(connection: AsyncConnection) -> builtins.list[str]:
            return [*(await connection.execute(query.order_by(CAMERAS.c.id))).scalars()]

        return await self._database.read(read)

    async def latest_recordings(self) -> Mapping[str, int]:
        """When the latest recording of each camera begins (UTC µs); where there is one."""
        own = recordings.c.camera_id == CAMERAS.c.id
        latest = select(func.max(recordings.c.start_us)).where(own).scalar_subquery()

        async def read(connection: AsyncConnection) -> dict[str, int]:
            rows = await connection.execute(select(CAMERAS.c.id, latest.label("start_us")))
            return {row.id: row.start_us for row in rows if row.start_us is not None}

        return await self._database.read(read)

    async def get(self, camera_id: str) -> CameraConfig:
        """One camera; NotFound."""

        async def read(connection: AsyncConnection) -> RowMapping | None:
            found = await connection.execute(select(CAMERAS).where(CAMERAS.c.id == camera_id))
            return found.mappings().first()

        row = await self._database.read(read)
        if row is None:
            raise NotFound("there is no such camera")
        self._handed[camera_id] = self._config(row)
        return self._handed[camera_id]

    async def insert(self, camera: CameraConfig) -> None:
        """Conflict, naming the other, when a camera with this address is there."""
        values = self._values(camera)
        await self._database.write(partial(_insert, values))
        self._handed[camera.id] = camera

    async def update(self, camera: CameraConfig) -> None:
        """Store what is other in `camera` than this store said last; NotFound, Conflict as above.

        The other fields stay as they are stored: another node may have changed them meanwhile.
        """
        values = self._changed(camera)
        self._config(await self._database.write(partial(self._update, values)))
        self._handed[camera.id] = camera

    async def store_all(
        self, added: Sequence[CameraConfig], changed: Sequence[CameraConfig]
    ) -> None:
        """`insert` and `update` of many, all or none; they may exchange their addresses."""
        new = [self._values(camera) for camera in added]
        other = [self._changed(camera) for camera in changed]

        async def write(connection: AsyncConnection) -> builtins.list[RowMapping]:
            these = CAMERAS.c.id.in_([values["id"] for values in other])
            rows = await connection.execute(
                select(CAMERAS.c.id, CAMERAS.c.address_key).where(these)
            )
            keys: dict[str, str | None] = {row.id: row.address_key for row in rows}
            await connection.execute(update(CAMERAS).where(these).values(address_key=None))
            stored = [
                await self._update(values, connection, keys.get(values["id"])) for values in other
            ]
            for values in new:
                await _insert(values, connection)
            return stored

        for row in await self._database.write(write):
            self._config(row)  # notes what cannot be read still
        self._handed |= {camera.id: camera for camera in (*added, *changed)}

    async def _update(
        self, values: Mapping[str, Any], connection: AsyncConnection, key: str | None = None
    ) -> RowMapping:
        """`key`: of its address before, where the row does not hold it."""
        this = CAMERAS.c.id == values["id"]
        query = select(CAMERAS).where(this)
        before = (await connection.execute(query)).mappings().first()
        if before is None:
            raise NotFound("there is no such camera")
        kept = {**values, **self._unreadable(values, before)}
        await connection.execute(update(CAMERAS).where(this).values(kept))
        after = (await connection.execute(query)).mappings().one()
        address = {"id": after["id"], "address_key": address_key(self._config(after))}
        if address["address_key"] != (key or before["address_key"]):
            await _refuse_same_address(connection, address)
        await connection.execute(update(CAMERAS).where(this).values(address))
        return after

    async def delete(self, camera_id: str) -> None:
        """NotFound when it is not there (any more).

        Its footage stays, under its own rule; its recordings say that the camera is gone.
        """

        async def write(connection: AsyncConnection) -> None:
            for statement in leave_footage(camera_id):
                await connection.execute(statement)
            done = await connection.execute(delete(CAMERAS).where(CAMERAS.c.id == camera_id))
            if done.rowcount == 0:
                raise NotFound("there is no such camera")

        await self._database.write(write)
        self._problems.pop(camera_id, None)
        self._handed.pop(camera_id, None)

    def _changed(self, camera: CameraConfig) -> dict[str, Any]:
        """The values of what is other than who asked was told; the key follows the address."""
        values = self._values(camera)
        known = self._handed.get(camera.id)
        same = known and {
            field.name
            for field in fields(CameraConfig)
            if getattr(known, field.name) == getattr(camera, field.name)
        }
        return {
            name: value
            for name, value in values.items()
            if name == "id" or (_FIELDS.get(name, name) not in (same or ()) and name != _KEY)
        }

    def _values(self, camera: CameraConfig) -> dict[str, Any]:
        values: dict[str, Any] = {name: getattr(camera, name) for name in _SAME_NAME}
        values["metadata"] = dict(camera.metadata)
        values["device_controls"] = dict(camera.device_controls)
        values["address_key"] = address_key(camera)
        for name in _SCHEDULES:
            schedule: WeekSchedule | None = getattr(camera, name)
            values[name] = None if schedule is None else schedule.ranges()
        for name in _URLS:
            url = getattr(camera, name)
            values[name] = None if url is None else seal(url, self._cipher)
        values["password_encrypted"] = (
            None if camera.password is None else self._cipher.encrypt(camera.password)
        )
        return values

    def _unreadable(self, values: Mapping[str, Any], before: RowMapping) -> dict[str, Any]:
        """What of a camera's secrets must stay stored, since `values` could not know it."""
        kept: dict[str, Any] = {}
        if values.get("password_encrypted", "") is None and self._password(before)[1]:
            kept["password_encrypted"] = before["password_encrypted"]
        for name in _URLS:
            if values.get(name) is not None and before[name] is not None:
                kept[name] = fill_hidden(values[name], before[name])
        return kept

    def _password(self, stored: RowMapping) -> tuple[Secret | None, str]:
        """The stored password, if there is one, and why it cannot be read ("" if it can)."""
        if stored["password_encrypted"] is None:
            return None, ""
        try:
            return self._cipher.decrypt(stored["password_encrypted"]), ""
        except CredentialUnreadable as error:
            return None, str(error)

    def _config(self, stored: RowMapping) -> CameraConfig:
        values: dict[str, Any] = {name: stored[name] for name in _SAME_NAME}
        values["protocol"] = Protocol(stored["protocol"])
        values["transport"] = Transport(stored["transport"])
        values["record"] = RecordMode(stored["record"])
        values["overlay"] = Overlay(stored["overlay"])
        values["metadata"] = stored["metadata"]
        values["device_controls"] = stored["device_controls"]
        for name in _SCHEDULES:
            ranges = stored[name]
            values[name] = None if ranges is None else WeekSchedule.parse(ranges, field=name)
        values["password"], problem = self._password(stored)
        for name in _URLS:
            values[name] = stored[name]
            if stored[name] is not None:
                values[name], unread = unseal(stored[name], self._cipher)
                problem = problem or unread
        if problem:
            self._problems[stored["id"]] = problem
        else:
            self._problems.pop(stored["id"], None)
        return CameraConfig(**values)


def leave_footage(camera_id: str) -> builtins.list[Executable]:
    """Before its row is deleted: its footage keeps its rule, its recordings say that it is gone."""
    own = CAMERAS.c.id == camera_id
    rule = {
        name: select(CAMERAS.c[name]).where(own).scalar_subquery()
        for name in ("keep_days", "keep_bytes")
    }
    is_there = select(CAMERAS.c.id).where(own).exists()
    return [
        update(streams).where(streams.c.camera_id == camera_id, is_there).values(rule),
        update(recordings).where(recordings.c.camera_id == camera_id).values(camera_deleted=True),
    ]


async def _insert(values: Mapping[str, Any], connection: AsyncConnection) -> None:
    await _refuse_same_address(connection, values)
    await connection.execute(insert(CAMERAS).values(values))


async def _refuse_same_address(connection: AsyncConnection, values: Mapping[str, Any]) -> None:
    if values["address_key"] is None:
        return
    found = await connection.execute(
        select(CAMERAS.c.name).where(
            CAMERAS.c.address_key == values["address_key"], CAMERAS.c.id != values["id"]
        )
    )
    name = found.scalar()
    if name is not None:
        msg = f"the camera “{name}” already has this address"
        raise Conflict(msg)
