"""Builds SQL that differs by database: INSERT with ON CONFLICT, and the day of an instant. Runs nothing."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, String, Table, cast, func, literal_column


def insert_for(connection: Connection, table: Table) -> Any:
    """The INSERT of this dialect, which has ON CONFLICT."""
    if connection.dialect.name == "sqlite":
        from sqlalchemy.dialects.sqlite import insert
    else:
        from sqlalchemy.dialects.postgresql import insert  # type: ignore[assignment]
    return insert(table)


def insert_unless_there(connection: Connection, table: Table, *, unique: str) -> Any:
    """An INSERT that skips rows whose value in the column `unique` exists."""
    return insert_for(connection, table).on_conflict_do_nothing(index_elements=[unique])


def utc_day(instant: Any) -> ColumnElement[str]:
    """The UTC day of an instant as ISO 8601 text."""
    # No parameters: with them PostgreSQL does not recognise the same expression in GROUP BY.
    return func.substr(cast(instant, String), literal_column("1"), literal_column("10"), type_=String())
