"""Alembic's entry: runs the revisions on the connection that `schema.py` hands over."""

from alembic import context

from falconeye.storage import (  # their tables join METADATA
    ledger_tables,  # noqa: F401
    segment_tables,  # noqa: F401
)
from falconeye.storage.tables import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
