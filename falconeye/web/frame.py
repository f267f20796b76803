"""The frame around a page, for whoever asks; and rendering a page in it."""

from typing import Any, Final

from litestar import Response
from litestar.connection import ASGIConnection
from litestar.enums import MediaType

from falconeye import __version__
from falconeye.accounts.model import Action, Principal
from falconeye.web import found_told, languages, notice_words, rendering
from falconeye.web.base_path import base_path
from falconeye.web.contexts import Frame
from falconeye.web.notice_contexts import CertificateTrouble
from falconeye.web.others import own_query
from falconeye.web.peer_notices import certificates_of_others, found_by_others, told_by_others
from falconeye.web.security.access import may_on, principal_or_none
from falconeye.web.security.cookies import cookie_of
from falconeye.web.security.credentials import SESSION, Credential
from falconeye.web.security.csrf import make_csrf_token
from falconeye.web.security.forwarded import form_token
from falconeye.web.security.peer import came_from_peer
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
        language=languages.language_of(connection),
        languages=tuple((each, languages.NAMES.get(each, each)) for each in shell.languages),
        chosen_language=languages.chosen(connection),
        clock=languages.clock_of(connection),
        zone=stored.zone,
        zone_name=stored.current.site_time_zone,
        node_name=services.node_name,
        version=__version__,
        root=base_path(),
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
        not_recorded=not_recorded(connection, services, who),
        disk_troubles=disk_troubles(connection, services, who),
        certificate_troubles=certificate_troubles(connection, services, who),
        may_see_jobs=may_on(who, Action.EXPORT) or sees_works(who),
        index_percent=index_percent(services, who),
        index_cancelled=services.storage.index.is_cancelled,
        own_query=own_query(connection, services.node_id),
        found_new=found_new(connection, services, who),
    )


def not_recorded(
    connection: Connection, services: Services, who: Principal | None
) -> tuple[str, ...]:
    """The names of the cameras that should record and do not, as far as `who` may know."""
    names = {
        notice.camera_id: notice.camera_name
        for notice in services.alerts.active()
        if notice.is_of_camera
    }
    for _, notice in told_by_others(connection):
        if notice.camera_id:
            names.setdefault(notice.camera_id, notice.name)
    return tuple(
        name for camera_id, name in names.items() if may_on(who, Action.VIEW_FOOTAGE, camera_id)
    )


def disk_troubles(
    connection: Connection, services: Services, who: Principal | None
) -> tuple[str, ...]:
    """What is wrong with volumes now, for those who see all cameras' footage."""
    if not sees_works(who):
        return ()
    own = [
        notice_words.volume_words(notice)
        for notice in services.alerts.active()
        if notice.volume_id is not None
    ]
    others = [
        f"{node_name}: {notice_words.disk_words(notice.name, notice.cause)}"
        for node_name, notice in told_by_others(connection)
        if not notice.camera_id
    ]
    return (*own, *others)


def certificate_troubles(
    connection: Connection, services: Services, who: Principal | None
) -> tuple[CertificateTrouble, ...]:
    """What is wrong with the certificates of all nodes now, for those who are told of disks."""
    if not sees_works(who):
        return ()
    own = [("", one.reason.value) for one in services.alerts.active() if one.is_of_certificate]
    return tuple(
        CertificateTrouble(
            node_name, notice_words.certificate_words(cause), notice_words.certificate_help(cause)
        )
        for node_name, cause in (*own, *certificates_of_others(connection))
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


def found_new(connection: Connection, services: Services, who: Principal | None) -> int:
    """How many found cameras of all nodes wait for an answer, for those who may test cameras."""
    if not may_on(who, Action.TEST_CAMERA):
        return 0

    def count() -> int:
        own = found_told.told_of(services.finding.candidates.list())
        return found_told.count_new([own, *found_by_others(connection)])

    return services.found_count.now(services.clock, count)


def csrf_token_of(connection: Connection) -> str:
    """A token for the forms and htmx requests of this page; empty without a session.

    Of a page that another node shows it is that node's, which alone has the session's cookie.
    """
    if came_from_peer(connection):
        return form_token(connection)
    credential = connection.scope.get("auth")
    if isinstance(credential, Credential) and credential.kind is SESSION:
        return make_csrf_token(credential.value)
    return ""


def is_plain_http(connection: Connection) -> bool:
    """Whether the page crosses a network without encryption."""
    if connection.scope["scheme"] != "http":
        return False
    client, server = connection.client, connection.scope.get("server")
    if client is None:
        return True
    # Who asks from the machine itself by an address of the LAN has that address as well.
    is_here = server is not None and client.host == server[0]
    return not (is_here or client.host.removeprefix("::ffff:") in _OWN_HOSTS)


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
