"""Runs one UPDATE for many rows as fast as the driver can. Chooses no statement and opens no transaction.

SQLAlchemy needs several times as long to convert the values of a row as SQLite needs to update it. For the
outcomes of deliveries that matters: their values go to the driver without conversion.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Update
from sqlalchemy.types import TypeEngine


class ManyRows:
    """An UPDATE whose bound values are all named in `shared` or in `own`; constants are literals.

    shared: values that are the same for all rows, with their types. own: the values of each row, of types
    that need no conversion (int, str, None).
    """

    def __init__(self, statement: Update, *, shared: dict[str, TypeEngine[Any]], own: Sequence[str]) -> None:
        self._statement = statement
        self._shared = shared
        self._names = (*shared, *own)
        self._compiled: dict[str, tuple[str, Sequence[str] | None]] = {}  # by dialect: SQL, order of values

    def run(self, connection: Connection, shared: Sequence[Any], rows: Sequence[tuple[Any, ...]]) -> int:
        """Update the rows (values in the order of `own`); returns how many rows were updated."""
        dialect = connection.dialect
        if dialect.name not in self._compiled:
            compiled = self._statement.compile(dialect=dialect)
            self._compiled[dialect.name] = (str(compiled), compiled.positiontup)
        sql, order = self._compiled[dialect.name]
        processors = [type_.dialect_impl(dialect).bind_processor(dialect) for type_ in self._shared.values()]
        head = tuple(
            [process(value) if process else value for process, value in zip(processors, shared, strict=True)]
        )
        whole = [head + row for row in rows]
        values: Any
        if order is None:  # the driver takes values by name
            values = [dict(zip(self._names, row, strict=True)) for row in whole]
        else:
            values = list(map(itemgetter(*[self._names.index(name) for name in order]), whole))
        return connection.exec_driver_sql(sql, values).rowcount
