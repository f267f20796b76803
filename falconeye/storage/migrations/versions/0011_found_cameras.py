"""USB and ONVIF cameras: what they stay themselves by, and what is wanted of them.

And found cameras that nobody wants to be told of.
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_COLUMNS = (
    "device_identity", "pixel_format", "overlay", "device_controls", "endpoint_reference",
    "mac_address", "onvif_url",
)  # fmt: skip
_KEY = "'usb:' || coalesce(node_name, '') || ':'"


def upgrade() -> None:
    for column in (
        sa.Column("device_identity", sa.String()),
        sa.Column("pixel_format", sa.String()),
        sa.Column("overlay", sa.String(), nullable=False, server_default=sa.text("'none'")),
        sa.Column("device_controls", sa.JSON(), nullable=False, server_default=sa.text("'{}'")),
        sa.Column("endpoint_reference", sa.String()),
        sa.Column("mac_address", sa.String()),
        sa.Column("onvif_url", sa.String()),
    ):
        op.add_column("cameras", column)
    # Of cameras that went back with their database and come again: the key holds it.
    op.execute(
        f"UPDATE cameras SET device_identity = substr(address_key, length({_KEY}) + 1) "  # noqa: S608 - our own words
        f"WHERE protocol = 'usb' AND substr(address_key, 1, length({_KEY})) = {_KEY}"
    )
    op.create_table(
        "ignored_candidates",
        sa.Column("id", sa.String(), primary_key=True, nullable=False),
        sa.Column("ignored_at_us", sa.Integer(), nullable=False),
    )


def downgrade() -> None:
    # The releases before know no USB cameras: they keep their footage, and are off.
    op.execute("UPDATE cameras SET started = 0 WHERE protocol = 'usb'")
    op.drop_table("ignored_candidates")
    for column in reversed(_COLUMNS):
        op.drop_column("cameras", column)
