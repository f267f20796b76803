"""Who watches, moves or sets off cameras live: in the audit log, but not at each request.

A wall asks again and again, a hand at the controls moves a camera again and again. And a log that
cannot be written ends none of it, as it ends a look at footage: who looks whether somebody is at
the door must see it while a disk is full. The log of the node says so then.
"""

import logging
from typing import Any, Final

from litestar.connection import ASGIConnection

from falconeye.base.counters import RepeatingLog
from falconeye.base.errors import FalconEyeError
from falconeye.base.times import HOUR_US, MINUTE_US
from falconeye.web.audit_once import record_once
from falconeye.web.shell import shell_of

Connection = ASGIConnection[Any, Any, Any, Any]

log = logging.getLogger(__name__)
TROUBLE_KEY: Final = "live_audit_trouble"
WATCHED_US: Final = HOUR_US
MOVED_US: Final = 10 * MINUTE_US


async def note_watched(connection: Connection, camera_id: str, how: str) -> None:
    """An entry, unless there is one of this person or token and this camera within an hour."""
    await _note(connection, camera_id, "live.viewed", how, WATCHED_US)


async def note_moved(connection: Connection, camera_id: str) -> None:
    """The same of who moves it, within ten minutes."""
    await _note(connection, camera_id, "camera.moved", "", MOVED_US)


async def note_told(connection: Connection, camera_id: str, kind: str) -> None:
    """The same of what tells of events at it, within an hour; the events say when each was."""
    await _note(connection, camera_id, "event.told", kind, WATCHED_US)


async def _note(
    connection: Connection, camera_id: str, action: str, detail: str, within_us: int
) -> None:
    name = shell_of(connection).services.cameras.get(camera_id).config.name
    words = f"{name}, {detail}" if detail else name
    try:
        await record_once(
            connection, camera_id, action, "camera", camera_id, words, within_us=within_us
        )
    except FalconEyeError as error:
        _trouble(connection).warning(f"{action} is not in the audit log: {error}")


def _trouble(connection: Connection) -> RepeatingLog:
    found: RepeatingLog = connection.app.state.setdefault(
        TROUBLE_KEY, RepeatingLog(log, shell_of(connection).services.clock)
    )
    return found
