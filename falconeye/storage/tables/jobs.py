"""The table of jobs: work that takes longer than a request. Read as Core rows."""

from sqlalchemy import JSON, BigInteger, Column, Index, Integer, Table, Text
from sqlmodel import SQLModel

jobs = Table(
    "jobs",
    SQLModel.metadata,
    Column("id", Text, primary_key=True),  # UUID
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False),  # `job_store.JobState`
    Column("camera_id", Text, nullable=False),
    Column("owner_kind", Text, nullable=False),  # user | token
    Column("owner_id", Text, nullable=False),
    Column("owner_name", Text, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("started_us", BigInteger),
    Column("ended_us", BigInteger),
    Column("attempts", Integer, nullable=False),
    Column("request", JSON, nullable=False),  # what is to be done, as its kind knows it
    Column("result", JSON(none_as_null=True)),  # what came of it
    Column("error", Text),  # in words
    Index("jobs_by_time", "created_us"),
)
