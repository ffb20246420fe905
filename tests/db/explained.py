"""Lets the database explain every statement that runs, and finds those that read a whole table."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Engine, event

# Tables with rows for each day, paper or message.
GROWING = frozenset(
    """deliveries digests digest_papers digest_maybes edition_papers edition_maybes papers paper_revisions
    paper_keys paper_bands paper_topics listed_entries reader_debts runs pieces inbound_messages
    inbound_recipients editions dumps consent_events""".split()  # noqa: SIM905
)
LARGE = frozenset({"deliveries"})  # also with a year of a few readers
_READS = re.compile(r"\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\b", re.IGNORECASE)
_ADDS = re.compile(r"\s*INSERT INTO \w+ \([^()]*\) VALUES", re.IGNORECASE)  # reads nothing
_ALIAS = re.compile(r"\b(\w+) AS (\w+)", re.IGNORECASE)


@dataclass(slots=True)
class Explained:
    """What ran."""

    statements: set[str] = field(default_factory=set)
    scans: dict[str, set[str]] = field(default_factory=dict)  # statement to what it reads as a whole


@contextmanager
def explaining(engine: Engine) -> Iterator[Explained]:
    """Explain each distinct statement that runs during the block, just before it runs."""
    explained = Explained()

    def explain(
        connection: Connection, cursor: Any, statement: str, parameters: Any, _context: Any, many: bool
    ) -> None:
        if (
            NEWEST_FIRST in statement
            or statement in explained.statements
            or not _READS.match(statement)
            or _ADDS.match(statement)
        ):
            return
        explained.statements.add(statement)
        one = parameters[0] if many and isinstance(parameters, list) else parameters
        own = cursor.connection.cursor()
        try:
            scans = _scans(own, connection.dialect.name, statement, one)
        finally:
            own.close()
        if scans:
            explained.scans[statement] = scans

    event.listen(engine, "before_cursor_execute", explain)
    try:
        yield explained
    finally:
        event.remove(engine, "before_cursor_execute", explain)


def _scans(cursor: Any, dialect: str, statement: str, parameters: Any) -> set[str]:
    if dialect == "sqlite":
        cursor.execute("EXPLAIN QUERY PLAN " + statement, parameters)
        names = {alias: table for table, alias in _ALIAS.findall(statement)}
        return set(_sqlite_scans([row[3] for row in cursor.fetchall()], names))
    # PostgreSQL reads a small table as a whole while it is small: with a year of a few readers, only the
    # table of messages is large enough to tell.
    return {scan for scan in _plan(cursor, statement, parameters) if scan.split()[0] in LARGE}


def _plan(cursor: Any, statement: str, parameters: Any) -> set[str]:
    cursor.execute("EXPLAIN (FORMAT JSON) " + statement, parameters)
    (plan,) = cursor.fetchone()
    plan = json.loads(plan) if isinstance(plan, str) else plan
    return set(_postgresql_scans(plan[0]["Plan"]))


def _sqlite_scans(steps: list[str], names: dict[str, str]) -> Iterator[str]:
    for step in steps:
        found = re.match(r"SCAN (\w+)( USING (?:COVERING )?INDEX (\w+))?", step)
        if found is None:
            continue
        name, _, index = found.groups()
        if names.get(name, name) in GROWING and index not in PARTIAL:
            yield f"{names.get(name, name)} ({step})"


def _postgresql_scans(node: dict[str, Any]) -> Iterator[str]:
    table = node.get("Relation Name")
    if table in GROWING:
        kind, index = node["Node Type"], node.get("Index Name")
        if kind == "Seq Scan" or (index and "Index Cond" not in node and index not in PARTIAL):
            yield f"{table} ({kind} {index or ''})"
    for part in node.get("Plans", ()):
        yield from _postgresql_scans(part)


NEWEST_FIRST = "ORDER BY editions.number DESC"  # with a limit: it ends at the first that fits
# Their rows are few whatever the tables hold: they may be read as a whole.
PARTIAL = frozenset(
    """ix_deliveries_waiting ix_deliveries_letters ix_deliveries_held_by ix_papers_news ix_papers_merged_into
    ix_edition_papers_dropped ix_reader_debts_open ix_paper_topics_admin
    ix_editions_held""".split()  # noqa: SIM905
)
