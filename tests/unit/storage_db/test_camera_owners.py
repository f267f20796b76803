"""Cameras that change their owner in the database."""

from dataclasses import replace

from cryptography.fernet import Fernet

from falconeye.config.camera import CameraConfig, Protocol
from falconeye.storage.index.database import Database
from falconeye.storage.stores.camera_owners import hand_over
from falconeye.storage.stores.camera_store import CameraStore
from falconeye.storage.stores.credentials import CredentialCipher
from tests.clock import START_US

GONE, HEIR, OTHER = "gone", "heir", "other"


async def test_what_is_at_a_nodes_own_ports_and_loopback_addresses_is_handed_to_nobody(
    database: Database,
) -> None:
    cameras = CameraStore(database, CredentialCipher([Fernet.generate_key()], "the test"))
    lan = CameraConfig("1", "Yard", Protocol.RTSP, "rtsp://10.0.0.9/a", START_US, START_US)
    lan = replace(lan, owner_id=GONE)
    for camera in (
        lan,
        replace(lan, id="2", name="Inner", source_url="rtsp://127.0.0.1:8554/a"),
        replace(lan, id="3", name="Small", source_url="rtsp://10.0.0.9/b", sub_url="rtsp://[::1]/"),
        replace(lan, id="4", name="Desk", protocol=Protocol.USB, source_url=None),
        replace(lan, id="5", name="Gate", source_url="rtsp://10.0.0.9/c", owner_id=OTHER),
        replace(lan, id="6", name="Demo", protocol=Protocol.DEMO, source_url="demo:"),
    ):
        await cameras.insert(camera)
    assert await hand_over(database, GONE, HEIR) == 2
    owners = {camera.name: camera.owner_id for camera in await cameras.list()}
    assert owners == {
        "Yard": HEIR, "Inner": GONE, "Small": GONE, "Desk": GONE, "Gate": OTHER, "Demo": HEIR,
    }  # fmt: skip
