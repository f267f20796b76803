"""The jobs of a node, assembled: exports, their copies, the runner of both, and other outcomes."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import tzinfo

from falconeye.accounts.audit import AuditLog
from falconeye.base.clock import Clock
from falconeye.base.node_name import NodeName
from falconeye.jobs.exporting import export_workers
from falconeye.jobs.outcomes import WorkOutcomes
from falconeye.jobs.runner import Jobs
from falconeye.jobs.watching import note_unfinished_moves, watch
from falconeye.storage.export.export import Exports
from falconeye.storage.export.export_copy import ExportCopies
from falconeye.storage.footage import Footage
from falconeye.storage.index.database import Database
from falconeye.storage.stores.job_store import JobStore


@dataclass(frozen=True, slots=True)
class JobParts:
    """Open them after the footage and the accounts; stop them before."""

    exports: Exports
    copies: ExportCopies
    jobs: Jobs
    outcomes: WorkOutcomes
    footage: Footage
    clock: Clock

    @classmethod
    async def open(
        cls,
        database: Database,
        footage: Footage,
        audit: AuditLog,
        clock: Clock,
        *,
        node_name: NodeName | str,
        zone: Callable[[], tzinfo],
    ) -> "JobParts":
        """Takes up what the node had not done when it ended, from `jobs.begin` on.

        Before other nodes can be asked, an export would lack their footage, and not say so.
        """
        exports = Exports(
            database,
            footage.volumes,
            footage.store,
            footage.timelines,
            footage.deleter,
            clock,
            node_name=node_name,
            zone=zone,
        )
        copies = ExportCopies(exports, footage.volumes)
        store = JobStore(database)
        jobs = Jobs(store, export_workers(exports, copies, audit, store), clock)
        await jobs.open(begins=False)
        outcomes = WorkOutcomes(store)
        outcomes.start()
        watch(footage, outcomes)
        return cls(exports, copies, jobs, outcomes, footage, clock)

    async def stop(self) -> None:
        """End what runs; it begins again at the next start."""
        await self.jobs.stop()
        note_unfinished_moves(self.footage, self.outcomes, self.clock.utc_us())
        await self.outcomes.stop()
        self.copies.stop()
        self.exports.stop()
