"""Rows of cameras that another release or a person's hand has left behind."""

import dataclasses

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.config.camera import CameraConfig, Protocol
from falconeye.storage.index.database import Database
from falconeye.storage.stores.camera_store import CameraStore
from falconeye.storage.stores.credentials import CredentialCipher
from falconeye.storage.tables.node import CAMERAS

GATE = CameraConfig("1", "Gate", Protocol.RTSP, "rtsp://10.0.0.9/", 1, 1)
YARD = dataclasses.replace(GATE, id="2", name="Yard", source_url="rtsp://10.0.0.8/")


async def test_a_row_that_cannot_be_read_costs_its_camera_alone(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    store = CameraStore(database, CredentialCipher([Fernet.generate_key()], "data.key"))
    await store.insert(GATE)
    await store.insert(YARD)

    async def spoil(connection: AsyncConnection) -> None:
        row = update(CAMERAS).where(CAMERAS.c.id == GATE.id)
        await connection.execute(row.values(protocol="carrier pigeon"))

    await database.write(spoil)
    assert await store.list() == [YARD]
    assert store.left_out == {GATE.id}
    assert "the stored camera 1 cannot be read" in caplog.text
    await store.delete(GATE.id)
    assert await store.list() == [YARD]
    assert not store.left_out
