"""Writes papers, their texts, keys and listings: one statement for each table, for any number of rows.

It decides nothing: `newsletter.core.papers` decides, and `newsletter.papers.reconcile` collects the changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from newsletter.core.papers.diff import PaperText, same_rendering
from newsletter.core.papers.listing import Entry, PartialDate
from newsletter.db.engine import dialect_insert
from newsletter.db.schema import listed_entries, paper_keys, paper_revisions, papers
from newsletter.db.search_index import INDEXED, index_papers
from newsletter.papers.lookup import BIBLIOGRAPHIC, StoredPaper, in_chunks


@dataclass(slots=True, kw_only=True)
class TouchedPaper:
    """A known paper that a listing changes."""

    paper: StoredPaper  # with its new values
    revisions: list[PaperText] = field(default_factory=list)  # newer texts, in order
    older: list[PaperText] = field(default_factory=list)  # texts of older listings: history only
    filled: bool = False  # the current text was completed in place
    is_news: bool = False  # no ingested dump listed it before: it is news again


def printed_text(printed: PartialDate | None) -> str | None:
    """A printed date as it is stored: 2024-04-10, or 04-10 without a year."""
    if printed is None:
        return None
    day = f"{printed.month:02}-{printed.day:02}"
    return f"{printed.year:04}-{day}" if printed.year is not None else day


def read_printed(text: str) -> PartialDate:
    """The reverse of `printed_text`."""
    *year, month, day = text.split("-")
    return PartialDate(month=int(month), day=int(day), year=int(year[0]) if year else None)


def add_papers(
    connection: Connection, found: Sequence[StoredPaper], *, backfill: bool, now: datetime
) -> dict[int, int]:
    """Store new papers with their first texts; returns their ids by provisional id."""
    rows = []
    for paper in found:
        assert paper.first_listing is not None
        rows.append(
            _columns(paper)
            | _first_listing(paper)
            | {"backfill": backfill or paper.backfill, "ingested_at": now}
        )
    if not rows:
        return {}
    returned = connection.execute(insert(papers).returning(papers.c.id, papers.c.first_position), rows)
    ids = {position: paper_id for paper_id, position in returned}
    real = {paper.id: ids[paper.first_listing[2]] for paper in found if paper.first_listing}
    texts = [
        {
            "paper_id": real[paper.id],
            "number": 1,
            "title": paper.known.text.title,
            "abstract": paper.known.text.abstract,
            "dump_id": paper.first_listing[1] if paper.first_listing else 0,
            "recorded_at": now,
        }
        for paper in found
    ]
    connection.execute(insert(paper_revisions), texts)
    index_papers(connection, real.values())
    return real


def change_papers(
    connection: Connection, touched: Iterable[TouchedPaper], *, dump_id: int, backfill: bool, now: datetime
) -> None:
    """Store the changes that a listing makes to known papers, with their history."""
    changed = list(touched)
    if not changed:
        return
    _record_texts(connection, changed, dump_id=dump_id, now=now)
    rows = [{"b_id": item.paper.id, **_columns(item.paper), **_first_listing(item.paper)} for item in changed]
    searched = _searched(connection, [item.paper.id for item in changed])
    connection.execute(update(papers).where(papers.c.id == bindparam("b_id")), rows)
    index_papers(
        connection,
        [row["b_id"] for row in rows if tuple(row[name] for name in INDEXED) != searched.get(row["b_id"])],
    )
    again = [item.paper.id for item in changed if item.is_news]
    for chunk in in_chunks(again):
        connection.execute(
            update(papers)
            .where(papers.c.id.in_(chunk))
            .values(backfill=backfill, ingested_at=now, edition=None)
        )


def _searched(connection: Connection, paper_ids: Sequence[int]) -> dict[int, tuple[Any, ...]]:
    """What search knows of these papers."""
    columns = select(papers.c.id, *(papers.c[name] for name in INDEXED))
    found: dict[int, tuple[Any, ...]] = {}
    for chunk in in_chunks(paper_ids):
        rows = connection.execute(columns.where(papers.c.id.in_(chunk)))
        found |= {paper_id: tuple(values) for paper_id, *values in rows}
    return found


def _record_texts(
    connection: Connection, changed: Sequence[TouchedPaper], *, dump_id: int, now: datetime
) -> None:
    """Number the new texts of papers; sets each paper's `revision` to its current one."""
    reworded = {item.paper.id: item for item in changed if item.revisions or item.older or item.filled}
    history: dict[int, list[tuple[int, PaperText]]] = {}
    for chunk in in_chunks(reworded):
        chosen = select(paper_revisions).where(paper_revisions.c.paper_id.in_(chunk))
        for row in connection.execute(chosen):
            text = PaperText(title=row.title, abstract=row.abstract)
            history.setdefault(row.paper_id, []).append((row.number, text))
    rows: list[dict[str, Any]] = []
    for paper_id, item in reworded.items():
        past = history.get(paper_id, [])
        if item.filled and not item.revisions:
            connection.execute(
                update(paper_revisions)
                .where(
                    paper_revisions.c.paper_id == paper_id,
                    paper_revisions.c.number == item.paper.revision,
                )
                .values(title=item.paper.known.text.title, abstract=item.paper.known.text.abstract)
            )
        unseen = [text for text in item.older if not any(_alike(text, before) for _, before in past)]
        number = max((number for number, _ in past), default=0)
        for text in (*unseen, *item.revisions):
            number += 1
            rows.append(
                {
                    "paper_id": paper_id,
                    "number": number,
                    "title": text.title,
                    "abstract": text.abstract,
                    "dump_id": dump_id,
                    "recorded_at": now,
                }
            )
        if item.revisions:
            item.paper.revision = number
    if rows:
        connection.execute(insert(paper_revisions), rows)


def add_keys(connection: Connection, keys: Iterable[tuple[str, str, int]]) -> None:
    """Store keys (scheme, key, paper id); stored ones stay."""
    rows = [{"scheme": scheme, "key": key, "paper_id": paper_id} for scheme, key, paper_id in keys]
    if rows:
        connection.execute(dialect_insert(connection)(paper_keys).on_conflict_do_nothing(), rows)


def add_listings(connection: Connection, dump_id: int, listed: Iterable[tuple[Entry, int]]) -> None:
    """Store which entry of a dump is which paper."""
    rows = [
        {
            "dump_id": dump_id,
            "position": entry.position,
            "paper_id": paper_id,
            "line": entry.line,
            "comments": entry.comments,
            "upvotes": entry.upvotes,
            "announcement": entry.announcement,
            "printed": printed_text(entry.printed),
            "title": entry.title,
        }
        for entry, paper_id in listed
    ]
    if rows:
        connection.execute(insert(listed_entries), rows)


def remove_listings(connection: Connection, dump_id: int) -> dict[int, int]:
    """Remove the stored entries of a dump before it is read again; returns paper ids by line of the dump."""
    chosen = select(listed_entries.c.line, listed_entries.c.paper_id).where(
        listed_entries.c.dump_id == dump_id
    )
    found = {row.line: row.paper_id for row in connection.execute(chosen)}
    connection.execute(delete(listed_entries).where(listed_entries.c.dump_id == dump_id))
    return found


def _columns(paper: StoredPaper) -> dict[str, Any]:
    known = paper.known
    return {
        "title": known.text.title,
        "abstract": known.text.abstract,
        **{name: getattr(known, name) for name in BIBLIOGRAPHIC},
        "author_names": list(known.author_names) or None,
        "categories": list(known.categories) or None,
        "revision": paper.revision,
    }


def _first_listing(paper: StoredPaper) -> dict[str, Any]:
    assert paper.first_listing is not None
    listed_on, dump_id, position = paper.first_listing
    return {"first_listed_on": listed_on, "first_dump_id": dump_id, "first_position": position}


def _alike(one: PaperText, other: PaperText) -> bool:
    return same_rendering(one.title, other.title) and same_rendering(one.abstract, other.abstract)
