"""Who was given which footage: in the audit log once, however many ranges a player asks for."""

from collections import OrderedDict
from typing import Any

from litestar import Request

from falconeye.accounts.model import Principal
from falconeye.base.clock import Clock
from falconeye.base.times import SECOND_US
from falconeye.web.audit import record
from falconeye.web.security.access import principal_of
from falconeye.web.shell import shell_of

Asking = Request[Any, Any, Any]

STATE_KEY = "download_audit"
SAME_DOWNLOAD_US = 600 * SECOND_US
MAX_REMEMBERED = 1000


class DownloadAudit:
    """Which downloads stand in the audit log."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, str, str], int] = OrderedDict()

    def is_new(self, who: Principal, what: str, action: str, clock: Clock) -> bool:
        """Whether this is the first of them within ten minutes."""
        key = (who.id, what, action)
        now = clock.monotonic_us()
        known_us = self._known.get(key)
        if known_us is not None and now - known_us < SAME_DOWNLOAD_US:
            return False
        self._known[key] = now
        self._known.move_to_end(key)
        while len(self._known) > MAX_REMEMBERED:
            self._known.popitem(last=False)
        return True

    def forget(self, who: Principal, what: str, action: str) -> None:
        """It could not be written down: the next one is the first again."""
        self._known.pop((who.id, what, action), None)


async def record_once(
    request: Asking, what: str, action: str, object_kind: str, object_id: str, detail: str = ""
) -> None:
    """`record`, unless the caller was given `what` by the same action within ten minutes."""
    audit = request.app.state.setdefault(STATE_KEY, DownloadAudit())
    who = principal_of(request)
    if not audit.is_new(who, what, action, shell_of(request).services.clock):
        return
    try:
        await record(request, action, object_kind, object_id, detail)
    except BaseException:
        audit.forget(who, what, action)
        raise
