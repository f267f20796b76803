"""Settings of the site, and the colours of this device."""

from collections.abc import Mapping
from typing import Any, Final
from zoneinfo import available_timezones

from litestar import Response, get, post
from litestar.datastructures import Cookie

from falconeye.accounts.model import Action
from falconeye.base.errors import InvalidInput
from falconeye.storage.stores.settings_store import StoredSettings
from falconeye.web.audit import record
from falconeye.web.contexts import SettingField, SettingsPage
from falconeye.web.frame import THEME_COOKIE
from falconeye.web.i18n import gettext as _
from falconeye.web.pages.asking import Asking, go_to, sentence, services_of, show, texts
from falconeye.web.security.access import needs, signed_in

GIGABYTE: Final = 1_000_000_000
_YEAR_S: Final = 365 * 24 * 3600
THEMES: Final = ("auto", "light", "dark")
# Read once, at import: it walks the directory of zones.
ZONES: Final = tuple(sorted(zone for zone in available_timezones() if "/" in zone or zone == "UTC"))


@get("/settings", opt=signed_in(), include_in_schema=False)
async def settings_page(request: Asking) -> Response[str]:
    """What is set now."""
    values = _shown(services_of(request).stored_settings.current)
    return show(request, "pages/settings.html", _page(values, {}))


@post("/settings", opt=needs(Action.MANAGE_SETTINGS), include_in_schema=False)
async def save_settings(request: Asking) -> Response[str]:
    """Change what was changed in the form; all or nothing."""
    store = services_of(request).stored_settings
    before = _shown(store.current)
    typed = {name: text for name, text in (await texts(request)).items() if name in before}
    try:
        changes = {name: _value(name, text) for name, text in typed.items() if text != before[name]}
        if changes:
            await store.patch(changes)
            await record(request, "settings.changed", "settings", "", ", ".join(sorted(changes)))
    except InvalidInput as error:
        page = _page({**before, **typed}, {error.field or "": sentence(error)})
        return show(request, "pages/settings.html", page, status=422)
    return go_to("/settings", done="saved")


@post("/settings/theme", opt=signed_in(), include_in_schema=False)
async def save_theme(request: Asking) -> Response[str]:
    """The colours of this device: a cookie, so that the first byte of a page knows them."""
    theme = (await texts(request)).get("theme", "")
    if theme not in THEMES:
        raise InvalidInput(_("Choose one of the colours."), field="theme")
    answer = go_to("/settings")
    cookie = Cookie(
        key=THEME_COOKIE,
        value=theme,
        max_age=_YEAR_S,
        httponly=True,
        samesite="lax",
        secure=request.scope["scheme"] == "https",
    )
    answer.cookies.append(cookie)
    return answer


def _shown(current: StoredSettings) -> dict[str, str]:
    """The settings as text, in the units that people use."""
    keep = current.keep_bytes
    return {
        "site_time_zone": current.site_time_zone,
        "keep_days": "" if current.keep_days is None else str(current.keep_days),
        "keep_bytes": "" if keep is None else f"{keep / GIGABYTE:g}",
        "default_resolution": current.default_resolution,
        "default_framerate": str(current.default_framerate),
        "creating_timeout_minutes": str(current.creating_timeout_minutes),
    }


def _value(name: str, text: str) -> Any:
    """A field's text as the store takes it; InvalidInput for what is no number."""
    if name in {"site_time_zone", "default_resolution"}:
        return text
    if not text and name in {"keep_days", "keep_bytes"}:
        return None
    try:
        if name == "keep_bytes":
            return round(float(text.replace(",", ".")) * GIGABYTE)
        return int(text)
    except (ValueError, OverflowError):
        raise InvalidInput(_("A number is needed here."), field=name) from None


def _page(values: Mapping[str, str], errors: Mapping[str, str]) -> SettingsPage:
    def field(name: str, label: str, hint: str, kind: str = "number") -> SettingField:
        return SettingField(name, label, hint, values[name], kind)

    fields = (
        field("site_time_zone", _("Time zone"), _("All pages show the time of this zone."), "zone"),
        field(
            "keep_days",
            _("Days to keep footage"),
            _(
                "Older footage is deleted; lowering this does so within a minute. "
                "Empty: as long as the disk has room."
            ),
        ),
        field(
            "keep_bytes",
            _("GB to keep per camera"),
            _(
                "Beyond that the oldest footage is deleted; lowering this does so within a minute. "
                "Empty: no limit."
            ),
            "decimal",
        ),
        field(
            "default_resolution",
            _("Picture size"),
            _("Asked of cameras that offer a choice, such as 1280x720."),
            "text",
        ),
        field("default_framerate", _("Pictures per second"), _("For the same cameras, 1 to 60.")),
        field(
            "creating_timeout_minutes",
            _("Minutes until a silent camera counts as broken"),
            _("It goes on trying after that."),
        ),
    )
    return SettingsPage(fields=fields, zones=ZONES, errors=errors)
