"""The audit log for people: who did what, in the site's time."""

import asyncio
from collections.abc import Mapping
from datetime import tzinfo
from typing import Annotated, Final
from urllib.parse import urlencode

from litestar import Response, get
from litestar.params import QueryParameter

from falconeye.accounts.model import Action
from falconeye.base.times import LATEST_US, parse_rfc3339, rfc3339
from falconeye.storage.stores.audit_store import AuditFilter
from falconeye.web.audit_contexts import AuditChoice, AuditPage
from falconeye.web.audit_names import names_of
from falconeye.web.i18n import gettext as _
from falconeye.web.pages.asking import Asking, services_of, show
from falconeye.web.peers.audit import gather
from falconeye.web.peers.audit_words import gather_words
from falconeye.web.peers.lists import MOST_MERGED
from falconeye.web.security.access import needs

ROWS: Final = 100
MAX_TEXT: Final = 200
FILTERS: Final = ("action", "actor", "object_kind", "object_id", "camera_id")
Text = Annotated[str, QueryParameter(max_length=MAX_TEXT)]


@get("/audit", opt=needs(Action.READ_AUDIT), include_in_schema=False)
async def audit_page(
    request: Asking,
    from_: Annotated[str, QueryParameter(name="from", max_length=64)] = "",
    to: Text = "",
    offset: Annotated[int, QueryParameter(ge=0, le=MOST_MERGED - ROWS)] = 0,
) -> Response[str]:
    """The newest first, filtered (`FILTERS`) and paged."""
    services = services_of(request)
    texts = {name: request.query_params.get(name, "")[:MAX_TEXT].strip() for name in FILTERS}
    choice = _choice(texts, {"from": from_, "to": to}, services.stored_settings.zone)
    found, words = await asyncio.gather(
        gather(request, _wanted(choice), limit=ROWS, offset=offset), gather_words(request)
    )
    given = {**texts, "from": _time(choice.from_us), "to": _time(choice.to_us)}
    page = AuditPage(
        entries=tuple(found.rows),
        total=found.total,
        silent_nodes=found.silent,
        has_others=found.has_others,
        choice=choice,
        words=words.words,
        silent_words=words.silent,
        names=names_of(request, found.rows),
        cameras=tuple((one.config.id, one.config.name) for one in services.cameras.list()),
        keep_days=services.stored_settings.current.audit_keep_days,
        download_query=_query(given, 0),
        newer_query=_query(given, max(0, offset - ROWS)) if offset else None,
        older_query=_query(given, offset + ROWS)
        if offset + len(found.rows) < found.total
        else None,
    )
    return show(request, "pages/audit.html", page, status=422 if choice.errors else 200)


def _choice(texts: Mapping[str, str], times: Mapping[str, str], zone: tzinfo) -> AuditChoice:
    moments: dict[str, int | None] = {}
    errors: dict[str, str] = {}
    for name, text in times.items():
        moments[name] = None
        try:
            # Bounded: it is shown again, in a zone, and dates end.
            moments[name] = min(max(parse_rfc3339(text, zone), 0), LATEST_US) if text else None
        except (ValueError, OverflowError):
            errors[name] = _("This is no date and time.")
    from_us, to_us = moments["from"], moments["to"]
    if from_us is not None and to_us is not None and to_us <= from_us:
        errors["to"] = _("This lies before the beginning.")
    return AuditChoice(**texts, from_us=from_us, to_us=to_us, errors=errors)


def _wanted(choice: AuditChoice) -> AuditFilter:
    return AuditFilter(
        choice.from_us,
        choice.to_us,
        choice.actor or None,
        choice.action or None,
        choice.object_kind or None,
        choice.object_id or None,
        choice.camera_id or None,
    )


def _time(utc_us: int | None) -> str:
    return "" if utc_us is None else rfc3339(utc_us)


def _query(given: Mapping[str, str], offset: int) -> str:
    values = {name: value for name, value in given.items() if value}
    return urlencode({**values, "offset": str(offset)} if offset else values)
