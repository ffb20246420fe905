"""Reads and writes what is stored of sources: when to fetch, how it went, and what they brought.

It fetches nothing (`newsletter.pipeline.intake.fetch` does) and judges nothing (`newsletter.core.papers`).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, delete, func, select

from newsletter.core.papers.source_health import SourceBatch, SourceHealth, judge
from newsletter.core.states import DumpStatus
from newsletter.db.engine import dialect_insert
from newsletter.db.schema import dumps, listed_entries, sources

KEPT_BATCHES = 90  # of a source, that its habits are learned from


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSource:
    """A source as it is stored; a new one has only a name."""

    name: str
    next_fetch_at: datetime | None = None
    fetched_on: date | None = None
    fetched_at: datetime | None = None
    url: str | None = None  # of the latest answer, to which the validators belong
    etag: str | None = None
    last_modified: str | None = None
    failures: int = 0
    error: str = ""


def stored(connection: Connection) -> dict[str, StoredSource]:
    """Every source that was fetched or tried, by name."""
    names = [each.name for each in fields(StoredSource)]
    return {
        row.name: StoredSource(**{name: getattr(row, name) for name in names})
        for row in connection.execute(select(sources))
    }


def save(connection: Connection, source: StoredSource) -> None:
    """Store a source in place of its earlier state."""
    values = {each.name: getattr(source, each.name) for each in fields(StoredSource)}
    upsert = dialect_insert(connection)(sources)
    changed: dict[str, Any] = {name: value for name, value in values.items() if name != "name"}
    connection.execute(upsert.on_conflict_do_update(index_elements=["name"], set_=changed), values)


def batches(connection: Connection) -> dict[str, list[SourceBatch]]:
    """The latest ingested dumps of each source, the oldest first.

    A dump that a person or the inbox brought counts for its format, since such files come from one place too.
    """
    source = func.coalesce(dumps.c.source, dumps.c.format)
    place = func.row_number().over(partition_by=source, order_by=dumps.c.id.desc()).label("place")
    latest = (
        select(
            source.label("source"),
            place,
            *(dumps.c[name] for name in ("id", "received_at", "listed_on", "entries", "new")),
            *(dumps.c[name] for name in ("unread_lines", "nonblank_lines")),
        )
        .where(dumps.c.status == DumpStatus.INGESTED, ~dumps.c.backfill)
        .subquery()
    )
    chosen = select(latest).where(latest.c.place <= KEPT_BATCHES).order_by(latest.c.id)
    found: dict[str, list[SourceBatch]] = {}
    for row in connection.execute(chosen).all():
        is_latest_without_news = row.place == 1 and row.entries and not row.new
        batch = SourceBatch(
            received_at=row.received_at,
            listed_on=row.listed_on,
            entries=row.entries,
            new=row.new,
            unseen=_unseen(connection, row.id, row.source) if is_latest_without_news else 0,
            unread_share=row.unread_lines / row.nonblank_lines if row.nonblank_lines else 0.0,
        )
        found.setdefault(row.source, []).append(batch)
    return found


def _unseen(connection: Connection, dump_id: int, source: str) -> int:
    """How many papers of a dump no earlier dump of its source listed."""
    before = listed_entries.alias("before")
    earlier = (
        select(before.c.dump_id)
        .join(dumps, dumps.c.id == before.c.dump_id)
        .where(
            before.c.paper_id == listed_entries.c.paper_id,
            before.c.dump_id < dump_id,
            dumps.c.status == DumpStatus.INGESTED,
            func.coalesce(dumps.c.source, dumps.c.format) == source,
        )
    )
    chosen = select(func.count(listed_entries.c.paper_id.distinct())).where(
        listed_entries.c.dump_id == dump_id, ~earlier.exists()
    )
    return connection.execute(chosen).scalar_one()


def healths(connection: Connection, *, now: datetime) -> dict[str, SourceHealth]:
    """The health of each source that was fetched or brought a dump, by name."""
    known, brought = stored(connection), batches(connection)
    found: dict[str, SourceHealth] = {}
    for name in dict.fromkeys((*known, *brought)):
        fetched = known.get(name, StoredSource(name=name))
        found[name] = judge(brought.get(name, ()), now=now, failures=fetched.failures, error=fetched.error)
    return found


def forget_others(connection: Connection, names: Collection[str]) -> None:
    """Forget sources that are no longer configured. names: those that are."""
    connection.execute(delete(sources).where(sources.c.name.not_in(names)))


def unfetched(names: Sequence[str], known: dict[str, StoredSource], *, now: datetime) -> list[str]:
    """The sources of these names whose time has come."""
    return [
        name for name in names if name not in known or (at := known[name].next_fetch_at) is None or at <= now
    ]
