"""The footage of a node, assembled: volumes, store, deleter, recordings, ledger, housekeeping."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from falconeye.base.clock import Clock, boot_name, clock_is_synchronised
from falconeye.base.errors import FalconEyeError
from falconeye.base.memory import MemoryBudget
from falconeye.base.node_name import NodeName
from falconeye.base.tasks import TaskSet
from falconeye.config.settings import NodeSettings
from falconeye.storage.checks.index_runner import IndexRunner
from falconeye.storage.checks.rebuild import prepare
from falconeye.storage.index.database import Database
from falconeye.storage.ledger.clocks import Clocks
from falconeye.storage.ledger.ledger import Ledger
from falconeye.storage.ledger.peer_coverage import PeerCoverage
from falconeye.storage.reading.coverage_since import CoverageSince
from falconeye.storage.reading.playback import Playback
from falconeye.storage.reading.recordings import Recordings
from falconeye.storage.reading.storage_use import StorageUse
from falconeye.storage.reading.timeline import Timelines
from falconeye.storage.reading.unrecorded import Unrecorded
from falconeye.storage.segments.free_space import Deleter
from falconeye.storage.segments.index_state import IndexState
from falconeye.storage.segments.mover import Mover
from falconeye.storage.segments.protections import Protections
from falconeye.storage.segments.recovery import RecoveryTimes, recover
from falconeye.storage.segments.redating import Redater
from falconeye.storage.segments.retention import Keep
from falconeye.storage.segments.segment_store import FootageStore, RecordingListener
from falconeye.storage.segments.volume_changes import VolumeChanges
from falconeye.storage.volumes.import_root import ImportRoot
from falconeye.storage.volumes.mounts import Mounts
from falconeye.storage.volumes.spool import Spool
from falconeye.storage.volumes.volume import Volume
from falconeye.storage.volumes.volumes import START_S, Volumes

log = logging.getLogger(__name__)

ROUND_S = 5.0
RECOVERY_S = 60.0
FLUSH_S = 2.0  # at the end; what is not indexed by then, the next start finds


@dataclass(frozen=True, slots=True)
class StorageParts:
    """What shows and changes the volumes."""

    changes: VolumeChanges
    mover: Mover
    use: StorageUse
    mounts: Mounts
    index: IndexState
    index_runner: IndexRunner
    protections: Protections


@dataclass(frozen=True, slots=True)
class CoverageParts:
    """Of each camera's time: what this node tells its peers, and what they told."""

    since: CoverageSince
    told: PeerCoverage


@dataclass(frozen=True, slots=True)
class Footage:
    """Open it after the database, before the cameras; stop it when the recorders have ended."""

    volumes: Volumes
    store: FootageStore
    deleter: Deleter
    mover: Mover
    recordings: Recordings
    ledger: Ledger
    timelines: Timelines
    coverage: CoverageParts
    playback: Playback
    storage: StorageParts
    imports: ImportRoot
    redater: Redater
    spool: Spool
    recovery_times: RecoveryTimes
    tasks: TaskSet

    @classmethod
    async def open(
        cls,
        database: Database,
        settings: NodeSettings,
        budget: MemoryBudget,
        clock: Clock,
        *,
        node_name: NodeName | str,
        keep: Callable[[], Keep],
        on_recording: RecordingListener,
        is_synchronised: Callable[[], bool] = clock_is_synchronised,
    ) -> "Footage":
        """Recorders may begin at once; recovery after a crash runs beside them.

        `keep` tells the node's rule now, for cameras that have none of their own.
        `on_recording` is called on the loop with (camera id, recording id, started | grown | ended
        | deleted). StartError when the media directory cannot be made.
        """
        volumes = await Volumes.open(
            database,
            settings.media_dir,
            clock,
            sync_interval_s=settings.sync_interval_s,
            floor_bytes=settings.free_floor_bytes,
            limit_s=START_S,
        )
        lacks_files = await _prepare_index(database, volumes)
        clocks = Clocks(database, clock, is_synchronised=is_synchronised)
        await clocks.open()
        deleter = Deleter(
            database,
            volumes,
            clock,
            keep=keep,
            is_synchronised=is_synchronised,
            boot=boot_name,
            on_deleted=lambda camera, recording: on_recording(camera, recording, "deleted"),
        )
        store = FootageStore(
            database,
            volumes,
            deleter,
            budget,
            clock,
            node_name=node_name,
            on_recording=on_recording,
            clocks=clocks,
        )
        await store.open()
        imports = ImportRoot(settings.import_root)
        first_name = str(node_name)  # of what is imported or indexed anew
        recordings = Recordings(database, volumes, store, deleter, imports, node_name=first_name)
        ledger = Ledger(database, clock, clocks)
        mover = Mover(database, volumes, deleter, clock)
        index = IndexRunner(database, volumes, store, deleter, clock, node_name=first_name)
        timelines = Timelines(database, store, ledger, clock)
        footage = cls(
            volumes,
            store,
            deleter,
            mover,
            recordings,
            ledger,
            timelines,
            _coverage_parts(database, store, ledger, timelines, clock),
            Playback(database, volumes, store, clock),
            _storage_parts(database, settings, clock, deleter, mover, index),
            imports,
            Redater(database, volumes, deleter, ledger, clocks, clock),
            Spool(volumes, clock),
            RecoveryTimes(clock),
            TaskSet("footage"),
        )
        ledger.start()
        await footage.mover.start(ROUND_S)
        if lacks_files:
            index.start(ROUND_S)
        _ = footage.tasks.start(footage._begin(database, first_name), "housekeeping")
        return footage

    async def stop(self) -> bool:
        """Wait until closed files are indexed (≤ 2 s), end the threads; False when time ran out."""
        done = await self.store.flush(FLUSH_S)
        await self.mover.stop()
        await self.tasks.stop()
        await self.storage.index_runner.stop()  # last: its end takes the guards off half an index
        await self.ledger.stop()
        self.imports.stop()
        await self.volumes.stop()
        return done

    async def _begin(self, database: Database, node_name: str) -> None:
        recovering, is_due = await self._start_recovery(database, node_name), False
        while True:
            is_back = await self._look_for_disks()
            left = len(self.store.leftovers)
            is_due = self.recovery_times.is_due(left, disk_is_back=is_back) or is_due
            if recovering.done() and (is_due or not recovering.result()):
                recovering, is_due = await self._start_recovery(database, node_name), False
            await self._round()
            await asyncio.sleep(ROUND_S)

    async def _start_recovery(self, database: Database, node_name: str) -> asyncio.Task[bool]:
        """Wait for it a while; for a disk that hangs the others' housekeeping does not wait."""
        task = self.tasks.start(self._recover(database, node_name), "recovery")
        _ = await asyncio.wait([task], timeout=RECOVERY_S)
        return task

    async def _recover(self, database: Database, node_name: str) -> bool:
        """False when it is to be tried again in the next round."""
        try:
            await recover(database, self.volumes, self.store, node_name=node_name)
        except FalconEyeError as error:
            log.warning("recovery is put off: %s", error)
            return False
        except Exception:  # a mistake of ours would not mend itself: left to the next start
            log.exception("recovery failed")
        return True

    async def _look_for_disks(self) -> bool:
        """Notice disks that went away; whether one is back that was missing."""
        missing = [volume for volume in self.volumes.all if volume.missing is not None]
        await asyncio.gather(*(self._look_at(volume) for volume in self.volumes.all))
        return any(volume.missing is None for volume in missing)

    async def _look_at(self, volume: Volume) -> None:
        try:
            await (volume.look() if volume.missing is None else volume.open())
        except Exception:  # looked at again in the next round
            log.exception("the disk of %s cannot be looked at", volume.path)

    async def _round(self) -> None:
        """Keep disks free and rows complete: each step whatever became of the others."""
        for step in (
            self.redater.round,
            self.deleter.enforce,
            self.deleter.enforce_rules,
            self.deleter.empty_garbage,
            self.store.housekeeping,
        ):
            try:
                await step()
            except FalconEyeError as error:  # the database is full or busy: the next round
                log.warning("housekeeping of footage: %s", error)
            except Exception:  # else nothing would be deleted any more until the next start
                log.exception("housekeeping of footage failed")


def _coverage_parts(
    database: Database, store: FootageStore, ledger: Ledger, timelines: Timelines, clock: Clock
) -> CoverageParts:
    since = CoverageSince(
        database,
        timelines.read,
        Unrecorded(database, ledger),
        store.growing_streams,
        ledger.present,
        clock,
    )
    return CoverageParts(since, PeerCoverage(database, clock))


def _storage_parts(
    database: Database,
    settings: NodeSettings,
    clock: Clock,
    deleter: Deleter,
    mover: Mover,
    index: IndexRunner,
) -> StorageParts:
    changes = VolumeChanges(
        database,
        clock,
        data_dir=settings.data_dir,
        media_dir=settings.media_dir,
        alone=deleter.alone,
    )
    use, protections = StorageUse(database, clock), Protections(database, deleter, clock)
    return StorageParts(changes, mover, use, Mounts(), index.state, index, protections)


async def _prepare_index(database: Database, volumes: Volumes) -> bool:
    """Whether files are missing from it; a bad sector must not keep the node from starting."""
    try:
        return await prepare(database, volumes)
    except (FalconEyeError, OSError) as error:
        log.warning("the index is not made anew until the next start: %s", error)
        return False
