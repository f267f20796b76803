"""The audit log: who viewed, exported, changed or deleted what. Nobody changes it."""

import builtins
from collections.abc import AsyncGenerator

from falconeye.accounts.model import Principal
from falconeye.base.clock import Clock
from falconeye.base.redact import redact_text
from falconeye.base.times import rfc3339
from falconeye.base.words import counted
from falconeye.storage.stores.audit_store import (
    PRUNED,
    AuditEntry,
    AuditFilter,
    AuditStore,
    AuditWords,
    Pruning,
)

SYSTEM = "system"
NOBODY = "nobody"  # a request of somebody who had not signed in
MAX_DETAIL = 2000
BATCH = 500  # entries read at once for a download
PRUNED_AT_ONCE = 5000  # entries deleted in one transaction: others wait for it


class AuditLog:
    """Entries are on the disk when `record` returns."""

    def __init__(self, store: AuditStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def record(
        self,
        who: Principal | None,
        action: str,
        object_kind: str = "",
        object_id: str | None = None,
        detail: str = "",
        address: str = "",
        *,
        without: str = SYSTEM,
    ) -> None:
        """`who` None: the node itself or its command line, else what `without` says.

        Credentials in URLs are removed.
        """
        entry = AuditEntry(
            at_us=self._clock.utc_us(),
            who_kind=who.kind.value if who else without,
            who_id=who.id if who else None,
            who_name=who.name if who else without,
            action=action,
            object_kind=object_kind,
            object_id=object_id,
            detail=redact_text(detail)[:MAX_DETAIL],
            address=address,
        )
        await self._store.add(entry)

    async def list(
        self,
        wanted: AuditFilter | None = None,
        *,
        limit: int = 100,
        offset: int = 0,
        by_time: bool = False,
    ) -> tuple[list[AuditEntry], int]:
        """Entries, the last noted first, and how many match in all.

        `by_time`: the last dated first, in which the logs of several nodes can be merged.
        """
        return await self._store.list(wanted or AuditFilter(), limit, offset, by_time=by_time)

    async def batches(
        self, wanted: AuditFilter | None = None, *, by_time: bool = False
    ) -> AsyncGenerator[builtins.list[AuditEntry], None]:
        """All entries of now that match, in the order of `list`, in lists of at most `BATCH`."""
        before: AuditEntry | None = None
        while found := await self._store.older(
            wanted or AuditFilter(), before, BATCH, by_time=by_time
        ):
            yield found
            before = found[-1]

    async def prune(self, cutoff_us: int, keep_days: int) -> int:
        """Delete what was noted before; how many entries. Each step leaves one that says so."""
        now_us = self._clock.utc_us()

        def told(pruning: Pruning) -> AuditEntry:
            gone = f"{counted(pruning.count, 'entry', 'entries')} up to {rfc3339(pruning.until_us)}"
            words = f"{gone}, kept for {counted(keep_days, 'day')}"
            return AuditEntry(now_us, SYSTEM, None, SYSTEM, PRUNED, "audit", None, words, "")

        pruned = 0
        while count := await self._store.prune(cutoff_us, now_us, PRUNED_AT_ONCE, told):
            pruned += count
            if count < PRUNED_AT_ONCE:
                break
        return pruned

    async def words(self) -> AuditWords:
        """What a filter can be set to."""
        return await self._store.words()
