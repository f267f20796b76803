"""Roles, actions, who asks, and the one function that says whether they may."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum

from falconeye.base.errors import NotAllowed


class Role(StrEnum):
    """Each role may do what the ones before it may."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"

    @property
    def rank(self) -> int:
        return _RANKS[self]

    def includes(self, other: "Role") -> bool:
        """Whether this role may do all that `other` may."""
        return self.rank >= other.rank


_RANKS = {role: rank for rank, role in enumerate(Role)}


class Action(Enum):
    """What can be allowed or refused; the value is how a refusal names it."""

    VIEW_LIVE = "watch live"
    VIEW_FOOTAGE = "see footage"
    DOWNLOAD = "download footage"
    READ_METRICS = "read the metrics"
    CONTROL = "control cameras and recording"
    EXPORT = "export footage"
    TEST_CAMERA = "test cameras"
    CHANGE_CAMERA = "change cameras"
    DELETE_FOOTAGE = "delete footage"
    MANAGE_USERS = "manage users"
    MANAGE_TOKENS = "manage tokens"
    MANAGE_SETTINGS = "change settings"
    READ_AUDIT = "read the audit log"


LOWEST_ROLE: Mapping[Action, Role] = {
    Action.VIEW_LIVE: Role.VIEWER,
    Action.VIEW_FOOTAGE: Role.VIEWER,
    Action.DOWNLOAD: Role.VIEWER,
    Action.READ_METRICS: Role.VIEWER,
    Action.CONTROL: Role.OPERATOR,
    Action.EXPORT: Role.OPERATOR,
    Action.TEST_CAMERA: Role.OPERATOR,
    Action.CHANGE_CAMERA: Role.ADMIN,
    Action.DELETE_FOOTAGE: Role.ADMIN,
    Action.MANAGE_USERS: Role.ADMIN,
    Action.MANAGE_TOKENS: Role.ADMIN,
    Action.MANAGE_SETTINGS: Role.ADMIN,
    Action.READ_AUDIT: Role.ADMIN,
}
# With a list of cameras these are still possible, on the listed ones. Everything else would reach
# beyond them: another camera can be added, tested, or seen in a log.
_ON_LISTED = frozenset({
    Action.VIEW_LIVE, Action.VIEW_FOOTAGE, Action.DOWNLOAD, Action.READ_METRICS, Action.CONTROL,
    Action.EXPORT, Action.DELETE_FOOTAGE,
})  # fmt: skip
_ON_ONE_LISTED = _ON_LISTED | {Action.CHANGE_CAMERA}


class PrincipalKind(StrEnum):
    """A person with a session, a program with a token, or a screen on a wall."""

    USER = "user"
    TOKEN = "token"  # noqa: S105 - a kind, not a token
    DISPLAY = "display"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks. Equal for two requests as long as nothing about their rights has changed."""

    kind: PrincipalKind
    id: str
    name: str
    role: Role
    cameras: frozenset[str] | None = None  # None: all, also those added later
    live_only: bool = False
    expires_at_us: int | None = None  # UTC; None: no end
    session_id: str | None = None

    def ended(self, utc_us: int) -> bool:
        """Whether the end date has come."""
        return self.expires_at_us is not None and utc_us >= self.expires_at_us


def may(
    who: Principal, action: Action, camera_id: str | None = None, *, at_us: int | None = None
) -> bool:
    """Whether `who` may do `action` on the camera, or on some camera or none when it is None.

    Without a camera a True means "in general": lists and answers must still leave out cameras for
    which it is False. Authentication refuses those whose end date has come and a revocation ends
    what they have open; `at_us` (UTC) checks the date here as well.
    """
    if at_us is not None and who.ended(at_us):
        return False
    if not who.role.includes(LOWEST_ROLE[action]):
        return False
    if who.live_only and action is not Action.VIEW_LIVE:
        return False
    if who.cameras is None:
        return True
    if camera_id is None:
        return action in _ON_LISTED
    return camera_id in who.cameras and action in _ON_ONE_LISTED


def require(
    who: Principal, action: Action, camera_id: str | None = None, *, at_us: int | None = None
) -> None:
    """NotAllowed, in words, unless `may`."""
    if may(who, action, camera_id, at_us=at_us):
        return
    if not who.role.includes(LOWEST_ROLE[action]):
        msg = f"the role {who.role.value} may not {action.value}"
    else:
        msg = f"this access is limited and may not {action.value} here"
    raise NotAllowed(msg)
