"""The table of join codes that are valid now."""

from sqlalchemy import BigInteger, Column, LargeBinary, Table
from sqlmodel import SQLModel

join_offers = Table(
    "join_offers",
    SQLModel.metadata,
    Column("secret_hash", LargeBinary, primary_key=True),  # SHA-256
    Column("expires_at_us", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
