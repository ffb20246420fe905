"""Marks a database that is moved to another one: it takes no write from then on, whoever tries.

Triggers hold it, so that also programs that are running, or of an older version, write nothing. It copies
nothing: `newsletter.ops.database_move` does.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from sqlalchemy import Connection, column, inspect, select, table, text

from newsletter.core.errors import DatabaseMovedError
from newsletter.db.engine import MOVES

MARK = "database_move"  # the table of the mark: at most one row, and no table at all without a move
_PREFIX = "database_move_holds"
_EVENTS = ("INSERT", "UPDATE", "DELETE")
_MARK = table(MARK, *(column(name) for name in ("move", "state", "other", "begun_at")))


class MoveState(StrEnum):
    """What a marked database is."""

    LEAVING = "leaving"  # the old one, while it is copied
    LEFT = "left"  # the old one, after that
    FILLING = "filling"  # the new one, not whole yet
    GIVEN_UP = "given up"  # the new one, after the way back


class MoveMark(NamedTuple):
    """The mark of a database."""

    move: str  # the same on both sides
    state: str
    other: str  # the URL of the other database, without its password
    begun_at: str  # ISO 8601


def read_mark(connection: Connection) -> MoveMark | None:
    """The mark; None for a database that does not move."""
    if not inspect(connection).has_table(MARK):
        return None
    row = connection.execute(select(_MARK)).first()
    return MoveMark(*row) if row is not None else None


def write_mark(
    connection: Connection, state: MoveState, *, move: str = "", other: str = "", now: datetime
) -> None:
    """Mark a database. An earlier mark changes its state only."""
    if read_mark(connection) is None:
        connection.execute(
            text(
                f"CREATE TABLE IF NOT EXISTS {MARK} (move VARCHAR NOT NULL, state VARCHAR NOT NULL, "
                "other VARCHAR NOT NULL, begun_at VARCHAR NOT NULL)"
            )
        )
        row = {"move": move, "state": state.value, "other": other, "begun_at": now.isoformat()}
        connection.execute(_MARK.insert(), row)
    else:
        connection.execute(_MARK.update().values(state=state.value))


def remove_mark(connection: Connection) -> None:
    """Make it a database like any other."""
    connection.execute(text(f"DROP TABLE IF EXISTS {MARK}"))


def check_no_move(connection: Connection) -> None:
    """Raise DatabaseMovedError for a database that moves or has moved."""
    mark = read_mark(connection)
    if mark is None:
        return
    again = "Run the same `newsletter migrate --from … --to …` again: it goes on where it stopped."
    words = {
        MoveState.LEAVING: (f"{MOVES}: {mark.other}", again),
        MoveState.LEFT: (
            f"this newsletter moved to {mark.other}",
            "Set database_url to that database; nothing is sent from here any more. "
            "The way back is in docs/how-to/move-to-postgresql.md.",
        ),
        MoveState.FILLING: (f"this database is not whole: it is being filled from {mark.other}", again),
        MoveState.GIVEN_UP: (
            f"this database was given up: the newsletter is in {mark.other} again",
            "Set database_url to that database, and drop this one.",
        ),
    }
    message, hint = words[MoveState(mark.state)]
    raise DatabaseMovedError(message, hint=hint)


def hold(connection: Connection, names: Iterable[str]) -> None:
    """Refuse every write to these tables from the end of this transaction on. Held ones stay held.

    On PostgreSQL it waits for the transactions that write to them now.
    """
    names = sorted(names)
    release(connection, names)
    quote = connection.dialect.identifier_preparer.quote
    if connection.dialect.name == "sqlite":
        for name in names:
            for event in _EVENTS:
                connection.exec_driver_sql(
                    f"CREATE TRIGGER {quote(f'{_PREFIX}_{event.lower()}_{name}')} BEFORE {event} "
                    f"ON {quote(name)} BEGIN SELECT RAISE(ABORT, '{MOVES}'); END"
                )
        return
    connection.exec_driver_sql(
        f"CREATE OR REPLACE FUNCTION {_PREFIX}() RETURNS trigger LANGUAGE plpgsql "
        f"AS $$ BEGIN RAISE EXCEPTION '{MOVES}'; END $$"
    )
    for name in names:
        connection.exec_driver_sql(
            f"CREATE TRIGGER {_PREFIX} BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON {quote(name)} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION {_PREFIX}()"
        )


def lock_out_writers(connection: Connection, names: Iterable[str]) -> None:
    """Wait until nobody writes to these tables, and let nobody begin before this transaction ends."""
    if connection.dialect.name == "postgresql":
        quote = connection.dialect.identifier_preparer.quote
        listed = ", ".join(quote(name) for name in sorted(names))
        connection.exec_driver_sql(f"LOCK TABLE {listed} IN SHARE ROW EXCLUSIVE MODE")


def release(connection: Connection, names: Iterable[str]) -> None:
    """Let these tables be written again."""
    quote = connection.dialect.identifier_preparer.quote
    for name in names:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {_PREFIX} ON {quote(name)}")
        else:
            for event in _EVENTS:
                connection.exec_driver_sql(
                    f"DROP TRIGGER IF EXISTS {quote(f'{_PREFIX}_{event.lower()}_{name}')}"
                )
