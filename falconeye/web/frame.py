"""The frame around a page, for whoever asks; and rendering a page in it."""

from typing import Any, Final

from litestar import Response
from litestar.connection import ASGIConnection
from litestar.enums import MediaType

from falconeye import __version__
from falconeye.accounts.model import Action, Principal
from falconeye.web import found_views, i18n, notice_words, rendering
from falconeye.web.contexts import Frame
from falconeye.web.security.access import may_on, principal_or_none
from falconeye.web.security.cookies import cookie_of
from falconeye.web.security.credentials import SESSION, Credential
from falconeye.web.security.csrf import make_csrf_token
from falconeye.web.services import Services
from falconeye.web.shell import shell_of

Connection = ASGIConnection[Any, Any, Any, Any]

THEME_COOKIE: Final = "falconeye_theme"
_THEMES: Final = frozenset({"light", "dark"})
_OWN_HOSTS: Final = frozenset({"127.0.0.1", "::1", "localhost"})


def frame_of(connection: Connection, *, notice: str = "") -> Frame:
    """Who looks, from where, and what may be offered to them."""
    shell = shell_of(connection)
    services = shell.services
    who = principal_or_none(connection)
    stored = services.stored_settings
    theme = cookie_of(connection, THEME_COOKIE)
    return Frame(
        path=connection.scope["path"],
        language=i18n.choose_language(
            connection.headers.get("accept-language", ""), shell.languages
        ),
        zone=stored.zone,
        zone_name=stored.current.site_time_zone,
        node_name=services.node_name,
        version=__version__,
        theme=theme if theme in _THEMES else "auto",
        csrf_token=csrf_token_of(connection),
        user=who.name if who else None,
        role=who.role.name.lower() if who else "",
        may_control=may_on(who, Action.CONTROL),
        may_export=may_on(who, Action.EXPORT),
        may_change=may_on(who, Action.CHANGE_CAMERA),
        may_delete_footage=may_on(who, Action.DELETE_FOOTAGE),
        may_see_footage=may_on(who, Action.VIEW_FOOTAGE),
        may_download=may_on(who, Action.DOWNLOAD),
        may_set=may_on(who, Action.MANAGE_SETTINGS),
        may_test=may_on(who, Action.TEST_CAMERA),
        plain_http=is_plain_http(connection),
        notice=notice,
        not_recorded=not_recorded(services, who),
        disk_troubles=disk_troubles(services, who),
        may_see_jobs=may_on(who, Action.EXPORT) or sees_works(who),
        index_percent=index_percent(services, who),
        index_cancelled=services.storage.index.is_cancelled,
        found_new=found_new(services, who),
    )


def not_recorded(services: Services, who: Principal | None) -> tuple[str, ...]:
    """The names of the cameras that should record and do not, as far as `who` may know."""
    return tuple(
        notice.camera_name
        for notice in services.alerts.active()
        if notice.volume_id is None and may_on(who, Action.VIEW_FOOTAGE, notice.camera_id)
    )


def disk_troubles(services: Services, who: Principal | None) -> tuple[str, ...]:
    """What is wrong with volumes now, for those who see all cameras' footage."""
    if not sees_works(who):
        return ()
    return tuple(
        notice_words.volume_words(notice)
        for notice in services.alerts.active()
        if notice.volume_id is not None
    )


def sees_works(who: Principal | None) -> bool:
    """Whether what concerns the footage of all cameras may be told."""
    return who is not None and who.cameras is None and may_on(who, Action.VIEW_FOOTAGE)


def index_percent(services: Services, who: Principal | None) -> int | None:
    """How much of the index is made anew after a restore, for those who see footage."""
    index = services.storage.index
    if not index.is_partial or not may_on(who, Action.VIEW_FOOTAGE):
        return None
    return int(index.share * 100)


def found_new(services: Services, who: Principal | None) -> int:
    """How many found cameras wait for an answer, for those who may test cameras."""
    if not may_on(who, Action.TEST_CAMERA):
        return 0
    candidates = services.finding.candidates
    return services.found_count.now(
        services.clock, lambda: found_views.count_new(candidates.list())
    )


def csrf_token_of(connection: Connection) -> str:
    """A token for the forms and htmx requests of this page; empty without a session."""
    credential = connection.scope.get("auth")
    if isinstance(credential, Credential) and credential.kind is SESSION:
        return make_csrf_token(credential.value)
    return ""


def is_plain_http(connection: Connection) -> bool:
    """Whether the page crosses a network without encryption."""
    client = connection.client
    return connection.scope["scheme"] == "http" and not (client and client.host in _OWN_HOSTS)


def page(
    connection: Connection,
    template: str,
    context: Any,
    *,
    status: int = 200,
    headers: dict[str, str] | None = None,
) -> Response[str]:
    """A whole page: `template` with `frame` and `page=context` (contexts.py)."""
    html = rendering.render(shell_of(connection).templates, template, frame_of(connection), context)
    return Response(html, status_code=status, headers=headers, media_type=MediaType.HTML)
