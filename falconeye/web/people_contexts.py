"""What the pages about people, tokens and one's own account show."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class RightsRow:
    """What somebody may do, in words; the end date apart."""

    role: str
    limits: tuple[str, ...] = ()  # sentences; none: no limit
    expires_at_us: int | None = None
    is_over: bool = False  # the end has come
    meaning: str = ""  # of the role, as a sentence


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A browser that is signed in."""

    id: str
    device: str  # in words; empty: it did not say
    address: str
    created_at_us: int
    last_seen_us: int
    is_this: bool = False
    is_online: bool = False


@dataclass(frozen=True, slots=True)
class PersonRow:
    """A person in the list."""

    id: str
    name: str
    rights: RightsRow
    is_self: bool = False
    is_online: bool = False
    last_seen_us: int | None = None  # None: signed in nowhere
    is_invited: bool = False
    invited_until_us: int | None = None
    invitation_is_over: bool = False


@dataclass(frozen=True, slots=True)
class PeoplePage:
    """All who may sign in, by name."""

    people: tuple[PersonRow, ...]
    tokens: int


@dataclass(frozen=True, slots=True)
class CameraChoice:
    """One check box."""

    id: str
    name: str
    is_chosen: bool = False
    is_gone: bool = False  # the camera was deleted; its id is still listed


@dataclass(frozen=True, slots=True)
class RightsForm:
    """The fields about role and limits."""

    role: str = "viewer"
    all_cameras: bool = True
    cameras: tuple[CameraChoice, ...] = ()
    live_only: bool = False
    expires_at: str = ""  # as `<input type=datetime-local>` has it, in the site's time


@dataclass(frozen=True, slots=True)
class PersonAddPage:
    """Who is new: by an invitation, or with a password."""

    rights: RightsForm
    asks_password: bool
    name: str = ""
    way: str = "invitation"  # or "password"
    errors: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class InvitedPage:
    """The link, this once."""

    name: str
    user_id: str
    url: str
    until_us: int
    is_loopback: bool  # nobody else reaches this node by that address


@dataclass(frozen=True, slots=True)
class PersonPage:
    """One person."""

    person: PersonRow
    sessions: tuple[SessionRow, ...]
    asks_password: bool
    errors: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PersonRightsPage:
    """Role and limits of one person, to be changed."""

    user_id: str
    name: str
    rights: RightsForm
    asks_password: bool
    is_self: bool = False
    errors: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PersonPasswordPage:
    """Another password for one person."""

    user_id: str
    name: str
    asks_password: bool
    errors: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PersonRemovePage:
    """What ends with one person."""

    person: PersonRow
    sessions: int
    tokens: tuple[str, ...]  # names of those that the person made
    asks_password: bool
    errors: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TokenRow:
    """A token in the list."""

    id: str
    name: str
    rights: RightsRow
    created_at_us: int
    created_by: str  # empty: the command line
    last_used_us: int | None


@dataclass(frozen=True, slots=True)
class TokensPage:
    """All tokens, by name."""

    tokens: tuple[TokenRow, ...]


@dataclass(frozen=True, slots=True)
class TokenFormPage:
    """A new token, or the rights of one that is there."""

    rights: RightsForm
    asks_password: bool
    name: str = ""
    token_id: str = ""  # empty: a new one
    errors: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TokenMadePage:
    """Its secret, this once."""

    name: str
    secret: str


@dataclass(frozen=True, slots=True)
class TokenRemovePage:
    """The question before a token goes."""

    token: TokenRow
    asks_password: bool
    errors: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AccountPage:
    """One's own."""

    name: str
    rights: RightsRow
    sessions: tuple[SessionRow, ...]
    errors: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class InvitationPage:
    """For who opens the link; `name` empty: it is none, or none any more."""

    name: str = ""
    rights: RightsRow | None = None
    signed_in_as: str = ""
    errors: Mapping[str, str] = field(default_factory=dict)
