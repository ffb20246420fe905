"""Commits on PostgreSQL without standing still: other work goes on while the server's disk writes.

The commit is as durable as any: nothing that hangs on it may be done before `commit` returns.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError


def commit(connection: Connection, meanwhile: Callable[[], object]) -> None:
    """Commit the open transaction; `meanwhile` is called again and again until the server has answered.

    It must return within milliseconds, and must not use the connection. SQLAlchemy's own commit that follows
    finds nothing to do. On SQLite, and when `meanwhile` raises, that one commits or rolls back.
    """
    if connection.dialect.name != "postgresql":
        return
    import psycopg
    from psycopg import pq

    server: Any = connection.connection.dbapi_connection.pgconn  # type: ignore[union-attr]
    try:
        server.send_query(b"COMMIT")
        while server.flush():
            meanwhile()
        server.consume_input()
        while server.is_busy():
            meanwhile()
            server.consume_input()
        while (result := server.get_result()) is not None:
            if result.status == pq.ExecStatus.FATAL_ERROR:
                raise psycopg.errors.error_from_result(result)
    except psycopg.Error as error:
        raise DBAPIError.instance(
            "COMMIT", None, error, psycopg.Error, hide_parameters=True, dialect=connection.dialect
        ) from error
