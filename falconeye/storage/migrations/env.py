"""Alembic's entry: runs the revisions on the connection that `schema.py` hands over."""

from alembic import context

from falconeye.storage.tables.node import METADATA  # `schema.py` has gathered all tables in it

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
