"""Alembic's entry: runs the revisions on the connection that `schema.py` hands over."""

from alembic import context

from falconeye.storage import segment_tables
from falconeye.storage.tables import METADATA

# Every module that defines tables is imported, so that `alembic check` compares all of them.
_FOOTAGE = segment_tables.segments
context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
