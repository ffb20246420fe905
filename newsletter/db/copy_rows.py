"""Writes many rows into one table of PostgreSQL by COPY, its fastest way. Opens no transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError


def copy_rows(
    connection: Connection, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]
) -> None:
    """Insert rows, whose values are in the order of `columns` and of types that the driver knows.

    Raises what SQLAlchemy raises for an INSERT.
    """
    quote = connection.dialect.identifier_preparer.quote
    statement = f"COPY {quote(table)} ({', '.join(map(quote, columns))}) FROM STDIN"
    errors: Any = connection.dialect.loaded_dbapi
    cursor = connection.connection.cursor()
    try:
        with cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)
    except errors.Error as error:
        raise DBAPIError.instance(
            statement, None, error, errors.Error, hide_parameters=True, dialect=connection.dialect
        ) from error
    finally:
        cursor.close()
