"""What several nodes share: versions of fields, members, owners of cameras.

Nodes that do not hear each other may each add a camera with one address, or a user with one name:
no key of a table refuses that any more. The triggers come with `index/replica_triggers.py`.
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

# SQLite gives unnamed keys no name by which they could be dropped.
_NAMES = {
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
}


def upgrade() -> None:
    with op.batch_alter_table("cameras", naming_convention=_NAMES) as cameras:
        cameras.drop_constraint("uq_cameras_address_key", type_="unique")
        cameras.add_column(sa.Column("owner_id", sa.String()))
        cameras.add_column(
            sa.Column("pinned", sa.Boolean(), nullable=False, server_default=sa.text("0"))
        )
    for table in ("users", "tokens"):
        with op.batch_alter_table(table, naming_convention=_NAMES) as named:
            named.drop_constraint(f"uq_{table}_name_key", type_="unique")
    with op.batch_alter_table("sessions", naming_convention=_NAMES) as sessions:
        sessions.drop_constraint("fk_sessions_user_id_users", type_="foreignkey")
        sessions.add_column(
            sa.Column("active_us", sa.Integer(), nullable=False, server_default=sa.text("0"))
        )
        sessions.add_column(
            sa.Column("password_us", sa.Integer(), nullable=False, server_default=sa.text("0"))
        )
    op.create_table(
        "members",
        sa.Column("id", sa.String(), primary_key=True, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("certificate", sa.String(), nullable=False),
        sa.Column("addresses", sa.JSON(), nullable=False),
        sa.Column("created_at_us", sa.Integer(), nullable=False),
    )
    _create_versions()


def _create_versions() -> None:
    op.create_table(
        "replica_fields",
        sa.Column("kind", sa.Text(), primary_key=True, nullable=False),
        sa.Column("id", sa.Text(), primary_key=True, nullable=False),
        sa.Column("field", sa.Text(), primary_key=True, nullable=False),
        sa.Column("counter", sa.BigInteger(), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("seen", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False, unique=True),
        sa.Column("value", sa.Text()),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "replica_state",
        sa.Column("one", sa.Integer(), primary_key=True, server_default=sa.text("1")),
        sa.Column("counter", sa.BigInteger(), nullable=False),
        sa.Column("next_seq", sa.BigInteger(), nullable=False),
        sa.Column("applying", sa.Integer(), nullable=False),
        sa.Column("incarnation", sa.Text(), nullable=False),
        sa.CheckConstraint("one = 1", name="one_replica"),
    )


def downgrade() -> None:
    """The release before knows one node alone, and lets nothing of one address or name be twice."""
    for table in ("replica_state", "replica_fields", "members"):
        op.drop_table(table)
    # It keeps such cameras: what has no key has no other with the same one.
    op.execute(
        "UPDATE cameras SET address_key = NULL WHERE EXISTS (SELECT 1 FROM cameras AS other "
        "WHERE other.address_key = cameras.address_key AND other.id < cameras.id)"
    )
    for table in ("users", "tokens"):
        op.execute(
            f"UPDATE {table} SET name_key = name_key || ' ' || id "  # noqa: S608 - our own names
            f"WHERE EXISTS (SELECT 1 FROM {table} AS other "
            f"WHERE other.name_key = {table}.name_key AND other.id < {table}.id)"
        )
    op.execute("DELETE FROM sessions WHERE user_id NOT IN (SELECT id FROM users)")
    with op.batch_alter_table("sessions", naming_convention=_NAMES) as sessions:
        sessions.drop_column("password_us")
        sessions.drop_column("active_us")
        sessions.create_foreign_key(
            "fk_sessions_user_id_users", "users", ["user_id"], ["id"], ondelete="CASCADE"
        )
    for table in ("tokens", "users"):
        with op.batch_alter_table(table, naming_convention=_NAMES) as named:
            named.create_unique_constraint(f"uq_{table}_name_key", ["name_key"])
    with op.batch_alter_table("cameras", naming_convention=_NAMES) as cameras:
        cameras.drop_column("pinned")
        cameras.drop_column("owner_id")
        cameras.create_unique_constraint("uq_cameras_address_key", ["address_key"])
