"""Makes the engine's tables, and clears away what dead workers left in them. Touches no other table.

They lie in a schema of their own whose name changes with their shape: workers of two versions of the engine
do not meet. Nothing in them is needed: a backup leaves them out.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Any

from procrastinate.schema import SchemaManager
from sqlalchemy import Engine, event, text

from newsletter.db.engine import take_lock, writing

PREFIX = "newsletter_jobs_"
MAKING_LOCK = 0x6E657776  # advisory lock of PostgreSQL: one worker makes the tables
SILENT = 60  # seconds without a heartbeat, after which a worker of the engine is dead


def schema_name() -> str:
    """The schema of the engine's tables."""
    return PREFIX + hashlib.sha256(SchemaManager.get_schema().encode()).hexdigest()[:8]


def make_tables(engine: Engine) -> None:
    """Make the tables unless they are there. Raises StorageError when the role may not make a schema."""
    name = schema_name()
    with writing(engine) as connection:
        take_lock(connection, MAKING_LOCK)
        found = text("SELECT to_regclass(:table) IS NOT NULL")
        if connection.execute(found, {"table": f"{name}.procrastinate_jobs"}).scalar_one():
            return
        raw = connection.connection.dbapi_connection
        assert raw is not None
        raw.cursor().execute(f"CREATE SCHEMA IF NOT EXISTS {name}; SET LOCAL search_path TO {name}")
        raw.cursor().execute(SchemaManager.get_schema())


def see_tables(engine: Engine) -> None:
    """Let the connections that `engine` (of SQLAlchemy) opens from now on find the engine's tables, too."""
    event.listen(engine, "connect", _extend_path)


def _extend_path(connection: Any, _record: object) -> None:
    connection.execute(search_path())
    connection.commit()


def search_path() -> str:
    """The statement that lets a connection find the engine's tables."""
    return f'SET search_path TO "$user", public, {schema_name()}'


def clear_away(engine: Engine) -> int:
    """Delete jobs that ended, and those of dead workers; returns how many. What is due is deferred again."""
    with writing(engine) as connection:
        return connection.execute(_CLEAR_AWAY, {"silent": timedelta(seconds=SILENT)}).rowcount


_CLEAR_AWAY = text("""
DELETE FROM procrastinate_jobs
WHERE status NOT IN ('todo', 'doing') OR (status = 'doing' AND (worker_id IS NULL OR worker_id IN (
  SELECT id FROM procrastinate_workers WHERE last_heartbeat < now() - cast(:silent AS interval))))
""")
