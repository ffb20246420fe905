"""Says which tables a move copies, and refuses databases that hold others. Copies nothing."""

from __future__ import annotations

from sqlalchemy import JSON, Column, Connection, Integer, MetaData, Table, Text, inspect, text
from sqlmodel import SQLModel

from newsletter.core.errors import StorageError
from newsletter.db import tables  # noqa: F401  (registers the tables)
from newsletter.db.migrate import READERS
from newsletter.db.move_marks import MARK
from newsletter.db.search_index import EDITION_INDEX, PAPER_INDEX
from subscribers import tables as subscribers_tables  # noqa: F401

# Made anew on the other side: the search index, whose form differs. The last two are made by the database.
OWN_TO_A_SIDE = (PAPER_INDEX, EDITION_INDEX)
_NO_ROWS_OF_OURS = ("alembic_version", READERS, MARK, "sqlite_sequence", "sqlite_stat1")


def declared_tables() -> list[Table]:
    """Every table of this version, each behind those that it refers to."""
    return list(SQLModel.metadata.sorted_tables)


def check_tables(connection: Connection) -> None:
    """Raise StorageError, with the names, when the database lacks a table or a column, or has others."""
    declared = {found.name: found for found in declared_tables()}
    there = inspect(connection)
    names = {
        name
        for name in there.get_table_names()
        if name not in _NO_ROWS_OF_OURS and not name.startswith(OWN_TO_A_SIDE)
    } - _partitions(connection)
    if strange := sorted(names - set(declared)):
        raise StorageError(
            f"the database holds tables of which this version knows nothing: {', '.join(strange)}",
            hint="Use the version that made them, or drop them when they are no part of the newsletter.",
        )
    if missing := sorted(set(declared) - names):
        raise StorageError(f"the database has no table {missing[0]}", hint="Run `newsletter migrate` first.")
    for name, found in declared.items():
        columns = {row["name"] for row in there.get_columns(name)}
        if odd := sorted(columns ^ set(found.c.keys())):
            raise StorageError(
                f"the table {name} differs from this version's in the column {odd[0]}",
                hint="Run `newsletter migrate` with this version first.",
            )


def _partitions(connection: Connection) -> set[str]:
    """Tables that are parts of another table."""
    if connection.dialect.name != "postgresql":
        return set()
    found = connection.execute(
        text("SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid")
    )
    return set(found.scalars())


class Copied:
    """One table as a move sees it: JSON as its text, so that both sides hold the same characters."""

    def __init__(self, declared: Table) -> None:
        self.declared = declared
        self.name = declared.name
        self.plain = Table(
            declared.name,
            MetaData(),
            *(
                Column(
                    column.name,
                    Text() if isinstance(column.type, JSON) else column.type,
                    primary_key=column.primary_key,
                )
                for column in declared.columns
            ),
        )
        self.json = frozenset(c.name for c in declared.columns if isinstance(c.type, JSON))
        keys = list(declared.primary_key.columns)
        whole = len(keys) == 1 and isinstance(keys[0].type, Integer)
        self.number = keys[0].name if whole else None  # the key by which it is copied in pages
        self.references = frozenset(  # columns that refer to rows of the same table, perhaps to later ones
            column.name
            for column in declared.columns
            for key in column.foreign_keys
            if key.column.table is declared
        )
