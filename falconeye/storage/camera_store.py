"""The configured cameras as rows, their passwords encrypted."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from sqlalchemy import RowMapping, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.base.errors import Conflict, NotFound
from falconeye.config.addresses import address_key
from falconeye.config.camera import CameraConfig, Protocol, RecordMode, Transport
from falconeye.storage.credentials import CredentialCipher, CredentialUnreadable
from falconeye.storage.database import Database
from falconeye.storage.tables import CAMERAS

_SAME_NAME = {field.name for field in fields(CameraConfig)} - {"password", "metadata"}


class CameraStore:
    """Every change is on the disk when its method returns."""

    def __init__(self, database: Database, cipher: CredentialCipher) -> None:
        self._database = database
        self._cipher = cipher
        self._problems: dict[str, str] = {}

    @property
    def password_problems(self) -> Mapping[str, str]:
        """Cameras whose stored password cannot be read, with the reason in words.

        Their `password` is None. It stays stored as it is until another one is given, so that it
        is there again once the right key is back.
        """
        return self._problems

    async def list(self) -> list[CameraConfig]:
        """All cameras, by name."""

        async def read(connection: AsyncConnection) -> Sequence[RowMapping]:
            rows = await connection.execute(select(CAMERAS).order_by(CAMERAS.c.name, CAMERAS.c.id))
            return rows.mappings().all()

        rows = await self._database.read(read)
        self._problems.clear()
        return [self._config(row) for row in rows]

    async def get(self, camera_id: str) -> CameraConfig:
        """One camera; NotFound."""

        async def read(connection: AsyncConnection) -> RowMapping | None:
            found = await connection.execute(select(CAMERAS).where(CAMERAS.c.id == camera_id))
            return found.mappings().first()

        row = await self._database.read(read)
        if row is None:
            raise NotFound("there is no such camera")
        return self._config(row)

    async def insert(self, camera: CameraConfig) -> None:
        """Conflict, naming the other, when a camera with this address is there."""
        values = self._values(camera)

        async def write(connection: AsyncConnection) -> None:
            await _refuse_same_address(connection, values)
            await connection.execute(insert(CAMERAS).values(values))

        await self._database.write(write)

    async def update(self, camera: CameraConfig) -> None:
        """Store all fields of `camera`; NotFound, or Conflict as in `insert`."""
        values = self._values(camera)
        if camera.password is None and camera.id in self._problems:
            del values["password_encrypted"]

        async def write(connection: AsyncConnection) -> None:
            await _refuse_same_address(connection, values)
            done = await connection.execute(
                update(CAMERAS).where(CAMERAS.c.id == camera.id).values(values)
            )
            if done.rowcount == 0:
                raise NotFound("there is no such camera")

        await self._database.write(write)
        if camera.password is not None:
            self._problems.pop(camera.id, None)

    async def delete(self, camera_id: str) -> None:
        """NotFound when it is not there (any more). Footage is not touched."""

        async def write(connection: AsyncConnection) -> None:
            done = await connection.execute(delete(CAMERAS).where(CAMERAS.c.id == camera_id))
            if done.rowcount == 0:
                raise NotFound("there is no such camera")

        await self._database.write(write)
        self._problems.pop(camera_id, None)

    def _values(self, camera: CameraConfig) -> dict[str, Any]:
        values: dict[str, Any] = {name: getattr(camera, name) for name in _SAME_NAME}
        values["metadata"] = dict(camera.metadata)
        values["address_key"] = address_key(camera)
        values["password_encrypted"] = (
            None if camera.password is None else self._cipher.encrypt(camera.password)
        )
        return values

    def _config(self, stored: RowMapping) -> CameraConfig:
        values: dict[str, Any] = {name: stored[name] for name in _SAME_NAME}
        values["protocol"] = Protocol(stored["protocol"])
        values["transport"] = Transport(stored["transport"])
        values["record"] = RecordMode(stored["record"])
        values["metadata"] = stored["metadata"]
        if stored["password_encrypted"] is not None:
            try:
                values["password"] = self._cipher.decrypt(stored["password_encrypted"])
                self._problems.pop(stored["id"], None)
            except CredentialUnreadable as error:
                self._problems[stored["id"]] = str(error)
        return CameraConfig(**values)


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
