"""Merges papers that are one and splits those that are not. It changes no debt of a reader.

A merged paper keeps its keys, bands, listings, texts and edition pairs; only `merged_into` is set. So a later
listing of either title is recognised, and a split has only to empty what the merge filled.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, insert, literal, or_, select, union, update

from newsletter.core.errors import NotFoundError, UsageError
from newsletter.core.papers.overlap import jaccard, overlaps, share_words, triples
from newsletter.db.engine import dialect_insert
from newsletter.db.schema import (
    dumps,
    edition_papers,
    paper_decisions,
    paper_heirs,
    paper_revisions,
    papers,
    possible_same,
)
from newsletter.db.search_index import index_papers
from newsletter.papers.relisting import refresh_first_listings

_GAPS = (
    "author_count",
    "author_names",
    "organization",
    "published_on",
    "comments",
    "code_url",
    "url",
    "project_url",
    "categories",
    "arxiv_id",
    "doi",
)


def canonical(connection: Connection, paper_id: int) -> int:
    """The paper that this one was merged into, or itself. Raises NotFoundError for an unknown id."""
    row = require(connection, paper_id)
    return int(row.merged_into or row.id)


def require(connection: Connection, paper_id: int) -> Row[Any]:
    """The row of a paper. Raises NotFoundError when there is none."""
    row = connection.execute(select(papers).where(papers.c.id == paper_id)).first()
    if row is None:
        raise NotFoundError(
            f"there is no paper {paper_id}", hint="`newsletter papers list` shows the papers and their ids."
        )
    return row


def share_anything(one: Row[Any], other: Row[Any]) -> bool:
    """Whether two rows of papers look related: by words of their titles, authors or abstracts."""
    authors = [{str(name).casefold() for name in row.author_names or ()} for row in (one, other)]
    return (
        share_words(one.title, other.title)
        or bool(authors[0] & authors[1])
        or (bool(one.abstract.strip()) and one.abstract == other.abstract)
        or overlaps(triples(one.abstract), triples(other.abstract)) is not None
    )


def merge(connection: Connection, keep: int, other: int, *, now: datetime) -> int:
    """Make `other`, with all papers merged into it, part of `keep`; returns the kept paper.

    The kept paper takes over values that it lacks. It is no news when an edition held either paper, or when
    one of them came as backfill.
    """
    kept, merged = canonical(connection, keep), canonical(connection, other)
    if keep == other:
        raise UsageError("a paper cannot be merged with itself", hint="Name two different papers.")
    if kept == merged:
        return kept
    into, gone = require(connection, kept), require(connection, merged)
    connection.execute(
        update(papers)
        .where(or_(papers.c.id == merged, papers.c.merged_into == merged))
        .values(merged_into=kept)
    )
    values = {
        name: getattr(gone, name)
        for name in _GAPS
        if getattr(into, name) in (None, []) and getattr(gone, name) not in (None, [])
    }
    filled = sorted(values)
    held = [number for number in (into.edition, gone.edition) if number is not None]
    values |= {"edition": min(held, default=None), "backfill": into.backfill or (not held and gone.backfill)}
    connection.execute(update(papers).where(papers.c.id == kept).values(**values))
    index_papers(connection, [kept])
    refresh_first_listings(connection, [kept])
    _decide(connection, "merge", kept, merged, now=now, verdict="merged", filled=filled)
    return kept


def split(
    connection: Connection, paper_id: int, other_id: int | None = None, *, news: bool = False, now: datetime
) -> int:
    """Undo a merge, or record that two similar papers are different; returns the paper that was split off.

    paper_id: a merged paper; or the kept one, and then `other_id` is the merged one. news: the paper split
    off becomes news again; else it counts as given wherever the kept one was given. Raises UsageError when
    nothing is merged and no other paper is named.
    """
    row = require(connection, paper_id)
    if row.merged_into is None and other_id is None:
        raise UsageError(
            f"paper {paper_id} is not merged into another",
            hint="Name two papers to keep them apart: newsletter papers split PAPER OTHER.",
        )
    other = require(connection, other_id if other_id is not None else row.merged_into)
    if other.id == paper_id:
        raise UsageError("a paper cannot be split from itself", hint="Name two different papers.")
    if row.merged_into is not None and row.merged_into in (other.id, other.merged_into):
        off, kept = row, require(connection, row.merged_into)
    elif other.merged_into == row.id:
        off, kept = other, row
    else:
        _decide(connection, "split", row.id, other.id, now=now, verdict="apart")
        return int(row.id)
    connection.execute(update(papers).where(papers.c.id == off.id).values(merged_into=None))
    _empty_gaps(connection, off)
    for paper in (off, kept):
        values = {
            "edition": _first_edition(connection, paper.id),
            "backfill": _came_as_backfill(connection, paper.id),
        }
        if paper is off and values["edition"] is None:
            values["edition"] = kept.edition  # counts as given: no edition will hold it
        connection.execute(update(papers).where(papers.c.id == paper.id).values(**values))
    refresh_first_listings(connection, [off.id, kept.id])
    if news:
        _set_news(connection, off.id, now=now)
    else:
        _inherit(connection, off.id, kept.id, now=now)
    _decide(connection, "split", kept.id, off.id, now=now, verdict="apart", news=news)
    return int(off.id)


def _empty_gaps(connection: Connection, off: Row[Any]) -> None:
    """Empty what the merge of the paper split off filled, where it is still that paper's."""
    merged = connection.execute(
        select(paper_decisions.c.paper_id, paper_decisions.c.filled)
        .where(paper_decisions.c.verb == "merge", paper_decisions.c.other_id == off.id)
        .order_by(paper_decisions.c.id.desc())
        .limit(1)
    ).first()
    if merged is None or not merged.filled:
        return
    row = require(connection, merged.paper_id)
    values = {name: None for name in merged.filled if getattr(row, name) == getattr(off, name)}
    if values:
        connection.execute(update(papers).where(papers.c.id == row.id).values(**values))
        index_papers(connection, [row.id])


def _inherit(connection: Connection, off: int, kept: int, *, now: datetime) -> None:
    """Store the papers with which the paper split off counts as given: all that were merged with it, and
    those that these had inherited."""
    members = select(papers.c.id).where(or_(papers.c.id == kept, papers.c.merged_into == kept))
    own = select(literal(off), papers.c.id, literal(now, papers.c.ingested_at.type)).where(
        papers.c.id.in_(members)
    )
    theirs = select(literal(off), paper_heirs.c.source_id, paper_heirs.c.until).where(
        paper_heirs.c.heir_id.in_(members), paper_heirs.c.source_id != off
    )
    connection.execute(
        dialect_insert(connection)(paper_heirs)
        .from_select(["heir_id", "source_id", "until"], union(own, theirs))
        .on_conflict_do_nothing()
    )


def open_cases(connection: Connection) -> list[dict[str, Any]]:
    """Pairs that no admin has judged, the strongest overlap first: ids and titles, overlap, found_at."""
    later, earlier = papers.alias("later"), papers.alias("earlier")
    one = func.coalesce(later.c.merged_into, later.c.id)
    two = func.coalesce(earlier.c.merged_into, earlier.c.id)
    chosen = (
        select(
            possible_same.c.paper_id.label("id"),
            later.c.title,
            possible_same.c.other_id,
            earlier.c.title.label("other_title"),
            possible_same.c.overlap,
            possible_same.c.found_at,
        )
        .join(later, later.c.id == possible_same.c.paper_id)
        .join(earlier, earlier.c.id == possible_same.c.other_id)
        .where(possible_same.c.verdict == "open", one != two)
        .order_by(possible_same.c.overlap.desc(), possible_same.c.paper_id, possible_same.c.other_id)
    )
    return [
        {**row._mapping, "found_at": row.found_at.isoformat()} for row in connection.execute(chosen).all()
    ]


def _decide(
    connection: Connection,
    verb: str,
    one: int,
    other: int,
    *,
    now: datetime,
    verdict: str,
    news: bool = False,
    filled: Sequence[str] | None = None,
) -> None:
    """Store a decision, and the verdict on the pair."""
    row = {"at": now, "verb": verb, "paper_id": one, "other_id": other, "news": news, "filled": filled}
    connection.execute(insert(paper_decisions), row)
    chosen = select(papers.c.abstract).where(papers.c.id.in_((one, other)))
    first, second = (triples(abstract) for abstract in connection.execute(chosen).scalars())
    pair = {"paper_id": max(one, other), "other_id": min(one, other), "found_at": now, "verdict": verdict}
    connection.execute(
        dialect_insert(connection)(possible_same)
        .values(**pair, overlap=round(jaccard(first, second), 4))
        .on_conflict_do_update(index_elements=["paper_id", "other_id"], set_={"verdict": verdict})
    )


def _first_edition(connection: Connection, paper_id: int) -> int | None:
    chosen = select(func.min(edition_papers.c.edition)).where(
        edition_papers.c.paper_id == paper_id, edition_papers.c.withdrawn_at.is_(None)
    )
    number: int | None = connection.execute(chosen).scalar_one()
    return number


def _came_as_backfill(connection: Connection, paper_id: int) -> bool:
    chosen = (
        select(dumps.c.backfill)
        .join(paper_revisions, paper_revisions.c.dump_id == dumps.c.id)
        .where(paper_revisions.c.paper_id == paper_id, paper_revisions.c.number == 1)
    )
    return bool(connection.execute(chosen).scalar())


def _set_news(connection: Connection, paper_id: int, *, now: datetime) -> None:
    connection.execute(
        update(papers).where(papers.c.id == paper_id).values(edition=None, backfill=False, ingested_at=now)
    )
