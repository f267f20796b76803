"""A camera's day, or that of up to four: where there is footage, and why there is none."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Annotated, Final
from urllib.parse import urlencode

from litestar import Response, get
from litestar.params import FromPath, QueryParameter

from falconeye.accounts.model import Action
from falconeye.base.errors import InvalidInput
from falconeye.base.times import LATEST_US, parse_rfc3339, rfc3339, to_us
from falconeye.cameras.views import Camera
from falconeye.storage.segments.recording_rows import Query
from falconeye.web import i18n, timelines, views
from falconeye.web.contexts import DayRange, EventRow, FootagePage
from falconeye.web.day_contexts import AheadRow
from falconeye.web.footage_contexts import FootageChoice, ManyFootagePage
from falconeye.web.i18n import gettext as _
from falconeye.web.pages.asking import Asking, services_of, show
from falconeye.web.peers.events import gather as newest_events
from falconeye.web.peers.protections import kept_everywhere
from falconeye.web.peers.recordings import gather as gather_recordings
from falconeye.web.recording_contexts import RecordingRow
from falconeye.web.security.access import may_on, needs, principal_of, require_camera
from falconeye.web.services import Services
from falconeye.web.storage_contexts import SpanForm

ROWS: Final = 100
EVENTS: Final = 200  # beside a day; the API lists all
RECENT_DAYS: Final = 7  # that have a link of their own
AHEAD: Final = 20  # stretches dated later that are listed; those days list their own
MOST_CAMERAS: Final = 4  # as many as a small machine serves and a laptop decodes at once
MOST_NAMED: Final = 64
Day = Annotated[str, QueryParameter(max_length=32)]
At = Annotated[str, QueryParameter(max_length=64)]


@dataclass(frozen=True, slots=True)
class _Bounds:
    """A day of the site's zone, in UTC: 23 to 25 hours."""

    day: date
    start_us: int
    end_us: int
    earlier: str | None
    later: str | None
    range: DayRange


@get("/cameras/{camera_id:str}/footage", opt=needs(Action.VIEW_FOOTAGE), include_in_schema=False)
async def footage_page(
    request: Asking, camera_id: FromPath[str], day: Day = "", at: At = ""
) -> Response[str]:
    """One day of the site's zone: the given one, that of the moment, or today."""
    return await show_day(request, camera_id, day, at)


async def show_day(
    request: Asking,
    camera_id: str,
    day: str = "",
    at: str = "",
    *,
    form: SpanForm | None = None,
    errors: Mapping[str, str] | None = None,
    status: int = 200,
) -> Response[str]:
    """The same, with what stands in the form of protected times, and what is wrong with it."""
    services = services_of(request)
    camera = services.cameras.get(camera_id)
    bounds = await _known_bounds(services, [camera], day, at)
    context = await _day_with_recordings(request, camera, bounds)
    context = replace(context, form=form or SpanForm(), errors=errors or {})
    return show(request, "pages/footage.html", context, status=status)


@get("/footage", opt=needs(Action.VIEW_FOOTAGE), include_in_schema=False)
async def many_footage_page(
    request: Asking,
    cameras: Annotated[str, QueryParameter(max_length=MOST_NAMED * MOST_CAMERAS)] = "",
    camera: Annotated[list[str] | None, QueryParameter(max_items=MOST_NAMED)] = None,
    day: Day = "",
    at: At = "",
) -> Response[str]:
    """Up to four cameras on one clock: those named, else the first ones that the asker may see.

    A link names them in `cameras`, with commas; the form that chooses them by many a `camera`.
    """
    services = services_of(request)
    seen, chosen = choose_cameras(request, cameras, camera)
    bounds = await _known_bounds(services, chosen, day, at)
    words, wanted = views.gap_dictionary()
    ids = {each.config.id for each in chosen}
    context = ManyFootagePage(
        day=bounds.day.isoformat(),
        start_us=bounds.start_us,
        end_us=bounds.end_us,
        earlier=bounds.earlier,
        later=bounds.later,
        days=tuple([await _day_with_recordings(request, each, bounds) for each in chosen]),
        choices=tuple(
            FootageChoice(each.config.id, each.config.name, each.config.id in ids) for each in seen
        ),
        words=words,
        wanted=wanted,
        range=bounds.range,
    )
    return show(request, "pages/footage_many.html", context)


def choose_cameras(
    request: Asking, cameras: str, camera: Sequence[str] | None = None
) -> tuple[list[Camera], list[Camera]]:
    """The cameras that the asker may see, and those named, else the first ones of these.

    InvalidInput for too many; NotAllowed, else NotFound, for one of them.
    """
    services, who = services_of(request), principal_of(request)
    seen = [
        each for each in services.cameras.list() if may_on(who, Action.VIEW_FOOTAGE, each.config.id)
    ]
    named = list(dict.fromkeys([*filter(None, cameras.split(",")), *(camera or ())]))
    if len(named) > MOST_CAMERAS:
        raise InvalidInput(_("At most four cameras play at once."), field="cameras")
    for camera_id in named:  # before it is said whether there is such a camera
        require_camera(who, Action.VIEW_FOOTAGE, camera_id)
    return seen, [services.cameras.get(camera_id) for camera_id in named] or seen[:MOST_CAMERAS]


async def _day_with_recordings(request: Asking, camera: Camera, bounds: _Bounds) -> FootagePage:
    services = services_of(request)
    camera_id = camera.config.id
    of_day = Query(camera_id=camera_id, from_us=bounds.start_us, to_us=bounds.end_us, limit=ROWS)
    # Nodes that do not answer are named where the day is played: it asks them for the same time.
    found = await gather_recordings(request, of_day)
    now_us = services.clock.utc_us()
    rows = tuple(views.recording_row(recording, now_us) for recording in found.rows)
    context = await _day_of(request, camera, bounds, rows)
    span = {"from": rfc3339(bounds.start_us), "to": rfc3339(bounds.end_us)}
    query = urlencode({"camera": camera_id, **span})
    return replace(context, more_recordings=found.total - len(rows), day_query=query)


async def _day_of(
    request: Asking, camera: Camera, bounds: _Bounds, rows: tuple[RecordingRow, ...]
) -> FootagePage:
    services, config = services_of(request), camera.config
    from_us = max(bounds.start_us, config.created_at_us)
    found = await timelines.read(request.app, services, config, from_us, bounds.end_us)
    names = timelines.node_names(request.app, services)
    now_us = services.clock.utc_us()
    ahead: tuple[AheadRow, ...] = ()
    if bounds.end_us > now_us:  # today's, or a later one
        later = await services.timelines.read(config.id, now_us, LATEST_US)
        ahead = views.ahead_rows(later)[:AHEAD]
    words, wanted = views.gap_dictionary()
    events, (kept, _silent) = await asyncio.gather(
        newest_events(request, config.id, bounds.start_us, bounds.end_us, newest=EVENTS + 1),
        kept_everywhere(request, config.id, bounds.start_us, bounds.end_us),
    )
    return FootagePage(
        camera_id=config.id,
        camera_name=config.name,
        start_us=bounds.start_us,
        end_us=bounds.end_us,
        day=bounds.day.isoformat(),
        earlier=bounds.earlier,
        later=bounds.later,
        parts=views.day_parts(found, names, services.stored_settings.zone),
        recordings=rows,
        words=words,
        wanted=wanted,
        corrections=views.corrections(found.own),
        seams=views.seams(found.own),
        protections=tuple(views.protection_row(one) for one in kept),
        events=tuple(
            EventRow(event.at_us, event.label or event.kind, rfc3339(event.at_us))
            for event in (one.row for one in events.rows[:EVENTS])
        ),
        more_events=len(events.rows) > EVENTS,
        range=bounds.range,
        ahead=ahead,
    )


async def _known_bounds(
    services: Services, cameras: Sequence[Camera], day: str, at: str
) -> _Bounds:
    """The same, up to the last day that a clock, which was ahead, gave to footage."""
    latest_us = await services.timelines.latest_us([each.config.id for each in cameras])
    return _bounds(services, cameras, day, at, latest_us=latest_us)


def _bounds(
    services: Services, cameras: Sequence[Camera], day: str, at: str, *, latest_us: int = 0
) -> _Bounds:
    """The wanted day, but none before the first camera was added or after today.

    Where there is footage up to `latest_us`, which lies ahead, none after that.
    """
    zone = services.stored_settings.zone
    added, today = known_days(services, cameras)
    last = max(today, i18n.local(min(latest_us, LATEST_US), zone).date())
    wanted = min(max(_day(day, at, zone) or today, added), last)
    one = timedelta(days=1)
    recent = [today - one * ago for ago in reversed(range(RECENT_DAYS))]
    days = tuple(each.isoformat() for each in recent if each >= added)
    return _Bounds(
        wanted,
        to_us(start_of(wanted, zone)),
        to_us(start_of(wanted + one, zone)),
        (wanted - one).isoformat() if wanted > added else None,
        (wanted + one).isoformat() if wanted < last else None,
        DayRange(added.isoformat(), last.isoformat(), days),
    )


def known_days(services: Services, cameras: Sequence[Camera]) -> tuple[date, date]:
    """Of the site's zone: when the first of the cameras was added, and today.

    By a clock that was ahead it was added after today: then there is today alone.
    """
    zone = services.stored_settings.zone
    now_us = services.clock.utc_us()
    since_us = min((each.config.created_at_us for each in cameras), default=now_us)
    since_us = min(since_us, now_us)
    return i18n.local(since_us, zone).date(), i18n.local(now_us, zone).date()


def start_of(day: date, zone: tzinfo) -> datetime:
    """Its midnight; DST sets in later."""
    return datetime.combine(day, time.min, zone)


def _day(day: str, at: str, zone: tzinfo) -> date | None:
    """The day as given, else that of the moment; None where neither is."""
    try:
        if day:
            return date.fromisoformat(day)
    except ValueError:
        raise InvalidInput(_("A day looks like 2026-11-20."), field="day") from None
    if not at:
        return None
    try:
        moment_us = min(max(parse_rfc3339(at, zone), 0), LATEST_US)
    except (ValueError, OverflowError):
        raise InvalidInput(_("A moment looks like 2026-11-20T14:30:00Z."), field="at") from None
    return i18n.local(moment_us, zone).date()
