"""A month's days of up to four cameras: which hours have footage, and the way to each."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Annotated
from urllib.parse import quote

from litestar import Response, get
from litestar.params import QueryParameter

from falconeye.accounts.model import Action
from falconeye.base.errors import InvalidInput
from falconeye.base.times import LATEST_US, MINUTE_US, to_us
from falconeye.cameras.views import Camera
from falconeye.storage.ledger.coverage import Span
from falconeye.web import i18n, timelines
from falconeye.web.footage_contexts import FootageDay, FootageDaysPage
from falconeye.web.i18n import gettext as _
from falconeye.web.pages.asking import Asking, go_to, services_of, show
from falconeye.web.pages.footage import (
    MOST_CAMERAS,
    MOST_NAMED,
    choose_cameras,
    known_days,
    start_of,
)
from falconeye.web.security.access import needs
from falconeye.web.services import Services

_SEEN_US = 2 * MINUTE_US  # a shorter hole is less than a pixel of a day


@get("/footage/days", opt=needs(Action.VIEW_FOOTAGE), include_in_schema=False)
async def footage_days_page(
    request: Asking,
    cameras: Annotated[str, QueryParameter(max_length=MOST_NAMED * MOST_CAMERAS)] = "",
    month: Annotated[str, QueryParameter(max_length=32)] = "",
) -> Response[str]:
    """The given month (2026-11) of the site's zone, else this one; none before the first camera.

    Nor after today, but of days that a clock, which was ahead, gave to footage.
    """
    services = services_of(request)
    _seen, chosen = choose_cameras(request, cameras)
    added, today = known_days(services, chosen)
    zone = services.stored_settings.zone
    ahead = await _days_ahead(services, chosen, today)
    last = max([today, *ahead])
    first = min(max(_month(month) or today, added), last).replace(day=1)
    days = [day for day in _days_of(first) if added <= day <= today or day in ahead]
    if not days:  # between today and what is dated later
        return go_to(f"/footage/days?cameras={quote(cameras)}")
    spans = [
        await timelines.footage(
            request.app,
            services,
            each.config,
            max(to_us(start_of(days[0], zone)), each.config.created_at_us),
            to_us(start_of(days[-1] + timedelta(days=1), zone)),
        )
        for each in chosen
    ]
    rows: list[FootageDay] = []
    for day in reversed(days):
        begin, end = (to_us(start_of(each, zone)) for each in (day, day + timedelta(days=1)))
        lanes = tuple(_stretches(each.here, begin, end) for each in spans)
        away = tuple(_stretches(each.away, begin, end) for each in spans)
        rows.append(FootageDay(day.isoformat(), begin, end, lanes, away))
    names = timelines.node_names(request.app, services)
    silent = {node_id: since_us for each in spans for node_id, since_us in each.silent.items()}
    context = FootageDaysPage(
        cameras=tuple((each.config.id, each.config.name) for each in chosen),
        month=f"{first:%Y-%m}",
        months=tuple(
            sorted({*_months(added, today), *(f"{day:%Y-%m}" for day in ahead)}, reverse=True)
        ),
        days=tuple(rows),
        silent=tuple((names.get(node_id, node_id), us) for node_id, us in silent.items()),
    )
    return show(request, "pages/footage_days.html", context)


async def _days_ahead(services: Services, cameras: Sequence[Camera], today: date) -> set[date]:
    """Days after today that footage is dated to."""
    zone = services.stored_settings.zone
    from_us = to_us(start_of(today + timedelta(days=1), zone))
    found: set[date] = set()
    for each in cameras:
        for span in await services.timelines.footage(each.config.id, from_us, LATEST_US):
            found |= {i18n.local(us, zone).date() for us in (span.from_us, span.to_us - 1)}
    return found


def _month(text: str) -> date | None:
    try:
        return date.fromisoformat(f"{text}-01") if text else None
    except ValueError:
        raise InvalidInput(_("A month looks like 2026-11."), field="month") from None


def _months(first: date, last: date) -> list[str]:
    """The newest first."""
    numbers = range(last.year * 12 + last.month - 1, first.year * 12 + first.month - 2, -1)
    return [f"{number // 12}-{number % 12 + 1:02}" for number in numbers]


def _days_of(first: date) -> list[date]:
    days = [first + timedelta(days=number) for number in range(31)]
    return [day for day in days if day.month == first.month]


def _stretches(spans: Sequence[Span], from_us: int, to_us: int) -> tuple[tuple[int, int], ...]:
    """What of them lies in [from, to), as far as a picture of the day can tell them apart."""
    found: list[tuple[int, int]] = []
    for span in spans:
        begin, end = max(span.from_us, from_us), min(span.to_us, to_us)
        if end <= begin:
            continue
        if found and begin - found[-1][1] < _SEEN_US:
            found[-1] = (found[-1][0], end)
        else:
            found.append((begin, end))
    return tuple(found)
