"""Run by alembic, with the connection that index/database.py opened."""

from __future__ import annotations

from alembic import context

from index.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    # One transaction round all steps, also on SQLite: index/database.py has begun it.
    transactional_ddl=True,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
