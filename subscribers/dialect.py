"""What differs by database: the INSERT that knows what to do when the row is there already."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Table


def insert_for(connection: Connection, table: Table) -> Any:
    """The database's own INSERT, with ON CONFLICT; both spell it alike."""
    if connection.dialect.name == "sqlite":
        from sqlalchemy.dialects.sqlite import insert
    else:
        from sqlalchemy.dialects.postgresql import insert  # type: ignore[assignment]
    return insert(table)


def insert_unless_there(connection: Connection, table: Table, *, unique: str) -> Any:
    """An INSERT that does nothing for a row whose `unique` column is taken."""
    return insert_for(connection, table).on_conflict_do_nothing(index_elements=[unique])
