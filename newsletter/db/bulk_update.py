"""Runs one UPDATE for many rows as fast as the driver can. Chooses no statement and opens no transaction.

SQLAlchemy needs several times as long to convert the values of a row as SQLite needs to update it. For the
outcomes of deliveries that matters: their values go to the driver without conversion. PostgreSQL gets them as
arrays, in one statement: each statement of its own would cost it, and the driver, as much again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any

from sqlalchemy import ColumnElement, Connection, Update, bindparam, column, func
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeEngine

Build = Callable[[Mapping[str, ColumnElement[Any]]], Update]
Types = Mapping[str, TypeEngine[Any]]


class ManyRows:
    """An UPDATE whose values are named in `shared` or in `own`; constants are literals."""

    def __init__(self, build: Build, *, shared: Types, own: Types) -> None:
        """build: makes the statement from its values by name.

        shared: values that are the same for all rows. own: the values of each row, of types that need no
        conversion (int, str, None).
        """
        self._build = build
        self._shared = shared
        self._own = own
        self._compiled: dict[str, tuple[str, Sequence[str] | None]] = {}  # by dialect: SQL, order of values

    def run(self, connection: Connection, shared: Sequence[Any], rows: Sequence[tuple[Any, ...]]) -> int:
        """Update the rows (values in the order of `own`); returns how many rows were updated."""
        dialect = connection.dialect
        if dialect.name not in self._compiled:
            compiled = self._statement(dialect).compile(dialect=dialect)
            self._compiled[dialect.name] = (str(compiled), compiled.positiontup)
        sql, order = self._compiled[dialect.name]
        processors = [type_.dialect_impl(dialect).bind_processor(dialect) for type_ in self._shared.values()]
        head = tuple(
            [process(value) if process else value for process, value in zip(processors, shared, strict=True)]
        )
        if dialect.name == "postgresql":
            arrays = map(list, zip(*rows, strict=True))
            values = dict(zip((*self._shared, *self._own), (*head, *arrays), strict=True))
            return connection.exec_driver_sql(sql, values).rowcount
        assert order is not None  # SQLite's driver takes values by place
        names = (*self._shared, *self._own)
        chosen = itemgetter(*[names.index(name) for name in order])
        return connection.exec_driver_sql(sql, list(map(chosen, [head + row for row in rows]))).rowcount

    def _statement(self, dialect: Dialect) -> Update:
        shared = {name: bindparam(name, type_=type_) for name, type_ in self._shared.items()}
        if dialect.name != "postgresql":
            own = {name: bindparam(name, type_=type_) for name, type_ in self._own.items()}
            return self._build({**shared, **own})
        arrays = [bindparam(name, type_=ARRAY(type_)) for name, type_ in self._own.items()]
        columns = [column(name, type_) for name, type_ in self._own.items()]
        rows = func.unnest(*arrays).table_valued(*columns, name="own").render_derived()
        return self._build({**shared, **{name: rows.c[name] for name in self._own}})
