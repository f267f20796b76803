"""Settings of the site, those of this machine, and the colours of this device."""

from collections.abc import Mapping
from typing import Final
from zoneinfo import available_timezones

from litestar import Response, get, post

from falconeye.accounts.model import Action
from falconeye.base.errors import InvalidInput
from falconeye.storage.stores.settings_reference import BY_NAME, ON_THE_PAGE
from falconeye.web import settings_changes, settings_form, timelines
from falconeye.web.frame import THEME_COOKIE
from falconeye.web.i18n import gettext as _
from falconeye.web.pages.asking import Asking, go_to, sentence, services_of, show, texts
from falconeye.web.security.access import may_on, needs, principal_of, signed_in
from falconeye.web.security.cookies import choice_cookie
from falconeye.web.settings_contexts import ResetPage, SettingsPage
from falconeye.web.settings_form import WAS

THEMES: Final = ("auto", "light", "dark")
# Read once, at import: it walks the directory of zones.
ZONES: Final = tuple(sorted(zone for zone in available_timezones() if "/" in zone or zone == "UTC"))


@get("/settings", opt=signed_in(), include_in_schema=False)
async def settings_page(request: Asking) -> Response[str]:
    """What is set now."""
    return show(request, "pages/settings.html", context(request))


@post("/settings", opt=needs(Action.MANAGE_SETTINGS), include_in_schema=False)
async def save_settings(request: Asking) -> Response[str]:
    """Change what was changed in the form; all or nothing.

    What somebody else changed since the form was made, and nobody in it, stays as it is now.
    """
    current = settings_form.shown(services_of(request).stored_settings.current)
    given = await texts(request)
    was = {name: _unfolded(given.get(f"{WAS}{name}", text)) for name, text in current.items()}
    typed = {name: _unfolded(given[name]) for name in current if name in given}
    try:
        changes = {
            name: settings_form.value_of(name, text)
            for name, text in typed.items()
            if text not in {was[name], current[name]}
        }
        await settings_changes.change(request, changes)
    except InvalidInput as error:
        typed |= {f"{WAS}{name}": text for name, text in was.items()}
        page = context(request, typed, {error.field or "": sentence(error)})
        return show(request, "pages/settings.html", page, status=422)
    return go_to("/settings", done="saved")


@post("/settings/reset", opt=needs(Action.MANAGE_SETTINGS), include_in_schema=False)
async def reset_setting(request: Asking) -> Response[str]:
    """One setting back to its default."""
    name = (await texts(request)).get("reset", "")
    if name not in BY_NAME or BY_NAME[name] not in ON_THE_PAGE:
        raise InvalidInput(_("There is no such setting."), field="reset")
    await settings_changes.reset(request, [name])
    return go_to("/settings", done="setting-reset")


@get("/settings/reset-all", opt=needs(Action.MANAGE_SETTINGS), include_in_schema=False)
async def reset_question(request: Asking) -> Response[str]:
    """What would change."""
    store = services_of(request).stored_settings
    now, then = store.current.model_dump(mode="json"), store.defaults.model_dump(mode="json")
    changes = tuple(
        (
            _(one.label),
            settings_form.default_words(one, now[one.name]),
            settings_form.default_words(one, then[one.name]),
        )
        for one in ON_THE_PAGE
        if now[one.name] != then[one.name]
    )
    return show(request, "pages/settings_reset.html", ResetPage(changes))


@post("/settings/reset-all", opt=needs(Action.MANAGE_SETTINGS), include_in_schema=False)
async def reset_all(request: Asking) -> Response[str]:
    """All that the page changes, back to the defaults."""
    await settings_changes.reset(request)
    return go_to("/settings", done="settings-reset")


@post("/settings/theme", opt=signed_in(), include_in_schema=False)
async def save_theme(request: Asking) -> Response[str]:
    """The colours of this device: a cookie, so that the first byte of a page knows them."""
    theme = (await texts(request)).get("theme", "")
    if theme not in THEMES:
        raise InvalidInput(_("Choose one of the colours."), field="theme")
    answer = go_to("/settings")
    answer.cookies.append(choice_cookie(THEME_COOKIE, theme))
    return answer


def context(
    request: Asking,
    typed: Mapping[str, str] | None = None,
    errors: Mapping[str, str] | None = None,
    *,
    restarted: int | None = None,
    silent_nodes: tuple[str, ...] = (),
) -> SettingsPage:
    """The page; without what is set for those who may not change it."""
    services = services_of(request)
    if not may_on(principal_of(request), Action.MANAGE_SETTINGS):
        return SettingsPage(groups=(), zones=())
    store = services.stored_settings
    names = tuple(timelines.node_names(request.app, services).values())
    return SettingsPage(
        groups=settings_form.groups(store.current, store.defaults, names, typed or {}),
        zones=ZONES,
        node_rows=settings_form.node_rows(services.settings, services.origins),
        node_name=services.node_name,
        errors=errors or {},
        restarted=restarted,
        silent_nodes=silent_nodes,
    )


def _unfolded(text: str) -> str:
    """Lines as we write them: forms send CR LF."""
    return "\n".join(line.strip() for line in text.splitlines() if line.strip())
