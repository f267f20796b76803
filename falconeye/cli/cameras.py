"""`falconeye camera add | list | remove`: works while the node runs (it notices) or not."""

import asyncio
import os
import socket
from collections.abc import Sequence

from falconeye.accounts.audit import AuditLog
from falconeye.base.clock import SystemClock
from falconeye.base.errors import Conflict, NotFound
from falconeye.base.redact import redact_text
from falconeye.cameras.changes import new_config
from falconeye.cameras.completing import completed
from falconeye.cameras.identity.same_device import refuse_same_device
from falconeye.cli.arguments import Arguments
from falconeye.cli.camera_address import AddressArguments, new_camera
from falconeye.cli.exit_codes import ExitCode
from falconeye.cli.opened import with_database
from falconeye.cli.output import Rows, done, print_rows
from falconeye.config.camera import CameraConfig
from falconeye.config.settings import NodeSettings
from falconeye.storage.index.database import Database
from falconeye.storage.stores.audit_store import AuditStore
from falconeye.storage.stores.camera_store import CameraStore
from falconeye.storage.stores.credentials import CredentialCipher, load_cipher


class AddArguments(AddressArguments):
    """The words of `camera add`."""

    name: str
    location: str
    record: str
    stopped: bool


class RemoveArguments(Arguments):
    """The words of `camera remove`."""

    camera: str


def add(arguments: AddArguments) -> ExitCode:
    """Store the camera; Conflict when its address is there already."""
    new = new_camera(
        arguments,
        name=arguments.name,
        location=arguments.location,
        record=arguments.record,
        start=not arguments.stopped,
    )

    async def work(database: Database, settings: NodeSettings) -> CameraConfig:
        node_name = settings.node_name or socket.gethostname()
        config = new_config(await completed(new), SystemClock().utc_us(), node_name)
        store = await camera_store(database, settings)
        refuse_same_device(config, await store.list())
        await store.insert(config)
        await _audit(database).record(None, "camera.added", "camera", config.id, config.name)
        return config

    camera = with_database(arguments, work, must_exist=False)
    words = f"added the camera {camera.name!r}; a running node takes it up within seconds"
    done(words, as_json=arguments.json, id=camera.id, name=camera.name)
    return ExitCode.OK


def show(arguments: Arguments) -> ExitCode:
    """All cameras, by name, without logins."""

    async def work(database: Database, settings: NodeSettings) -> Rows:
        store = await camera_store(database, settings)
        return [
            {
                "name": camera.name,
                "address": camera.source_url and redact_text(camera.source_url),
                "substream": camera.sub_url and redact_text(camera.sub_url),
                "record": camera.record.value,
                "started": camera.started,
                "location": camera.location,
                "id": camera.id,
            }
            for camera in await store.list()
        ]

    rows = with_database(arguments, work)
    print_rows(rows, as_json=arguments.json, empty="there is no camera yet")
    return ExitCode.OK


def remove(arguments: RemoveArguments) -> ExitCode:
    """Remove the camera that the words name; its recordings stay until their time is over."""

    async def work(database: Database, settings: NodeSettings) -> CameraConfig:
        store = await camera_store(database, settings)
        camera = find_camera(await store.list(), arguments.camera)
        await store.delete(camera.id)
        await _audit(database).record(None, "camera.deleted", "camera", camera.id, camera.name)
        return camera

    camera = with_database(arguments, work)
    words = f"removed the camera {camera.name!r}; its recordings stay until their time is over"
    done(words, as_json=arguments.json, id=camera.id, name=camera.name)
    return ExitCode.OK


async def camera_store(database: Database, settings: NodeSettings) -> CameraStore:
    """The stored cameras, with the key of their passwords."""
    return CameraStore(database, await camera_cipher(settings))


async def camera_cipher(settings: NodeSettings) -> CredentialCipher:
    """What encrypts passwords on this node."""
    return await asyncio.to_thread(
        load_cipher, settings.data_dir, settings.data_key_file, os.environ
    )


def _audit(database: Database) -> AuditLog:
    return AuditLog(AuditStore(database), SystemClock())


def find_camera(cameras: Sequence[CameraConfig], name_or_id: str) -> CameraConfig:
    """The camera with this id, else this name (case apart); NotFound, Conflict for several."""
    named = [camera for camera in cameras if camera.id == name_or_id] or [
        camera for camera in cameras if camera.name.casefold() == name_or_id.casefold()
    ]
    if not named:
        message = f"there is no camera {name_or_id!r}: see 'falconeye camera list'"
        raise NotFound(message)
    if len(named) > 1:
        ids = ", ".join(camera.id for camera in named)
        message = f"{len(named)} cameras are called {name_or_id!r}: give an id ({ids})"
        raise Conflict(message)
    return named[0]
