"""People, tokens and sessions as the pages show them."""

from collections.abc import Mapping, Sequence
from typing import Any

from litestar import Request

from falconeye.accounts.model import Principal, Role
from falconeye.accounts.sessions import Session
from falconeye.accounts.tokens import Token
from falconeye.accounts.users import Rights, User
from falconeye.web import i18n
from falconeye.web.browser_words import device_words
from falconeye.web.i18n import gettext as _
from falconeye.web.people import ONLINE_US, camera_names, is_online, rights_of
from falconeye.web.people_contexts import (
    CameraChoice,
    PersonRow,
    RightsForm,
    RightsRow,
    SessionRow,
    TokenRow,
)
from falconeye.web.security.access import principal_of
from falconeye.web.shell import shell_of

Asking = Request[Any, Any, Any]


def role_words(role: Role) -> str:
    """What a role is called."""
    return {
        Role.VIEWER: _("Viewer"),
        Role.OPERATOR: _("Operator"),
        Role.ADMIN: _("Admin"),
    }[role]


def _role_meaning(role: Role) -> str:
    return {
        Role.VIEWER: _("Watches, looks at recordings and downloads them."),
        Role.OPERATOR: _(
            "Watches, looks at recordings and downloads them; starts and stops, moves cameras, "
            "protects and exports."
        ),
        Role.ADMIN: _("May do everything, with people and settings, as far as the limits let."),
    }[role]


def rights_row(request: Asking, account: User | Token | Principal) -> RightsRow:
    """Role and limits in words."""
    limits = []
    if account.cameras is not None:
        limits.append(_cameras_words(account.cameras, camera_names(request)))
    if account.live_only:
        limits.append(_("Live pictures only"))
    ends, now = account.expires_at_us, shell_of(request).services.clock.utc_us()
    is_over = ends is not None and now >= ends
    meaning = _("Watches.") if account.live_only else _role_meaning(account.role)
    return RightsRow(role_words(account.role), tuple(limits), ends, is_over, meaning)


def _cameras_words(cameras: frozenset[str], names: Mapping[str, str]) -> str:
    told = [name for camera_id, name in names.items() if camera_id in cameras]
    gone = len(cameras) - len(told)
    if gone:
        words = i18n.ngettext("a deleted camera", "{count} deleted cameras", gone)
        told.append(words.format(count=gone))
    return _("Only {cameras}").format(cameras=", ".join(told)) if told else _("No camera")


def person_row(request: Asking, user: User) -> PersonRow:
    """One person, as far as this node knows."""
    services = shell_of(request).services
    sessions = services.accounts.sessions.list(user.id)
    return PersonRow(
        id=user.id,
        name=user.name,
        rights=rights_row(request, user),
        is_self=principal_of(request).id == user.id,
        is_online=is_online(request, sessions),
        last_seen_us=sessions[0].last_seen_us if sessions else None,
        is_invited=user.is_invited,
        invited_until_us=user.invited_until_us,
        invitation_is_over=services.clock.utc_us() >= (user.invited_until_us or 0),
    )


def session_rows(request: Asking, sessions: Sequence[Session]) -> tuple[SessionRow, ...]:
    """The newest use first; the one that asks stands before all."""
    this, now = principal_of(request).session_id, shell_of(request).services.clock.utc_us()
    rows = [
        SessionRow(
            id=session.id,
            device=device_words(session.user_agent),
            address=session.address,
            created_at_us=session.created_at_us,
            last_seen_us=session.last_seen_us,
            is_this=session.id == this,
            is_online=now - session.last_seen_us < ONLINE_US,
        )
        for session in sessions
    ]
    return tuple(sorted(rows, key=lambda row: not row.is_this))


def token_row(request: Asking, token: Token) -> TokenRow:
    return TokenRow(
        id=token.id,
        name=token.name,
        rights=rights_row(request, token),
        created_at_us=token.created_at_us,
        created_by=token.created_by,
        last_used_us=token.last_used_us,
    )


def rights_form(request: Asking, account: User | Token | None) -> RightsForm:
    """The fields as they stand before anybody typed: of an account, or for a new one."""
    rights = rights_of(account) if account else Rights(Role.VIEWER)
    return RightsForm(
        role=rights.role.value,
        all_cameras=rights.cameras is None,
        cameras=camera_choices(request, rights.cameras or frozenset(), rights),
        live_only=rights.live_only,
        expires_at=end_text(request, rights.expires_at_us),
    )


def camera_choices(
    request: Asking, chosen: frozenset[str], before: Rights | None
) -> tuple[CameraChoice, ...]:
    """A box for each camera, and for those that are listed and were deleted."""
    names = camera_names(request)
    boxes = [CameraChoice(key, name, key in chosen) for key, name in names.items()]
    listed = before.cameras if before and before.cameras else frozenset[str]()
    gone = sorted(listed - names.keys())
    return (*boxes, *(CameraChoice(key, "", key in chosen, is_gone=True) for key in gone))


def end_text(request: Asking, utc_us: int | None) -> str:
    """An end as the field has it: in the site's time, to the minute; empty for none."""
    if utc_us is None:
        return ""
    zone = shell_of(request).services.stored_settings.zone
    return i18n.local(utc_us, zone).strftime("%Y-%m-%dT%H:%M")
