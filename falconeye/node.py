"""The node: builds everything once, starts it in flow order, stops it in reverse.

With one exception: before the web, which was started last, all recordings end at once.
"""

import asyncio
import gc
import logging
import os
import signal
import socket
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial

from falconeye.accounts.service import Accounts
from falconeye.alerts.service import Alerts
from falconeye.base.clock import Clock, SystemClock
from falconeye.base.memory import MemoryBudget
from falconeye.base.node_name import NodeName
from falconeye.base.sd_notify import ServiceNotifier
from falconeye.base.tasks import TaskSet
from falconeye.base.words import counted
from falconeye.cameras.found.finding import Finding
from falconeye.cameras.onvif.onvif_cameras import OnvifCameras
from falconeye.cameras.parts import PipelineParts
from falconeye.cameras.registry import CameraRegistry, NewCamera
from falconeye.config.camera import Protocol
from falconeye.config.loading import LoadedSettings
from falconeye.config.settings import NodeSettings
from falconeye.doctor.examination import Patient
from falconeye.events.bus import EventBus, NoticesChanged, RecordingChanged
from falconeye.federation.cluster_key import open_cipher
from falconeye.federation.restored_identity import own_identity
from falconeye.jobs.node_works import system_works
from falconeye.jobs.parts import JobParts
from falconeye.storage.backups.nightly import NightlyBackups
from falconeye.storage.backups.node_backups import open_backups
from falconeye.storage.backups.restoring import Restores
from falconeye.storage.footage import Footage
from falconeye.storage.index.change_watch import ChangeWatch
from falconeye.storage.index.database import Database
from falconeye.storage.reading.footage_stills import FootageStills
from falconeye.storage.replication.replica import Replica
from falconeye.storage.segments.retention import Keep
from falconeye.storage.stores.camera_store import CameraStore
from falconeye.storage.stores.credentials import CredentialCipher
from falconeye.storage.stores.event_store import EventStore
from falconeye.storage.stores.node_store import NodeIdentity
from falconeye.storage.stores.notice_store import NoticeStore
from falconeye.storage.stores.settings_store import SettingsStore
from falconeye.storage.volumes.volumes import Volumes
from falconeye.web.announcing import announce
from falconeye.web.app import create_app
from falconeye.web.cluster import own_report
from falconeye.web.federated import Federated, Shared
from falconeye.web.https.opening import open_web_server
from falconeye.web.listening_socket import open_socket
from falconeye.web.metrics import STATE_KEY as STATUS_KEY
from falconeye.web.metrics import NodeStatus
from falconeye.web.services import Services
from falconeye.web.shell import STATE_KEY as SHELL_KEY
from falconeye.web.shell import Shell

log = logging.getLogger(__name__)

PICTURE_THREADS = 2
CLOSING_S = 0.3  # viewers are told before their streams end with the recordings


class Node:
    """One FalconEye process. `run()` lasts until SIGTERM or SIGINT."""

    def __init__(
        self,
        settings: NodeSettings,
        clock: Clock | None = None,
        *,
        loaded: LoadedSettings | None = None,
    ) -> None:
        """`loaded`: where settings came from, for backups and those who look."""
        self.settings = settings
        self._loaded = loaded
        self.name = NodeName(settings.own_name)
        self._clock = clock or SystemClock()
        self._notifier = ServiceNotifier()
        self._stack = AsyncExitStack()
        self._tasks = TaskSet("node")
        self._stop = asyncio.Event()
        self._stage_at_s = time.monotonic()
        self.services: Services | None = None

    async def run(self) -> None:
        """Start, serve until told to stop, stop. StartError when it cannot start."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        try:
            await self.start()
            await self._stop.wait()
            log.info("told to stop")
        finally:
            await self.stop()

    async def stop(self) -> None:
        """Stop everything in the reverse order of its start."""
        self._stage_at_s = time.monotonic()
        async with self._notifier.stopping():
            await self._stack.aclose()

    def _stage(self, what: str) -> None:
        """Tell at debug what of the start or stop is done, and what it took."""
        now_s = time.monotonic()
        log.debug("%s (%d ms)", what, (now_s - self._stage_at_s) * 1000)
        self._stage_at_s = now_s

    def _on_stop(self, what: str, close: Callable[[], Awaitable[object]]) -> None:
        """Register the counterpart of something that has started."""

        async def closed() -> None:
            await close()
            self._stage(f"{what}: stopped")

        self._stack.push_async_callback(closed)

    async def start(self) -> None:
        """Start everything in flow order; what has started is stopped by `stop()`."""
        started_at_us = self._clock.utc_us()
        # The port first: a second node on this machine must not touch the first one's data.
        listening = await asyncio.to_thread(open_socket, self.settings.host, self.settings.port)
        self._stack.callback(listening.close)
        self._stage("the port is ours")
        database = await self._open_database()
        identity = await own_identity(database, self.settings.data_dir, self._clock)
        cipher = await asyncio.to_thread(open_cipher, self.settings, os.environ)
        shared = await self._open_shared(database, cipher)
        stored = SettingsStore(database, cipher)
        await stored.load()
        bus = EventBus()
        budget = MemoryBudget(self.settings.memory_budget_bytes)
        footage = await self._open_footage(database, stored, bus, budget)
        pictures = self._open_pictures()
        cameras = await self._start_cameras(
            CameraStore(database, cipher), stored, footage, bus, budget, pictures, identity.node_id
        )
        finding = Finding.of_node(cameras, database, bus, self._clock, self.settings)
        await finding.start()
        self._on_stop("finding cameras", finding.stop)
        events = EventStore(database)
        onvif = OnvifCameras(cameras, events, bus, self._clock)
        onvif.start()
        self._on_stop("ONVIF cameras", onvif.stop)
        accounts = await self._start_accounts(database, stored)
        finding.following.audit = accounts.audit
        jobs = await self._start_jobs(database, stored, footage, accounts)
        alerts = await self._start_alerts(database, identity, stored, footage, bus, cameras)
        backups, restores = await self._start_backups(identity.node_id, stored)
        self.services = Services(
            node_id=identity.node_id,
            called=self.name,
            started_at_us=started_at_us,
            settings=replace(self.settings, port=listening.getsockname()[1]),  # 0: any free one
            stored_settings=stored,
            clock=self._clock,
            bus=bus,
            accounts=accounts,
            alerts=alerts,
            cameras=cameras,
            finding=finding,
            onvif=onvif,
            recordings=footage.recordings,
            timelines=footage.timelines,
            coverage=footage.coverage,
            events=events,
            playback=footage.playback,
            stills=FootageStills(footage.playback, pictures),
            volumes=footage.volumes,
            storage=footage.storage,
            exports=jobs.exports,
            jobs=jobs.jobs,
            works=system_works(footage, backups, jobs.outcomes),
            backups=backups,
            restores=restores,
            restart=self._stop.set if self._notifier.is_managed else None,
            patient=Patient(self.settings, database, CameraStore(database, cipher), self._clock),
            origins=self._loaded.origins if self._loaded else {},
        )
        status = NodeStatus(
            database=database,
            volumes=footage.volumes,
            footage=footage.store,
            mover=footage.mover,
            budget=budget,
            clock=self._clock,
            pipelines_started=lambda: cameras.all_started,
        )
        async with self._notifier.long_start("building the pages"):  # a minute on a slow board
            port, federated = await self._start_web(self.services, status, listening, shared)
        await self._watch_changes(database, footage.volumes, federated, accounts, stored, cameras)
        url = await announce(self.settings, str(self.name), accounts, port, self._stack)
        self._notifier.ready(f"serving {url}")
        self._stack.push_async_callback(self._tasks.stop)
        _ = self._tasks.start(self._notifier.keep_alive(), "watchdog")
        # All this lives as long as the process: no collection walks it again, nor the exit (0.2 s).
        gc.freeze()

    async def _open_database(self) -> Database:
        database = Database(self.settings.data_dir, self._clock)
        # A new release copies it before it migrates it, which for gigabytes takes minutes.
        async with self._notifier.long_start("opening the database"):
            await database.open(exclusive=True)
        self._on_stop("database", database.close)
        self._stage("the database is open")
        return database

    async def _open_footage(
        self, database: Database, stored: SettingsStore, bus: EventBus, budget: MemoryBudget
    ) -> Footage:
        def recording_changed(camera_id: str, recording_id: str, kind: str) -> None:
            bus.publish(RecordingChanged(camera_id, recording_id, kind))

        async with self._notifier.long_start("looking at the footage"):
            footage = await Footage.open(
                database,
                self.settings,
                budget,
                self._clock,
                node_name=self.name,
                keep=lambda: Keep(stored.current.keep_days, stored.current.keep_bytes),
                on_recording=recording_changed,
            )
        footage.store.index.on_change = lambda: bus.publish(NoticesChanged(""))
        self._on_stop("footage", footage.stop)
        self._stage("the footage is open")
        return footage

    async def _start_backups(
        self, node_id: str, stored: SettingsStore
    ) -> tuple[NightlyBackups, Restores]:
        file = self._loaded.file if self._loaded else None
        called = (str(self.name), node_id)
        backups, restores = await open_backups(
            self.settings, file, called, self._clock, lambda: stored.zone
        )
        self._on_stop("restores", restores.stop)
        if self.settings.nightly_backup:
            backups.start()
            self._on_stop("backups", backups.stop)
        return backups, restores

    def _open_pictures(self) -> ThreadPoolExecutor:
        pictures = ThreadPoolExecutor(PICTURE_THREADS, thread_name_prefix="stills")
        self._stack.callback(pictures.shutdown, wait=False)
        return pictures

    async def _start_cameras(
        self,
        store: CameraStore,
        stored: SettingsStore,
        footage: Footage,
        bus: EventBus,
        budget: MemoryBudget,
        pictures: ThreadPoolExecutor,
        node_id: str,
    ) -> CameraRegistry:
        """Recording begins here."""
        settings = self.settings
        parts = PipelineParts(
            loop=asyncio.get_running_loop(),
            clock=self._clock,
            bus=bus,
            budget=budget,
            store=footage.store,
            pictures=pictures,
            segment_s=settings.segment_s,
            sub_recording=settings.sub_recording,
            zone=lambda: stored.zone,
            spool=footage.spool,
        )
        # Of others' cameras none is connected to, not even for a moment.
        parts.roles.here = lambda config: config.owner_id in {None, node_id}
        parts.beginnings.know(await store.latest_recordings())
        cameras = CameraRegistry(
            parts,
            store,
            footage.recordings,
            footage.ledger,
            str(self.name),
            lambda: stored.current.creating_timeout_minutes,
        )
        self._on_stop("cameras", cameras.close)
        await cameras.open()
        footage.redater.subscribe(cameras.reload)
        if settings.demo and not cameras.list():
            await cameras.add(NewCamera("Demo", Protocol.DEMO, None, audio=True))
        found = cameras.list()
        started = sum(camera.config.started for camera in found)
        log.info("%s, %d of them started", counted(len(found), "camera"), started)
        self._stage("the cameras are started")
        return cameras

    async def _start_alerts(
        self,
        database: Database,
        identity: NodeIdentity,
        stored: SettingsStore,
        footage: Footage,
        bus: EventBus,
        cameras: CameraRegistry,
    ) -> Alerts:
        alerts = Alerts(
            NoticeStore(database),
            footage.ledger,
            stored,
            bus,
            self._clock,
            node_id=identity.node_id,
            node_name=self.name,
            name_of=lambda camera_id: cameras.get(camera_id).config.name,
        )
        alerts.watch(footage.volumes)
        await alerts.start()
        self._on_stop("alerts", alerts.stop)
        return alerts

    async def _start_accounts(self, database: Database, stored: SettingsStore) -> Accounts:
        accounts = Accounts(database, self._clock)
        await accounts.start(serving=True, keep_audit_days=lambda: stored.current.audit_keep_days)
        self._on_stop("accounts", accounts.stop)
        # With a cluster key all nodes make the same one, see `federation.first_admin`.
        if self.settings.admin_password_file and not self.settings.cluster_key_file:
            await accounts.ensure_admin_from_file(self.settings.admin_password_file)
        self._stage("the accounts are read")
        return accounts

    async def _start_jobs(
        self, database: Database, stored: SettingsStore, footage: Footage, accounts: Accounts
    ) -> JobParts:
        parts = await JobParts.open(
            database,
            footage,
            accounts.audit,
            self._clock,
            node_name=self.name,
            zone=lambda: stored.zone,
        )
        self._on_stop("jobs", parts.stop)
        return parts

    async def _watch_changes(
        self,
        database: Database,
        volumes: Volumes,
        federated: Federated,
        accounts: Accounts,
        stored: SettingsStore,
        cameras: CameraRegistry,
    ) -> None:
        """Take over what the command line changes; a token that it adds counts at once."""
        watch = ChangeWatch(database)
        readers = (federated.read_keys, accounts.reload, stored.load, cameras.reload)
        for reload in (*readers, volumes.reload, federated.reload):
            watch.subscribe(reload)
        watch.start()
        self._stack.push_async_callback(watch.stop)
        accounts.look_for_changes = watch.check

    async def _open_shared(self, database: Database, cipher: CredentialCipher) -> Shared:
        replica = Replica(database, cipher)
        await replica.open()
        replica.start()
        self._on_stop("replica", replica.stop)
        return Shared(database, cipher, replica)

    async def _start_web(
        self, services: Services, status: NodeStatus, listening: socket.socket, shared: Shared
    ) -> tuple[int, Federated]:
        """Serve people, at a port, and talk to peers."""
        report = await self._stack.enter_async_context(own_report(services, status).running())
        federated = await Federated.open(services, report, shared)
        self._stack.callback(federated.close)
        app = await asyncio.to_thread(create_app, services, federated.elsewhere)
        self._stage("the web application is built")
        app.state[STATUS_KEY] = status
        await self._stack.enter_async_context(status.probe.running())
        web = await open_web_server(app, listening, shared, self._stack)
        self._on_stop("web", web.stop)
        await web.start()
        self._on_stop("recording", services.cameras.close)
        shell: Shell = app.state[SHELL_KEY]
        self._on_stop("viewers", partial(shell.streams.stop, CLOSING_S))
        self._stage("the web serves")
        self._on_stop("peers", federated.stop)
        await federated.start(app)
        self._stage("peers are asked")
        return web.port, federated
