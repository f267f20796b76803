"""The table of saved walls: which cameras, in which order. Read as Core rows."""

from sqlalchemy import JSON, BigInteger, Boolean, Column, Integer, Table, Text, text
from sqlmodel import SQLModel

walls = Table(
    "walls",
    SQLModel.metadata,
    Column("id", Text, primary_key=True),  # UUID
    Column("name", Text, nullable=False),
    # The user who made it; NULL: a program did. No reference: another node's may come later.
    Column("owner_id", Text),
    Column("shared", Boolean, nullable=False),  # everybody sees it, else its owner alone
    Column("camera_ids", JSON, nullable=False),  # in order
    Column("hidden", JSON, nullable=False),  # ids of cameras that are not shown
    Column("size", Text, nullable=False, server_default=text("'auto'")),  # known_values.WALL_SIZES
    Column("takes_new", Boolean, nullable=False, server_default=text("1")),
    Column("cycle_s", Integer, nullable=False, server_default=text("0")),  # 0: it stands still
    Column("created_at_us", BigInteger, nullable=False),
)
