"""Notices: what should have recorded and did not, and where that is told."""

from collections.abc import Mapping
from typing import Any, Final

from litestar import Response, get, post

from falconeye.accounts.model import Action
from falconeye.alerts.delivery import NotDelivered
from falconeye.base.errors import Conflict, InvalidInput, NotFound
from falconeye.storage.ledger.coverage import Gap
from falconeye.storage.stores import destinations
from falconeye.storage.stores.notice_store import CertificateCause, Notice, VolumeCause
from falconeye.storage.stores.settings_store import StoredSettings
from falconeye.web import notice_words, settings_changes, views
from falconeye.web.audit import record
from falconeye.web.i18n import gettext as _
from falconeye.web.notice_contexts import DestinationsPage, NoticeRow, NoticesPage
from falconeye.web.pages.asking import Asking, go_to, sentence, services_of, show, texts
from falconeye.web.peers.lists import MOST_MERGED
from falconeye.web.peers.notices import gather
from falconeye.web.security.access import needs

ROWS: Final = 100
MAX_OFFSET: Final = MOST_MERGED - ROWS
_COOLDOWN: Final = "notify_cooldown_minutes"
_LOCAL: Final = "notify_allow_local"


@get("/notices", opt=needs(Action.VIEW_FOOTAGE), include_in_schema=False)
async def notices_page(request: Asking) -> Response[str]:
    """All of them, the newest first."""
    given = request.query_params.get("offset", "0")
    offset = min(int(given), MAX_OFFSET) if given.isdecimal() and len(given) < 9 else 0
    found = await gather(request, active=None, limit=ROWS, offset=offset)
    present = {camera.config.id for camera in services_of(request).cameras.list()}
    page = NoticesPage(
        rows=tuple(
            _row(
                told.row,
                is_gone=told.row.camera_id not in present,
                node_name=told.node_name if found.has_others else "",
                node_id=told.elsewhere,
            )
            for told in found.rows
        ),
        total=found.total,
        newer=max(0, offset - ROWS) if offset else None,
        older=offset + ROWS if offset + ROWS < found.total else None,
        silent_nodes=found.silent,
    )
    return show(request, "pages/notices.html", page)


@get("/settings/notices", opt=needs(Action.MANAGE_SETTINGS), include_in_schema=False)
async def destinations_page(request: Asking) -> Response[str]:
    """Where they go now."""
    return await _show(request)


@post("/settings/notices", opt=needs(Action.MANAGE_SETTINGS), include_in_schema=False)
async def save_destinations(request: Asking) -> Response[str]:
    """Change what was changed in the form; all or nothing."""
    store = services_of(request).stored_settings
    before = _shown(store.current)
    form = await texts(request)
    typed = {name: form.get(name, "") for name in before}
    typed[destinations.LIST] = "\n".join(typed[destinations.LIST].split())  # forms send CR LF
    try:
        changes = {name: _value(name, text) for name, text in typed.items() if text != before[name]}
        if changes:
            await settings_changes.change(request, changes)
    except InvalidInput as error:
        errors = {error.field or "": sentence(error)}
        return await _show(request, typed, status=422, errors=errors)
    return go_to("/settings/notices", done="saved")


@post("/settings/notices/test", opt=needs(Action.MANAGE_SETTINGS), include_in_schema=False)
async def try_destination(request: Asking) -> Response[str]:
    """Send a test, wait for what comes back, and say it."""
    channel = (await texts(request)).get("channel", "")
    is_ok, words = True, ""
    try:
        words = await services_of(request).alerts.test(channel)
    except (NotDelivered, Conflict, NotFound) as error:
        is_ok, words = False, sentence(error)
    await record(request, "notice.tested", "settings", None, f"{channel}: {words}")
    said = _("The test arrived: {answer}.") if is_ok else _("The test did not arrive: {answer}")
    return await _show(request, tested=said.format(answer=words), tested_ok=is_ok)


async def _show(
    request: Asking, values: Mapping[str, str] | None = None, *, status: int = 200, **more: Any
) -> Response[str]:
    services = services_of(request)
    page = DestinationsPage(
        values=values or _shown(services.stored_settings.current),
        channels=tuple(await services.alerts.channels()),
        **more,
    )
    return show(request, "pages/destinations.html", page, status=status)


def _row(notice: Notice, *, is_gone: bool, node_name: str, node_id: str) -> NoticeRow:
    until_us = notice.since_us if notice.until_us is None else notice.until_us
    volume, certificate, reason, told_at = "", "", notice.detail, "storage#missing"
    if isinstance(notice.reason, CertificateCause) or notice.is_of_certificate:
        certificate = notice_words.certificate_words(notice.reason)
        told_at = notice_words.certificate_help(notice.reason)
    elif isinstance(notice.reason, VolumeCause) or notice.volume_id is not None:
        volume = notice_words.volume_words(notice)
    else:
        reason = views.gap_words(Gap(notice.since_us, until_us, notice.reason, notice.detail))
        told_at = f"gaps#{notice.reason.value}"
    return NoticeRow(
        camera_id=notice.camera_id,
        camera_name=notice.camera_name,
        since_us=notice.since_us,
        until_us=notice.until_us,
        reason=reason,
        sent_us=notice.sent_us,
        volume=volume,
        certificate=certificate,
        is_gone=is_gone,
        node_name=node_name,
        node_id=node_id,
        told_at=told_at,
    )


def _shown(current: StoredSettings) -> dict[str, str]:
    """What stands in the fields; a box that is not ticked is empty."""
    visible = destinations.shown_settings(current.model_dump())
    return {
        **{name: visible[name] or "" for name in (*destinations.URLS, destinations.SECRET)},
        destinations.LIST: "\n".join(visible[destinations.LIST]),
        _COOLDOWN: str(current.notify_cooldown_minutes),
        _LOCAL: "yes" if current.notify_allow_local else "",
    }


def _value(name: str, text: str) -> Any:
    """A field's text as the store takes it."""
    if name == destinations.LIST:
        return text.split()
    if name == _LOCAL:
        return text == "yes"
    if name != _COOLDOWN:
        return text or None
    try:
        return int(text)
    except ValueError:
        raise InvalidInput(_("A number is needed here."), field=name) from None
