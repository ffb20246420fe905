"""Reads and writes the rows of a table for a move, and computes checksums. Opens no transaction.

A checksum adds up the hashes of all rows: databases sort texts differently, so the order must not count. The
form that is hashed is Python's `repr` of a row's typed values: numbers, texts, bytes, dates, instants in UTC.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, bindparam, cast, func, insert, select, text, update
from sqlalchemy.types import Text

from newsletter.core.errors import StorageError, UnstorableError
from newsletter.db.copy_rows import copy_rows
from newsletter.ops.database_move.plan import Copied

PAGE = 1_000  # rows of one transaction, and those in memory
_DIGEST = 16  # bytes of a row's hash


class TableSum(NamedTuple):
    """What a side holds of a table."""

    rows: int
    checksum: str  # hex


@contextmanager
def reading_all(connection: Connection, copied: Copied) -> Iterator[Iterator[Sequence[Any]]]:
    """Pages of all rows, in no order; memory holds one of them."""
    statement = select(*_columns(copied)).execution_options(stream_results=True, yield_per=PAGE)
    with connection.execute(statement) as streamed:
        yield streamed.partitions(PAGE)


def page_after(connection: Connection, copied: Copied, after: int) -> Sequence[Any]:
    """The next rows behind that number."""
    key = copied.plain.c[str(copied.number)]
    return connection.execute(select(*_columns(copied)).where(key > after).order_by(key).limit(PAGE)).all()


def _columns(copied: Copied) -> list[ColumnElement[Any]]:
    return [cast(column, Text) if column.name in copied.json else column for column in copied.plain.columns]


def write(connection: Connection, copied: Copied, rows: Sequence[Any]) -> None:
    """Insert rows; what refers to rows of the same table comes by `link`. Raises UnstorableError."""
    if copied.references:
        places = [n for n, column in enumerate(copied.plain.columns) if column.name in copied.references]
        rows = [tuple(None if n in places else value for n, value in enumerate(row)) for row in rows]
    names = [column.name for column in copied.plain.columns]
    if connection.dialect.name == "postgresql":
        _check_storable(copied.name, names, rows)
        copy_rows(connection, copied.name, names, rows)
    else:
        connection.execute(insert(copied.plain), [dict(zip(names, row, strict=True)) for row in rows])


def link(source: Connection, target: Connection, copied: Copied) -> None:
    """Write the references between rows of the same table, once all of them are there."""
    for name in sorted(copied.references):
        column, key = copied.plain.c[name], copied.plain.c[str(copied.number)]
        pairs = source.execute(select(key, column).where(column.is_not(None)).order_by(key)).all()
        if pairs:
            target.execute(
                update(copied.plain).where(key == bindparam("b_key")).values({name: bindparam("b_other")}),
                [{"b_key": row[0], "b_other": row[1]} for row in pairs],
            )


def last_number(connection: Connection, copied: Copied) -> int | None:
    """The highest number that the table holds."""
    found: int | None = connection.execute(select(func.max(copied.plain.c[str(copied.number)]))).scalar()
    return found


def count(connection: Connection, copied: Copied) -> int:
    """How many rows the table holds."""
    return int(connection.execute(select(func.count()).select_from(copied.plain)).scalar_one())


def checksum(connection: Connection, copied: Copied) -> TableSum:
    """The number of rows and their checksum."""
    rows, total = 0, 0
    with reading_all(connection, copied) as pages:
        for page in pages:
            rows += len(page)
            for row in page:
                # A JSON text that is a bare number is a number to SQLite.
                form = repr(tuple(row) if not copied.json else _as_text(copied, row))
                total += int.from_bytes(blake2b(form.encode(), digest_size=_DIGEST).digest())
    return TableSum(rows, f"{total % (1 << 8 * _DIGEST):032x}")


def _as_text(copied: Copied, row: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(
        str(value) if value is not None and column.name in copied.json else value
        for column, value in zip(copied.plain.columns, row, strict=True)
    )


def set_sequence(connection: Connection, copied: Copied) -> None:
    """Let PostgreSQL give the next row the number behind the highest. SQLite does so by itself."""
    if connection.dialect.name != "postgresql" or copied.number is None:
        return
    names = {"table": copied.name, "column": copied.number}
    sequence = connection.execute(text("SELECT pg_get_serial_sequence(:table, :column)"), names).scalar()
    highest = last_number(connection, copied)
    if sequence is not None and highest is not None:
        connection.execute(text("SELECT setval(:sequence, :n)"), {"sequence": sequence, "n": highest})


def _check_storable(table: str, names: Sequence[str], rows: Sequence[Any]) -> None:
    """SQLite keeps texts and numbers that PostgreSQL refuses: name the first of them."""
    for row in rows:
        for name, value in zip(names, row, strict=True):
            if isinstance(value, str) and "\0" in value:
                raise UnstorableError(
                    f"{table}.{name} of the row {row[0]!r} holds a NUL character",
                    hint="PostgreSQL stores none. Correct that row in the old database, and run this again.",
                )


def unstorable(table: str, error: StorageError) -> StorageError:
    """The error of a page, with its table."""
    return UnstorableError(
        f"a row of {table} does not fit: {error.message}",
        hint="Correct it in the old database; run this again.",
    )
