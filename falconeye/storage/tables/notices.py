"""The table of notices: what should have recorded and did not. Read as Core rows."""

from sqlalchemy import BigInteger, Column, Index, Table, Text
from sqlmodel import SQLModel

notices = Table(
    "notices",
    SQLModel.metadata,
    Column("id", Text, primary_key=True),  # UUID
    Column("camera_id", Text, nullable=False),
    Column("camera_name", Text, nullable=False),  # kept after the camera is deleted
    Column("since_us", BigInteger, nullable=False),
    Column("until_us", BigInteger),  # NULL: it lasts
    Column("reason", Text, nullable=False),  # `notice_store.Cause`
    Column("detail", Text, nullable=False),
    Column("sent_us", BigInteger),  # when its beginning had left the node; NULL: it did not
    Index("notices_by_time", "since_us"),
    sqlite_with_rowid=False,
)
