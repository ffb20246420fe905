"""Finds, lists and writes the rows of dumps.

It opens no file (`newsletter.papers.dump_archive` does) and changes no paper.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime
from pathlib import PurePath
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, or_, select, update

from newsletter.core.errors import NotFoundError
from newsletter.core.papers.listing import Unread
from newsletter.db.schema import dumps, quarantined_records

SHORTEST_PREFIX = 4  # hex digits of a hash; fewer would match by chance


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredDump:
    """One dump as it is stored."""

    id: int
    sha256: str
    file: str  # the name it came under
    size: int  # bytes
    status: str  # core.states.DumpStatus
    format: str | None
    listed_on: date | None
    listed_on_from: str | None  # option, known-papers, filename, contents, clock
    listed_on_option: date | None  # the date that the admin gave
    received_at: datetime
    ingested_at: datetime | None
    backfill: bool
    entries: int
    new: int
    known: int
    revised: int
    nonblank_lines: int
    unread_lines: int
    error: str | None  # why it is held
    source: str | None  # the configured source that brought it

    @classmethod
    def from_row(cls, row: Row[Any]) -> StoredDump:
        """The value of a whole row of the table."""
        return cls(**{each.name: getattr(row, each.name) for each in fields(cls)})

    def as_json(self) -> dict[str, Any]:
        """The row that `dumps list` prints."""
        return {
            "file": self.file,
            "sha256": self.sha256,
            "status": self.status,
            "format": self.format,
            "listed_on": self.listed_on.isoformat() if self.listed_on else None,
            "listed_on_from": self.listed_on_from,
            "entries": self.entries,
            "new": self.new,
            "known": self.known,
            "revised": self.revised,
            "backfill": self.backfill,
            "received_at": self.received_at.isoformat(),
            "ingested_at": self.ingested_at.isoformat() if self.ingested_at else None,
            "size": self.size,
            "unread_lines": self.unread_lines,
            "error": self.error,
        }


def by_hash(connection: Connection, sha256: str) -> StoredDump | None:
    """The dump with that hash, if its bytes came before."""
    row = connection.execute(select(dumps).where(dumps.c.sha256 == sha256)).first()
    return StoredDump.from_row(row) if row else None


def all_dumps(connection: Connection) -> list[StoredDump]:
    """Every dump, in the order in which they came."""
    return [StoredDump.from_row(row) for row in connection.execute(select(dumps).order_by(dumps.c.id))]


def find(connection: Connection, name: str) -> StoredDump:
    """The dump with that file name (its folders do not count), or with a SHA-256 that begins so.

    Raises NotFoundError when there is none, or more than one.
    """
    fits = dumps.c.file == PurePath(name).name
    prefix = name.strip().lower()
    if len(prefix) >= SHORTEST_PREFIX and set(prefix) <= set("0123456789abcdef"):
        fits = or_(fits, dumps.c.sha256.startswith(prefix))
    rows = connection.execute(select(dumps).where(fits).order_by(dumps.c.id)).all()
    if not rows:
        raise NotFoundError(
            f"there is no dump {name!r}",
            hint="`newsletter dumps list` shows them; name a file, or the beginning of its SHA-256.",
        )
    if len(rows) > 1:
        hashes = ", ".join(row.sha256[:12] for row in rows)
        raise NotFoundError(
            f"{name!r} may mean {len(rows)} dumps", hint=f"Name one by its SHA-256: {hashes}."
        )
    return StoredDump.from_row(rows[0])


def add(connection: Connection, values: Mapping[str, Any]) -> int:
    """Store a dump; returns its id."""
    return int(connection.execute(insert(dumps).returning(dumps.c.id), dict(values)).scalar_one())


def change(connection: Connection, dump_id: int, **values: Any) -> None:
    """Set columns of a dump."""
    connection.execute(update(dumps).where(dumps.c.id == dump_id).values(**values))


def quarantine(connection: Connection, dump_id: int, unread: Iterable[Unread]) -> None:
    """Store the unread lines of a dump in place of those stored before."""
    connection.execute(delete(quarantined_records).where(quarantined_records.c.dump_id == dump_id))
    rows = [
        {"dump_id": dump_id, "line": item.line, "reason": item.reason, "text": item.text} for item in unread
    ]
    if rows:
        connection.execute(insert(quarantined_records), rows)


def quarantined(connection: Connection, dump_id: int) -> list[dict[str, Any]]:
    """The unread lines of a dump: line, reason, text."""
    chosen = (
        select(quarantined_records.c.line, quarantined_records.c.reason, quarantined_records.c.text)
        .where(quarantined_records.c.dump_id == dump_id)
        .order_by(quarantined_records.c.line, quarantined_records.c.id)
    )
    return [dict(row._mapping) for row in connection.execute(chosen)]
