"""Runs the migrations for Alembic, on the connection of `newsletter.db.migrate`.

Opens no connection, and has no offline mode.
"""

from __future__ import annotations

from alembic import context
from sqlmodel import SQLModel

from newsletter.db import tables  # noqa: F401  (importing registers the tables)
from subscribers import tables as subscribers_tables  # noqa: F401

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=SQLModel.metadata,
    transactional_ddl=True,  # SQLite transactions include DDL: a migration applies wholly or not at all
    render_as_batch=True,  # SQLite alters a table by copying it
)
with context.begin_transaction():
    context.run_migrations()
