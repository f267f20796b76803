"""A camera's day: where there is footage, and why there is none elsewhere."""

from datetime import date, datetime, time, timedelta, tzinfo
from typing import Annotated

from litestar import Response, get
from litestar.params import FromPath, QueryParameter

from falconeye.accounts.model import Action
from falconeye.base.errors import InvalidInput
from falconeye.base.times import rfc3339, to_us
from falconeye.web import i18n, views
from falconeye.web.contexts import EventRow, FootagePage
from falconeye.web.i18n import gettext as _
from falconeye.web.pages.asking import Asking, services_of, show
from falconeye.web.security.access import needs

ROWS = 100
EVENTS = 200  # beside a day; the API lists all


@get("/cameras/{camera_id:str}/footage", opt=needs(Action.VIEW_FOOTAGE), include_in_schema=False)
async def footage_page(
    request: Asking,
    camera_id: FromPath[str],
    day: Annotated[str, QueryParameter(max_length=32)] = "",
) -> Response[str]:
    """One day of the site's zone; today by default."""
    services = services_of(request)
    camera = services.cameras.get(camera_id)
    zone, now_us = services.stored_settings.zone, services.clock.utc_us()
    today = i18n.local(now_us, zone).date()
    added = i18n.local(camera.config.created_at_us, zone).date()
    wanted = min(max(_day(day, today), added), today)
    start_us, end_us = _bounds(wanted, zone)
    found = await services.timelines.read(
        camera_id, max(start_us, camera.config.created_at_us), end_us
    )
    recordings, _total = await services.recordings.list(
        camera_id=camera_id, from_us=start_us, to_us=end_us, limit=ROWS
    )
    words, wanted_reasons = views.gap_dictionary()
    context = FootagePage(
        camera_id=camera_id,
        camera_name=camera.config.name,
        start_us=start_us,
        end_us=end_us,
        day=wanted.isoformat(),
        earlier=(wanted - timedelta(days=1)).isoformat() if wanted > added else None,
        later=(wanted + timedelta(days=1)).isoformat() if wanted < today else None,
        parts=views.day_parts(found),
        recordings=tuple(views.recording_row(recording, now_us) for recording in recordings),
        words=words,
        wanted=wanted_reasons,
        events=tuple(
            EventRow(event.at_us, event.label or event.kind, rfc3339(event.at_us))
            for event in await services.events.newest(camera_id, start_us, end_us, EVENTS)
        ),
    )
    return show(request, "pages/footage.html", context)


def _day(text: str, today: date) -> date:
    if not text:
        return today
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InvalidInput(_("A day looks like 2026-11-20."), field="day") from None


def _bounds(day: date, zone: tzinfo) -> tuple[int, int]:
    """From local midnight to the next one: 23 to 25 hours."""
    first = datetime.combine(day, time.min, zone)
    last = datetime.combine(day + timedelta(days=1), time.min, zone)
    return to_us(first), to_us(last)
