"""Compares a column with a list of ids that is one bound value. Runs no statement.

SQLAlchemy writes a statement with IN anew for each list, and the database prepares it anew. Here the text
stays the same: on SQLite the list is JSON, on PostgreSQL an array.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Dialect, Text, bindparam
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator, TypeEngine
from sqlmodel.sql.sqltypes import UTCDateTime


class _IdList(TypeDecorator[Collection[int]]):
    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(ARRAY(BigInteger))
        return dialect.type_descriptor(Text())

    def process_bind_param(self, value: Collection[int] | None, dialect: Dialect) -> Any:
        if dialect.name == "postgresql":
            return list(value or ())
        return f"[{','.join(map(str, value or ()))}]"


class _OneOf(FunctionElement[Any]):
    name = "one_of"
    inherit_cache = True


@compiles(_OneOf)
def _in_json(element: _OneOf, compiler: SQLCompiler, **how: Any) -> str:
    return f"IN (SELECT value FROM json_each({compiler.process(element.clauses, **how)}))"  # noqa: S608 - no text of others


@compiles(_OneOf, "postgresql")
def _in_array(element: _OneOf, compiler: SQLCompiler, **how: Any) -> str:
    return f"= ANY ({compiler.process(element.clauses, **how)})"


def among(column: ColumnElement[int], name: str = "ids") -> ColumnElement[bool]:
    """Whether the column is one of the ids that are bound to `name` (any collection)."""
    # The operator stands in the right side, since it differs by dialect.
    return column.op("", is_comparison=True)(_OneOf(bindparam(name, type_=_IdList())))


class CachedDateTime(UTCDateTime):
    """Instants of which a result has the same many times: each is read once. For SELECT alone."""

    cache_ok = True

    def result_processor(self, dialect: Dialect, coltype: object) -> Any:
        process = super().result_processor(dialect, coltype)
        return lru_cache(maxsize=1024)(process) if process and dialect.name == "sqlite" else process
