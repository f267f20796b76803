"""Cameras, accounts, audit log, settings and the node itself."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_ROLES = "role IN ('viewer', 'operator', 'admin')"
_APPEND_ONLY = """
CREATE TRIGGER audit_no_{change} BEFORE {change} ON audit
BEGIN SELECT RAISE(ABORT, 'the audit log only grows'); END
"""


def upgrade() -> None:
    _create_cameras()
    _create_users()
    _create_sessions()
    _create_tokens()
    _create_audit()
    op.create_table(
        "setup_links",
        sa.Column("secret_hash", sa.LargeBinary(), primary_key=True, nullable=False),
        sa.Column("boot_id", sa.String()),
        _integer("expires_at_us"),
    )
    op.create_table(
        "settings",
        sa.Column("key", sa.String(), primary_key=True, nullable=False),
        sa.Column("value", sa.JSON(), nullable=False),
    )
    op.create_table(
        "node",
        sa.Column("one", sa.Integer(), server_default=sa.text("1"), primary_key=True),
        _text("node_id"),
        _integer("created_at_us"),
        sa.Column("boot_id", sa.String()),
        sa.CheckConstraint("one = 1", name="one_node"),
    )


def downgrade() -> None:
    for table in ("node", "settings", "setup_links", "audit", "tokens", "sessions", "users"):
        op.drop_table(table)
    op.drop_table("cameras")


def _create_cameras() -> None:
    op.create_table(
        "cameras",
        sa.Column("id", sa.String(), primary_key=True, nullable=False),
        _text("name"),
        _text("protocol"),
        sa.Column("address_key", sa.String(), unique=True),
        sa.Column("source_url", sa.String()),
        sa.Column("sub_url", sa.String()),
        sa.Column("username", sa.String()),
        sa.Column("password_encrypted", sa.LargeBinary()),
        sa.Column("device_path", sa.String()),
        sa.Column("node_name", sa.String()),
        _text("location"),
        sa.Column("resolution", sa.String()),
        sa.Column("framerate", sa.Integer()),
        _text("transport"),
        sa.Column("audio", sa.Boolean(), nullable=False),
        _text("record"),
        sa.Column("started", sa.Boolean(), nullable=False),
        sa.Column("recording_stopped_by", sa.String()),
        sa.Column("allow_local", sa.Boolean(), nullable=False),
        sa.Column("metadata", sa.JSON(), nullable=False),
        _integer("created_at_us"),
        _integer("updated_at_us"),
    )


def _create_users() -> None:
    op.create_table(
        "users",
        sa.Column("id", sa.String(), primary_key=True, nullable=False),
        _text("name"),
        sa.Column("name_key", sa.String(), nullable=False, unique=True),
        _text("password_hash"),
        _text("role"),
        sa.Column("cameras", sa.JSON(none_as_null=True)),
        sa.Column("live_only", sa.Boolean(), nullable=False),
        sa.Column("expires_at_us", sa.Integer()),
        _integer("created_at_us"),
        _integer("password_changed_at_us"),
        sa.CheckConstraint(_ROLES, name="user_role"),
    )


def _create_sessions() -> None:
    op.create_table(
        "sessions",
        sa.Column("id", sa.String(), primary_key=True, nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(), nullable=False, unique=True),
        sa.Column(
            "user_id", sa.String(), sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False
        ),
        _integer("created_at_us"),
        _integer("last_seen_us"),
        _text("address"),
        _text("user_agent"),
    )
    op.create_index("ix_sessions_user_id", "sessions", ["user_id"])


def _create_tokens() -> None:
    op.create_table(
        "tokens",
        sa.Column("id", sa.String(), primary_key=True, nullable=False),
        _text("name"),
        sa.Column("name_key", sa.String(), nullable=False, unique=True),
        sa.Column("secret_hash", sa.LargeBinary(), nullable=False, unique=True),
        _text("role"),
        sa.Column("cameras", sa.JSON(none_as_null=True)),
        sa.Column("live_only", sa.Boolean(), nullable=False),
        sa.Column("expires_at_us", sa.Integer()),
        _integer("created_at_us"),
        _text("created_by"),
        sa.Column("last_used_us", sa.Integer()),
        sa.CheckConstraint(_ROLES, name="token_role"),
    )


def _create_audit() -> None:
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer(), primary_key=True),
        _integer("at_us"),
        _text("who_kind"),
        sa.Column("who_id", sa.String()),
        _text("who_name"),
        _text("action"),
        _text("object_kind"),
        sa.Column("object_id", sa.String()),
        _text("detail"),
        _text("address"),
        sqlite_autoincrement=True,
    )
    op.create_index("audit_by_time", "audit", ["at_us"])
    for change in ("UPDATE", "DELETE"):
        op.execute(_APPEND_ONLY.format(change=change))


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.String(), nullable=False)


def _integer(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), nullable=False)
