"""Reads papers for `papers list` and `papers show`, with one statement for each table.

It changes nothing. A merged paper appears as the paper that was kept.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select, func, or_, select

from newsletter.core.debts.digest_plan import EVERYTHING
from newsletter.core.errors import NotFoundError
from newsletter.core.papers.links import paper_link
from newsletter.core.states import DumpStatus
from newsletter.core.topics.topic_match import STRONG
from newsletter.db.schema import (
    dumps,
    edition_papers,
    listed_entries,
    paper_decisions,
    paper_keys,
    paper_revisions,
    paper_topics,
    papers,
    topic_corrections,
)
from newsletter.papers import editions
from newsletter.papers.dumps import find as find_dump
from newsletter.papers.lookup import in_chunks
from newsletter.papers.merging import canonical
from newsletter.papers.unpublished import unpublished_pairs

NEXT_EDITION = "next"  # in place of a number: the edition that publishing would make now
_KEPT = func.coalesce(papers.c.merged_into, papers.c.id)


def rows(
    connection: Connection,
    *,
    topic: str | None = None,
    dump: str | None = None,
    edition: int | str | None = None,
    ids: Sequence[int] | None = None,
    known_topics: Collection[str] = (),
) -> list[dict[str, Any]]:
    """The papers that fit all filters, as JSON-ready objects, by first listing, the oldest first.

    topic: strong matches alone; in an edition, the papers frozen under it. dump: a file's name or the start
    of a SHA-256; in the order of the dump. edition: a number or `next`; in the order of the edition. ids: of
    papers that a search found; in that order.
    known_topics: when given, other topics are refused. Raises NotFoundError for an unknown topic, dump or
    edition.
    """
    if topic is not None and known_topics and topic not in known_topics:
        raise NotFoundError(f"there is no topic {topic!r}", hint=f"Known: {', '.join(sorted(known_topics))}.")
    order: list[int] | None = None
    if dump is not None:
        order = _in_dump(connection, dump)
    if edition is not None:
        held = _in_edition(connection, edition, topic or EVERYTHING)
        order = held if order is None else [paper_id for paper_id in order if paper_id in set(held)]
    elif topic is not None and topic != EVERYTHING:
        chosen = select(paper_topics.c.paper_id).where(
            paper_topics.c.topic == topic, paper_topics.c.strength == STRONG
        )
        of_topic = set(connection.execute(chosen).scalars())
        if order is not None:
            order = [paper_id for paper_id in order if paper_id in of_topic]
        elif ids is None:
            return _printed(connection, _fetch(connection, of_topic))
        else:
            order = list(of_topic)
    if ids is not None:
        fitting = None if order is None else set(order)
        order = [paper_id for paper_id in ids if fitting is None or paper_id in fitting]
    return _printed(connection, _fetch(connection, order), order)


def show(connection: Connection, paper_id: int) -> dict[str, Any]:
    """One paper with its history; for a merged one, the paper that was kept. Raises NotFoundError."""
    kept = canonical(connection, paper_id)
    [row] = _printed(connection, _fetch(connection, [kept]), [kept])
    merged = list(
        connection.execute(
            select(papers.c.id).where(papers.c.merged_into == kept).order_by(papers.c.id)
        ).scalars()
    )
    group = [kept, *merged]
    listings = (
        select(
            listed_entries.c.paper_id.label("id"),
            dumps.c.file,
            dumps.c.listed_on,
            dumps.c.status,
            listed_entries.c.position,
            listed_entries.c.title,
            listed_entries.c.comments,
            listed_entries.c.upvotes,
            listed_entries.c.announcement,
            dumps.c.source,
        )
        .join(dumps, dumps.c.id == listed_entries.c.dump_id)
        .where(listed_entries.c.paper_id.in_(group))
        .order_by(dumps.c.listed_on, dumps.c.id, listed_entries.c.position)
    )
    texts = (
        select(paper_revisions, dumps.c.file)
        .join(dumps, dumps.c.id == paper_revisions.c.dump_id)
        .where(paper_revisions.c.paper_id.in_(group))
        .order_by(paper_revisions.c.paper_id, paper_revisions.c.number)
    )
    keys = select(paper_keys.c.scheme, paper_keys.c.key).where(
        paper_keys.c.paper_id.in_(group), paper_keys.c.scheme != "title"
    )
    decided = (
        select(paper_decisions)
        .where(or_(paper_decisions.c.paper_id.in_(group), paper_decisions.c.other_id.in_(group)))
        .order_by(paper_decisions.c.id)
    )
    verdicts = (
        select(topic_corrections).where(topic_corrections.c.paper_id == kept).order_by(topic_corrections.c.id)
    )
    return row | {
        "merged": merged,
        "corrections": [
            {"topic": found.topic, "belongs": found.belongs, "at": found.at.isoformat()}
            for found in connection.execute(verdicts)
        ],
        "identifiers": [f"{scheme}:{key}" for scheme, key in connection.execute(keys.distinct())],
        "listings": [
            {**found._mapping, "listed_on": found.listed_on.isoformat() if found.listed_on else None}
            for found in connection.execute(listings)
        ],
        "revisions": [
            {
                "id": text.paper_id,
                "number": text.number,
                "title": text.title,
                "abstract": text.abstract,
                "file": text.file,
                "recorded_at": text.recorded_at.isoformat(),
            }
            for text in connection.execute(texts)
        ],
        "decisions": [
            {
                "verb": found.verb,
                "id": found.paper_id,
                "other_id": found.other_id,
                "news": found.news,
                "at": found.at.isoformat(),
            }
            for found in connection.execute(decided)
        ],
    }


def listed_in(connection: Connection, dump_id: int) -> list[dict[str, Any]]:
    """The entries of a dump: position, line, id of the paper and the listed title."""
    chosen = (
        select(listed_entries.c.position, listed_entries.c.line, _KEPT.label("id"), listed_entries.c.title)
        .join(papers, papers.c.id == listed_entries.c.paper_id)
        .where(listed_entries.c.dump_id == dump_id)
        .order_by(listed_entries.c.position)
    )
    return [dict(row._mapping) for row in connection.execute(chosen)]


def _in_dump(connection: Connection, name: str) -> list[int]:
    dump = find_dump(connection, name)
    return list(dict.fromkeys(row["id"] for row in listed_in(connection, dump.id)))


def _in_edition(connection: Connection, edition: int | str, topic: str) -> list[int]:
    """The papers that an edition holds under a topic, in its order."""
    chosen: Select[Any]
    if edition == NEXT_EDITION:
        news = unpublished_pairs().subquery()
        chosen = select(news.c.paper_id).order_by(
            news.c.first_listed_on, news.c.first_position, news.c.paper_id
        )
        if topic != EVERYTHING:  # an added topic may be the paper's only pair
            chosen = chosen.where(news.c.topic == topic)
    else:
        number = _number(edition)
        editions.require(connection, number)
        chosen = (
            select(_KEPT)
            .select_from(edition_papers)
            .join(papers, papers.c.id == edition_papers.c.paper_id)
            .where(edition_papers.c.edition == number, editions.PAIR_COUNTS)
            .order_by(edition_papers.c.place)
        )
        if topic != EVERYTHING:
            chosen = chosen.where(edition_papers.c.topic == topic)
    return list(dict.fromkeys(row[0] for row in connection.execute(chosen)))


def _number(edition: int | str) -> int:
    try:
        return int(edition)
    except ValueError as error:
        raise NotFoundError(
            f"there is no edition {edition!r}",
            hint=f"Give a number, or `{NEXT_EDITION}` for what is not yet published.",
        ) from error


def _fetch(connection: Connection, ids: Collection[int] | None) -> list[Row[Any]]:
    chosen = (
        select(papers)
        .where(papers.c.merged_into.is_(None))
        .order_by(papers.c.first_listed_on, papers.c.first_dump_id, papers.c.first_position, papers.c.id)
    )
    if ids is None:
        return list(connection.execute(chosen))
    found: list[Row[Any]] = []
    for chunk in in_chunks(ids):
        found += connection.execute(chosen.where(papers.c.id.in_(chunk)))
    found.sort(key=lambda row: (row.first_listed_on, row.first_dump_id, row.first_position, row.id))
    return found


def _printed(
    connection: Connection, found: list[Row[Any]], order: list[int] | None = None
) -> list[dict[str, Any]]:
    topics: dict[int, list[Row[Any]]] = {}
    matched = select(paper_topics).order_by(paper_topics.c.score.desc(), paper_topics.c.topic)
    for chunk in in_chunks([row.id for row in found]):
        for topic in connection.execute(matched.where(paper_topics.c.paper_id.in_(chunk))):
            topics.setdefault(topic.paper_id, []).append(topic)
    brought = _sources(connection, [row.id for row in found])
    printed = {row.id: _object(row, topics.get(row.id, []), brought.get(row.id, [])) for row in found}
    return list(printed.values()) if order is None else [printed[held] for held in order if held in printed]


def _sources(connection: Connection, ids: Collection[int]) -> dict[int, list[str]]:
    """The sources that listed each paper, in the order in which they first did.

    A dump that no configured source brought is named by its format.
    """
    found: dict[int, list[str]] = {}
    for chunk in in_chunks(ids):
        chosen = (
            select(_KEPT.label("id"), func.coalesce(dumps.c.source, dumps.c.format).label("source"))
            .join(listed_entries, listed_entries.c.paper_id == papers.c.id)
            .join(dumps, dumps.c.id == listed_entries.c.dump_id)
            .where(or_(papers.c.id.in_(chunk), papers.c.merged_into.in_(chunk)))
            .where(dumps.c.status == DumpStatus.INGESTED)
            .group_by(_KEPT, func.coalesce(dumps.c.source, dumps.c.format))
            .order_by(func.min(dumps.c.id))
        )
        for row in connection.execute(chosen):
            found.setdefault(row.id, []).append(row.source)
    return found


def _object(row: Row[Any], topics: list[Row[Any]], sources: list[str]) -> dict[str, Any]:
    return {
        "id": row.id,
        "title": row.title,
        "abstract": row.abstract,
        "authors": row.author_count if row.author_count is not None else len(row.author_names or ()) or None,
        "author_names": row.author_names or [],
        "organization": row.organization,
        "published_on": row.published_on.isoformat() if row.published_on else None,
        "comments": row.comments,
        "code_url": row.code_url,
        "url": paper_link(arxiv_id=row.arxiv_id, doi=row.doi, url=row.url),
        "listing_url": row.url,
        "project_url": row.project_url,
        "arxiv_id": row.arxiv_id,
        "doi": row.doi,
        "categories": row.categories or [],
        "sources": sources,
        "upvotes": row.upvotes,
        "upvotes_on": row.upvotes_on.isoformat() if row.upvotes_on else None,
        "first_listed_on": row.first_listed_on.isoformat(),
        "edition": row.edition,
        "topics": [_match(topic) for topic in topics if topic.strength == STRONG],
        "maybe": [_match(topic) for topic in topics if topic.strength != STRONG],
        "backfill": row.backfill,
        "revision": row.revision,
    }


def _match(topic: Row[Any]) -> dict[str, Any]:
    return {"topic": topic.topic, "score": topic.score, "evidence": topic.evidence, "by": topic.by}
