"""The real application with real storage on a loopback socket, and clients of every role."""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from cryptography.fernet import Fernet
from litestar import Litestar

from falconeye.accounts.model import Role
from falconeye.accounts.service import Accounts
from falconeye.alerts.service import Alerts
from falconeye.base.clock import SystemClock
from falconeye.base.memory import MemoryBudget
from falconeye.base.node_name import NodeName
from falconeye.cameras.found.finding import Finding
from falconeye.cameras.onvif.onvif_cameras import OnvifCameras
from falconeye.cameras.parts import PipelineParts
from falconeye.cameras.registry import CameraRegistry
from falconeye.config.settings import NodeSettings
from falconeye.devices.present import UsbDevices
from falconeye.doctor.examination import Patient
from falconeye.events.bus import EventBus
from falconeye.jobs.node_works import system_works
from falconeye.jobs.parts import JobParts
from falconeye.storage.backups.backup import Sources
from falconeye.storage.backups.nightly import NightlyBackups
from falconeye.storage.backups.restoring import Restores
from falconeye.storage.footage import Footage
from falconeye.storage.index.database import Database
from falconeye.storage.reading.footage_stills import FootageStills
from falconeye.storage.replication.replica import Replica
from falconeye.storage.segments.retention import Keep
from falconeye.storage.segments.segment_store import FootageStore
from falconeye.storage.stores.camera_store import CameraStore
from falconeye.storage.stores.credentials import CredentialCipher
from falconeye.storage.stores.event_store import EventStore
from falconeye.storage.stores.ignored_store import IgnoredStore
from falconeye.storage.stores.node_store import load_identity
from falconeye.storage.stores.notice_store import NoticeStore
from falconeye.storage.stores.settings_store import SettingsStore
from falconeye.web.app import create_app
from falconeye.web.cluster import lone_node, own_report
from falconeye.web.federated import Federated, Shared
from falconeye.web.listening_socket import open_socket
from falconeye.web.metrics import STATE_KEY, NodeStatus
from falconeye.web.peers.proxy_upstream import Elsewhere
from falconeye.web.server import WebServer
from falconeye.web.services import Services
from tests.databases import closed_database, lay_new_database
from tests.nodes import NO_TLS
from tests.templates import compiled_once


@dataclass(slots=True)
class Served:
    """A node's application that answers on `url`."""

    url: str
    services: Services
    status: NodeStatus
    footage: FootageStore
    admin: httpx.AsyncClient
    operator: httpx.AsyncClient
    viewer: httpx.AsyncClient
    nobody: httpx.AsyncClient
    app: Litestar

    async def client(self, role: Role, **limits: object) -> httpx.AsyncClient:
        """A client with a token of its own; the test closes it."""
        name = f"{role.value} {sorted(limits)}"
        token, _ = await self.services.accounts.tokens.add(name, role, **limits)  # type: ignore[arg-type]
        return httpx.AsyncClient(
            base_url=self.url,
            headers={"authorization": f"Bearer {token}"},
            timeout=8,
            trust_env=False,
            verify=NO_TLS,
        )


async def serve(  # noqa: PLR0915 - one node on one screen
    stack: AsyncExitStack,
    folder: Path,
    elsewhere: Elsewhere | None = None,
    *,
    member: str = "",
    base_path: str = "",
) -> Served:
    """Everything that a node starts, in its order; the stack stops it in reverse.

    `member`: its name, of a node that listens to others and can join them.
    """
    clock, bus = SystemClock(), EventBus()
    node_name = member or "pi-1"
    settings = NodeSettings(
        data_dir=folder / "data",
        media_dir=folder / "media",
        import_root=folder / "imports",
        sync_interval_s=0.2,
        free_floor_bytes=0,
        peer_port=0,
        base_path=base_path,
    )
    await asyncio.to_thread((folder / "imports").mkdir, exist_ok=True)
    await lay_new_database(settings.data_dir)
    database = closed_database(settings.data_dir, clock)
    await database.open(exclusive=True)
    stack.push_async_callback(database.close)
    cipher = CredentialCipher([Fernet.generate_key()], "the test")
    stored = SettingsStore(database, cipher)
    await stored.load()
    _ = await stored.patch({"site_time_zone": "Europe/Vienna"})
    accounts = Accounts(database, clock)
    await accounts.start(serving=False)
    stack.push_async_callback(accounts.stop)
    budget = MemoryBudget(64 << 20)
    footage = await Footage.open(
        database,
        settings,
        budget,
        clock,
        node_name=node_name,
        keep=Keep,
        on_recording=lambda _camera, _recording, _kind: None,
    )
    stack.push_async_callback(footage.stop)
    pictures = ThreadPoolExecutor(1, thread_name_prefix="pictures")
    stack.callback(pictures.shutdown, wait=True)
    pipelines = PipelineParts(
        loop=asyncio.get_running_loop(),
        clock=clock,
        bus=bus,
        budget=budget,
        store=footage.store,
        pictures=pictures,
        segment_s=60,
        sub_recording=True,
        zone=lambda: stored.zone,
        spool=footage.spool,
    )
    store = CameraStore(database, cipher)
    cameras = CameraRegistry(
        pipelines, store, footage.recordings, footage.ledger, node_name, lambda: 3.0
    )
    await cameras.open()
    stack.push_async_callback(cameras.close)
    node_id = "11111111-1111-4111-8111-111111111111"
    if member:
        node_id = (await load_identity(database, clock)).node_id
    alerts = Alerts(
        NoticeStore(database),
        footage.ledger,
        stored,
        bus,
        clock,
        node_id=node_id,
        node_name=node_name,
        name_of=lambda camera_id: cameras.get(camera_id).config.name,
    )
    alerts.watch(footage.volumes)
    await alerts.start()
    stack.push_async_callback(alerts.stop)
    parts = await JobParts.open(
        database, footage, accounts.audit, clock, node_name=node_name, zone=lambda: stored.zone
    )
    stack.push_async_callback(parts.stop)
    backups = NightlyBackups(
        Sources(database.data_dir, settings.data_dir / "data.key", None, node_name),
        clock,
        lambda: stored.zone,
    )
    restores = Restores(settings.data_dir, clock, other_key=None, has_settings=False)
    stack.push_async_callback(restores.stop)
    events = EventStore(database)
    services = Services(
        node_id=node_id,
        called=NodeName(node_name),
        started_at_us=clock.utc_us(),
        settings=settings,
        stored_settings=stored,
        clock=clock,
        bus=bus,
        accounts=accounts,
        alerts=alerts,
        cameras=cameras,
        finding=Finding(cameras, IgnoredStore(database, clock), bus, clock, devices=UsbDevices()),
        recordings=footage.recordings,
        timelines=footage.timelines,
        coverage=footage.coverage,
        onvif=_onvif(stack, OnvifCameras(cameras, events, bus, clock)),
        events=events,
        playback=footage.playback,
        stills=FootageStills(footage.playback, pictures),
        volumes=footage.volumes,
        storage=footage.storage,
        exports=parts.exports,
        jobs=parts.jobs,
        works=system_works(footage, backups, parts.outcomes),
        backups=backups,
        restores=restores,
        restart=None,
        patient=Patient(settings, database, CameraStore(database, cipher), clock),
    )
    status = NodeStatus(
        database=database,
        volumes=footage.volumes,
        footage=footage.store,
        mover=footage.mover,
        budget=budget,
        clock=clock,
        pipelines_started=lambda: cameras.all_started,
    )
    _ = await stack.enter_async_context(status.probe.running())
    if member:
        shared = await _shared(stack, database, cipher)
        app, server = await _member(stack, services, status, shared)
    else:
        app, server = await _server(stack, services, status, elsewhere)
    return await _clients(stack, services, status, footage.store, app, server.port)


def _onvif(stack: AsyncExitStack, cameras: OnvifCameras) -> OnvifCameras:
    cameras.start()
    stack.push_async_callback(cameras.stop)
    return cameras


async def _server(
    stack: AsyncExitStack, services: Services, status: NodeStatus, elsewhere: Elsewhere | None
) -> tuple[Litestar, WebServer]:
    with compiled_once():
        app = await asyncio.to_thread(create_app, services, elsewhere)
    app.state[STATE_KEY] = status
    _ = await stack.enter_async_context(lone_node(app, services, status))
    services.jobs.begin()
    server = WebServer(app, open_socket("127.0.0.1", 0))
    await server.start()
    stack.push_async_callback(server.stop)
    return app, server


async def _shared(stack: AsyncExitStack, database: Database, cipher: CredentialCipher) -> Shared:
    replica = Replica(database, cipher)
    await replica.open()
    replica.start()
    stack.push_async_callback(replica.stop)
    return Shared(database, cipher, replica)


async def _member(
    stack: AsyncExitStack, services: Services, status: NodeStatus, shared: Shared
) -> tuple[Litestar, WebServer]:
    """As `_server`, among others: what `Node` does."""
    report = await stack.enter_async_context(own_report(services, status).running())
    federated = await Federated.open(services, report, shared)
    stack.callback(federated.close)
    with compiled_once():
        app = await asyncio.to_thread(create_app, services, federated.elsewhere)
    app.state[STATE_KEY] = status
    server = WebServer(app, open_socket("127.0.0.1", 0))
    await server.start()
    stack.push_async_callback(server.stop)
    stack.push_async_callback(federated.stop)
    await federated.start(app)
    return app, server


async def _clients(
    stack: AsyncExitStack,
    services: Services,
    status: NodeStatus,
    footage: FootageStore,
    app: Litestar,
    port: int,
) -> Served:
    url = f"http://127.0.0.1:{port}"
    nobody = httpx.AsyncClient(base_url=url, timeout=8, trust_env=False, verify=NO_TLS)
    served = Served(url, services, status, footage, nobody, nobody, nobody, nobody, app)
    served.admin = await served.client(Role.ADMIN)
    served.operator = await served.client(Role.OPERATOR)
    served.viewer = await served.client(Role.VIEWER)
    for client in (served.admin, served.operator, served.viewer, nobody):
        stack.push_async_callback(client.aclose)
    return served


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    async with AsyncExitStack() as stack:
        yield await serve(stack, tmp_path)
