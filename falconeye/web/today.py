"""What is known of each camera's day so far: gaps that nobody wanted, and its last footage.

A camera's day begins when it was added, as on the pages of its footage, and its first connection
is no gap while it takes no longer than what raises a notice.

To find the gaps of a day costs milliseconds a camera, so what was found counts for a minute, for
all pages. No other node is asked: they told before what they have (`timelines`).
"""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, time, tzinfo
from typing import Final

from litestar import Litestar

from falconeye.alerts.faults import RAISE_US
from falconeye.base.errors import InvalidInput
from falconeye.base.times import MINUTE_US, to_us
from falconeye.cameras.views import Camera
from falconeye.storage.ledger.coverage import MIN_GAP_US, Gap, GapReason
from falconeye.web import timelines, views
from falconeye.web.i18n import local
from falconeye.web.services import Services

KEPT_US: Final = MINUTE_US
STATE_KEY: Final = "today"


@dataclass(frozen=True, slots=True)
class DayOfCamera:
    """Today, until `read_us` (UTC)."""

    read_us: int
    since_us: int  # midnight of the site
    gaps: int
    recorded_until_us: int | None  # the end of the last footage; None: there is none of today


class Today:
    """One per application; lives on the loop."""

    def __init__(self, app: Litestar, services: Services) -> None:
        self._app = app
        self._services = services
        self._known: dict[str, DayOfCamera] = {}
        self._turn = asyncio.Lock()  # of many pages one asks, the others find what it found

    async def of(
        self, cameras: Iterable[Camera], budget_s: float | None = None
    ) -> Mapping[str, DayOfCamera]:
        """By camera id. After `budget_s` what is left to ask is as it was known before, or missing.

        A camera of whose day too much is known to list it is missing as well.
        """
        loop = asyncio.get_running_loop()
        ends_at = None if budget_s is None else loop.time() + budget_s
        wanted = {camera.config.id: camera for camera in cameras}
        zone = self._services.stored_settings.zone
        for camera_id, camera in wanted.items():
            if ends_at is not None and loop.time() >= ends_at:
                break
            async with self._turn:
                await self._look(camera_id, camera, zone)
        since_us = midnight_us(self._services.clock.utc_us(), zone)
        self._known = {
            one: day
            for one, day in self._known.items()
            if day.since_us == since_us and (one in wanted or self._is_fresh(day))
        }
        return {one: day for one, day in self._known.items() if one in wanted}

    def _is_fresh(self, day: DayOfCamera) -> bool:
        return 0 <= self._services.clock.utc_us() - day.read_us < KEPT_US

    async def _look(self, camera_id: str, camera: Camera, zone: tzinfo) -> None:
        now_us = self._services.clock.utc_us()
        since_us = midnight_us(now_us, zone)
        known = self._known.get(camera_id)
        if known is not None and self._is_fresh(known) and known.since_us == since_us:
            return
        added_us = camera.config.created_at_us
        # The clock may have been ahead when it was added: then nothing of its day has come yet.
        from_us = min(max(since_us, added_us), now_us)
        try:
            found = await timelines.read(self._app, self._services, camera.config, from_us, now_us)
        except InvalidInput:  # it flaps: more pieces than anybody lists
            self._known.pop(camera_id, None)
            return
        gaps = unwanted_gaps(found.gaps, added_us)
        footage = found.reachable
        until_us = footage[-1].to_us if footage else None
        self._known[camera_id] = DayOfCamera(now_us, since_us, gaps, until_us)


def today_of(app: Litestar, services: Services) -> Today:
    """What this application knows of today."""
    known: Today | None = app.state.get(STATE_KEY)
    if known is None:
        known = app.state[STATE_KEY] = Today(app, services)
    return known


def midnight_us(now_us: int, zone: tzinfo) -> int:
    """When the site's day began, in UTC."""
    return to_us(datetime.combine(local(now_us, zone).date(), time.min, zone))


def unwanted_gaps(gaps: Iterable[Gap], added_us: int) -> int:
    """How many of a camera's gaps nobody wanted; it was added at `added_us` (UTC)."""
    return sum(not views.is_wanted(gap) and not _is_first_connection(gap, added_us) for gap in gaps)


def _is_first_connection(gap: Gap, added_us: int) -> bool:
    return (
        gap.reason is GapReason.CAMERA_OFFLINE
        and abs(gap.from_us - added_us) < MIN_GAP_US
        and gap.to_us - added_us < RAISE_US
    )
