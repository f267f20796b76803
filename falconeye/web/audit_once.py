"""Who was given which footage: in the audit log once, however many ranges a player asks for."""

from collections import OrderedDict
from typing import Any

from litestar.connection import ASGIConnection

from falconeye.accounts.model import Principal
from falconeye.base.clock import Clock
from falconeye.base.times import SECOND_US
from falconeye.web.audit import record
from falconeye.web.security.access import principal_of
from falconeye.web.shell import shell_of

Connection = ASGIConnection[Any, Any, Any, Any]

STATE_KEY = "download_audit"
SAME_DOWNLOAD_US = 600 * SECOND_US
MAX_REMEMBERED = 1000


class DownloadAudit:
    """Which downloads stand in the audit log."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, str, str], int] = OrderedDict()

    def is_new(
        self,
        who: Principal,
        what: str,
        action: str,
        clock: Clock,
        within_us: int = SAME_DOWNLOAD_US,
    ) -> bool:
        """Whether this is the first of them within that time."""
        key = (who.id, what, action)
        now = clock.monotonic_us()
        known_us = self._known.get(key)
        if known_us is not None and now - known_us < within_us:
            return False
        self._known[key] = now
        self._known.move_to_end(key)
        while len(self._known) > MAX_REMEMBERED:
            self._known.popitem(last=False)
        return True

    def forget(self, who: Principal, what: str, action: str) -> None:
        """It could not be written down: the next one is the first again."""
        self._known.pop((who.id, what, action), None)


def note_elsewhere(request: Connection, what: str, action: str, within_us: int) -> None:
    """Another entry says it: what comes of it within that time needs none of its own."""
    audit = request.app.state.setdefault(STATE_KEY, DownloadAudit())
    clock = shell_of(request).services.clock
    _ = audit.is_new(principal_of(request), what, action, clock, within_us)


async def record_once(
    request: Connection,
    what: str,
    action: str,
    object_kind: str,
    object_id: str,
    detail: str = "",
    *,
    within_us: int = SAME_DOWNLOAD_US,
) -> None:
    """`record`, unless the caller was given `what` by the same action within ten minutes."""
    audit = request.app.state.setdefault(STATE_KEY, DownloadAudit())
    who = principal_of(request)
    if not audit.is_new(who, what, action, shell_of(request).services.clock, within_us):
        return
    try:
        await record(request, action, object_kind, object_id, detail)
    except BaseException:
        audit.forget(who, what, action)
        raise
