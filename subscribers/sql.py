"""What differs by database: the INSERT that knows what to do when the row is there; days of instants."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, String, Table, cast, func, literal_column


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


def utc_day(instant: Any) -> ColumnElement[str]:
    """The day of an instant as ISO 8601 text, in UTC: how both databases print it, SQLite as it is stored."""
    # No parameters: PostgreSQL would not know the same expression again in GROUP BY.
    return func.substr(cast(instant, String), literal_column("1"), literal_column("10"), type_=String())
