"""Alembic's entry: runs the steps on the connection that `newsletter.db.migrate` hands over.

Opens nothing itself, and has no offline mode.
"""

from __future__ import annotations

from alembic import context
from sqlmodel import SQLModel

from newsletter.db import tables  # noqa: F401  (importing registers the tables)
from subscribers import tables as subscribers_tables  # noqa: F401

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=SQLModel.metadata,
    transactional_ddl=True,  # our SQLite transactions are real ones: a migration happens whole or not at all
    render_as_batch=True,  # SQLite alters a table by copying it
)
with context.begin_transaction():
    context.run_migrations()
