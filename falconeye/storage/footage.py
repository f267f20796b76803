"""Everything about footage, put together: volumes, store, deleter, recordings, recovery."""

import asyncio
import logging
from dataclasses import dataclass

from falconeye.base.clock import Clock
from falconeye.base.errors import FalconEyeError
from falconeye.base.memory import MemoryBudget
from falconeye.base.tasks import TaskSet
from falconeye.config.settings import NodeSettings
from falconeye.storage.database import Database
from falconeye.storage.free_space import Deleter
from falconeye.storage.import_root import ImportRoot
from falconeye.storage.recordings import Recordings
from falconeye.storage.recovery import recover
from falconeye.storage.segment_store import FootageStore, RecordingListener
from falconeye.storage.volumes import Volumes

log = logging.getLogger(__name__)

HOUSEKEEPING_S = 5.0


@dataclass(frozen=True, slots=True)
class Footage:
    """The footage of a node; lives on the loop."""

    volumes: Volumes
    store: FootageStore
    deleter: Deleter
    recordings: Recordings
    _imports: ImportRoot
    _database: Database
    _node_name: str
    _tasks: TaskSet

    @classmethod
    async def open(
        cls,
        database: Database,
        settings: NodeSettings,
        clock: Clock,
        budget: MemoryBudget,
        *,
        node_name: str,
        on_recording: RecordingListener,
    ) -> "Footage":
        """Open the volumes and the store; recorders may begin afterwards."""
        volumes = await Volumes.open(
            database,
            settings.media_dir,
            clock,
            sync_interval_s=settings.sync_interval_s,
            floor_bytes=settings.free_floor_bytes,
        )

        def deleted(camera_id: str, recording_id: str) -> None:
            on_recording(camera_id, recording_id, "deleted")

        deleter = Deleter(database, volumes, deleted)
        store = FootageStore(
            database,
            volumes,
            deleter,
            budget,
            clock,
            node_name=node_name,
            on_recording=on_recording,
        )
        await store.open()
        imports = ImportRoot(settings.import_root)
        recordings = Recordings(database, volumes, store, deleter, imports, node_name=node_name)
        tasks = TaskSet("footage")
        return cls(volumes, store, deleter, recordings, imports, database, node_name, tasks)

    def recover(self) -> None:
        """Begin to index what a crash has left, and to keep house, beside the recording."""
        _ = self._tasks.start(self._keep_house(), "housekeeping")

    async def flush(self, timeout_s: float) -> None:
        """Wait until all closed files are indexed, at most so long."""
        if not await self.store.flush(timeout_s):
            log.warning("a disk is slow: the last files will be indexed at the next start")

    async def close(self) -> None:
        await self._tasks.stop()
        await self.volumes.stop()
        await asyncio.to_thread(self._imports.stop)

    async def _keep_house(self) -> None:
        await recover(self._database, self.volumes, self.store, node_name=self._node_name)
        while True:
            try:
                await self.deleter.enforce()
                await self.deleter.empty_garbage()
                await self.store.housekeeping()
            except (FalconEyeError, OSError) as error:
                log.warning("housekeeping of the footage failed: %s", error)
            await asyncio.sleep(HOUSEKEEPING_S)
