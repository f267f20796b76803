"""What the database holds, except for footage: one class a table, one sentence each.

The stores read and write these as Core rows and hand out frozen values; no instance of a class
here ever leaves `storage`. Units are in the names; `_us` is UTC.
"""

from typing import Any, cast

from sqlalchemy import (
    DDL,
    JSON,
    BigInteger,
    CheckConstraint,
    Column,
    Index,
    LargeBinary,
    MetaData,
    Table,
    event,
    text,
)
from sqlmodel import Field, SQLModel

METADATA: MetaData = SQLModel.metadata
_ROLES = "role IN ('viewer', 'operator', 'admin')"


class CameraRow(SQLModel, table=True):
    """A configured camera; credentials in the queries of its URLs are sealed (sealed_urls.py)."""

    __tablename__ = "cameras"

    id: str = Field(primary_key=True)  # UUID
    name: str
    protocol: str
    # config/addresses.py. Two nodes that do not hear each other may each add a camera with one.
    address_key: str | None
    source_url: str | None
    sub_url: str | None
    username: str | None
    password_encrypted: bytes | None  # credentials.py
    device_path: str | None
    node_name: str | None
    location: str
    resolution: str | None
    framerate: int | None
    transport: str
    audio: bool
    record: str
    started: bool
    stopped_by: str | None
    recording_stopped_by: str | None
    schedule: dict[str, Any] | None = Field(sa_column=Column(JSON(none_as_null=True)))
    pre_roll_s: int = Field(sa_column_kwargs={"server_default": text("10")})
    post_roll_s: int = Field(sa_column_kwargs={"server_default": text("10")})
    paused_by: str | None  # privacy: no pictures, no footage
    paused_until_us: int | None = Field(sa_column=Column(BigInteger))
    privacy_schedule: dict[str, Any] | None = Field(sa_column=Column(JSON(none_as_null=True)))
    privacy_lifted_until_us: int | None = Field(sa_column=Column(BigInteger))
    allow_local: bool
    keep_days: int | None  # NULL: the node's setting
    keep_bytes: int | None = Field(sa_column=Column(BigInteger))
    details: dict[str, Any] = Field(sa_column=Column("metadata", JSON, nullable=False))
    device_identity: str | None  # USB
    pixel_format: str | None
    overlay: str = Field(sa_column_kwargs={"server_default": text("'none'")})
    device_controls: dict[str, Any] = Field(
        sa_column=Column(JSON, nullable=False, server_default=text("'{}'"))
    )
    endpoint_reference: str | None  # ONVIF
    mac_address: str | None
    onvif_url: str | None
    created_at_us: int
    updated_at_us: int
    owner_id: str | None  # the node that records it; NULL: from before there was a cluster
    pinned: bool = Field(sa_column_kwargs={"server_default": text("0")})  # stays with its owner


class UserRow(SQLModel, table=True):
    """A person who can sign in."""

    __tablename__ = "users"
    __table_args__ = (CheckConstraint(_ROLES, name="user_role"),)

    id: str = Field(primary_key=True)  # UUID
    name: str
    name_key: str  # the name case-folded: nobody passes for another; kept apart by the stores
    password_hash: str  # argon2id, PHC string; "": invited, and has not chosen one yet
    role: str
    cameras: list[str] | None = Field(sa_column=Column(JSON(none_as_null=True)))  # NULL: all
    live_only: bool
    expires_at_us: int | None
    created_at_us: int
    password_changed_at_us: int
    invitation_hash: bytes | None  # SHA-256 of the link's secret
    invited_until_us: int | None = Field(sa_column=Column(BigInteger))


class SessionRow(SQLModel, table=True):
    """A browser that is signed in; ends by idleness, age, or by hand."""

    __tablename__ = "sessions"

    id: str = Field(primary_key=True)  # UUID: names it in lists; no use as a cookie
    secret_hash: bytes = Field(unique=True)  # SHA-256 of the cookie's value
    user_id: str = Field(index=True)  # no reference: another node's may come before its user
    created_at_us: int
    last_seen_us: int  # by this node; stored at most once a minute
    address: str
    user_agent: str
    # By any node, to the hour; 0: not known. What is newer of both tells whether it is idle.
    active_us: int = Field(sa_column_kwargs={"server_default": text("0")})
    # When the password was set that it began with; 0: not known. Another one ends it, also where
    # that was set on a node that had not heard of the session.
    password_us: int = Field(sa_column_kwargs={"server_default": text("0")})


class TokenRow(SQLModel, table=True):
    """A program's access."""

    __tablename__ = "tokens"
    __table_args__ = (CheckConstraint(_ROLES, name="token_role"),)

    id: str = Field(primary_key=True)  # UUID
    name: str
    name_key: str
    secret_hash: bytes = Field(unique=True)  # SHA-256
    role: str
    cameras: list[str] | None = Field(sa_column=Column(JSON(none_as_null=True)))  # NULL: all
    live_only: bool
    expires_at_us: int | None
    created_at_us: int
    created_by: str  # a user's name, "" for the command line
    last_used_us: int | None  # stored at most once a minute


class DisplayRow(SQLModel, table=True):
    """A screen on a wall that shows live pictures, and nothing else."""

    __tablename__ = "displays"

    id: str = Field(primary_key=True)  # UUID
    name: str
    name_key: str
    secret_hash: bytes | None = Field(unique=True)  # SHA-256 of its cookie; NULL: not paired yet
    wall_id: str | None  # a saved wall says which cameras; beside `cameras` what both have counts
    cameras: list[str] | None = Field(sa_column=Column(JSON(none_as_null=True)))  # NULL: all
    expires_at_us: int | None
    created_at_us: int
    created_by: str  # a user's name
    paired_at_us: int | None
    link_hash: bytes | None  # SHA-256 of the secret in a pairing link, which is good once
    link_until_us: int | None
    address: str  # where it came from last, and as what
    user_agent: str
    is_secure: bool = Field(sa_column_kwargs={"server_default": text("0")})  # over TLS
    last_seen_us: int  # by this node; stored at most once a minute
    active_us: int = Field(sa_column_kwargs={"server_default": text("0")})  # by any, to the hour


class SetupLinkRow(SQLModel, table=True):
    """A link that makes the first user; dies after use, an hour, or a restart of the server."""

    __tablename__ = "setup_links"

    secret_hash: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))  # SHA-256
    boot_id: str | None  # of the serving process; NULL: made while none was running
    expires_at_us: int


class AuditRow(SQLModel, table=True):
    """Who did what; rows are added, and the oldest go (triggers refuse anything else)."""

    __tablename__ = "audit"
    __table_args__ = (
        Index("audit_by_time", "at_us"),
        Index("audit_by_action", "action"),
        Index("audit_by_who", "who_name"),
        Index("audit_by_kind", "object_kind"),
        Index("audit_by_object", "object_id"),
        {"sqlite_autoincrement": True},  # an id is never used twice
    )

    id: int | None = Field(default=None, primary_key=True)
    at_us: int
    who_kind: str  # user | token | system | nobody
    who_id: str | None
    who_name: str
    action: str
    object_kind: str
    object_id: str | None
    detail: str
    address: str


class SettingRow(SQLModel, table=True):
    """What an admin changed from its default."""

    __tablename__ = "settings"

    key: str = Field(primary_key=True)
    value: Any = Field(sa_column=Column(JSON, nullable=False))


class IgnoredCandidateRow(SQLModel, table=True):
    """A found camera that nobody wants to be told of."""

    __tablename__ = "ignored_candidates"

    id: str = Field(primary_key=True)  # discovery/candidates.py
    ignored_at_us: int


class MemberRow(SQLModel, table=True):
    """A node of this cluster, this one among them."""

    __tablename__ = "members"

    id: str = Field(primary_key=True)  # node id
    name: str
    certificate: str  # PEM: its connections and signatures are known by the key in it
    addresses: list[str] = Field(sa_column=Column(JSON, nullable=False))  # "host:port", for peers
    created_at_us: int


class NodeRow(SQLModel, table=True):
    """This node, in one row; its id is random, made at first start."""

    __tablename__ = "node"
    __table_args__ = (CheckConstraint("one = 1", name="one_node"),)

    one: int = Field(primary_key=True, sa_column_kwargs={"server_default": text("1")})
    node_id: str
    created_at_us: int
    boot_id: str | None  # of the serving process; set-up links made for another one are dead


def _core(model: type[SQLModel]) -> Table:
    return cast("Table", model.__table__)  # type: ignore[attr-defined]


CAMERAS = _core(CameraRow)
USERS = _core(UserRow)
SESSIONS = _core(SessionRow)
TOKENS = _core(TokenRow)
DISPLAYS = _core(DisplayRow)
SETUP_LINKS = _core(SetupLinkRow)
AUDIT = _core(AuditRow)
# It may be shortened from its beginning, up to the entry that the newest `audit.pruned` names. What
# proves that a file is an export stays: it is asked for years later.
_PRUNED = (
    "(SELECT CAST(object_id AS INTEGER) FROM audit WHERE action = 'audit.pruned' "
    "ORDER BY id DESC LIMIT 1)"
)
_KEPT = f"WHEN OLD.action = 'export.hash' OR OLD.id >= coalesce({_PRUNED}, 0) "
for _change, _when in (("UPDATE", ""), ("DELETE", _KEPT)):
    event.listen(
        AUDIT,
        "after_create",
        DDL(  # type: ignore[no-untyped-call]  # SQLAlchemy leaves it untyped
            f"CREATE TRIGGER audit_no_{_change} BEFORE {_change} ON audit {_when}"
            "BEGIN SELECT RAISE(ABORT, 'the audit log only grows'); END"
        ),
    )
SETTINGS = _core(SettingRow)
IGNORED_CANDIDATES = _core(IgnoredCandidateRow)
MEMBERS = _core(MemberRow)
NODE = _core(NodeRow)
