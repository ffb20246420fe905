"""Stores which papers belong to which topics: the matcher's answers and an admin's corrections.

It has no rules (`newsletter.topics` has) and no row for the topic that holds every paper: publishing adds
that topic.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from newsletter.core.debts.digest_plan import EVERYTHING
from newsletter.core.papers.diff import PaperText
from newsletter.core.topics.topic_match import STRONG, TopicMatch, TopicMatcher
from newsletter.db.schema import edition_maybes, edition_papers, paper_topics, papers, topic_corrections
from newsletter.papers.lookup import in_chunks

BY_ADMIN, BY_RULES = "admin", "rules"
ADDED_SCORE = 1.0  # of a paper that an admin added and no rule finds; it then leads its section
ADDED_EVIDENCE = ("added by hand",)
REMATCH_BATCH = 1_000  # papers; their abstracts take some 2 MB


def assign(
    connection: Connection,
    texts: Mapping[int, PaperText],
    matcher: TopicMatcher,
    *,
    new: Collection[int] = (),
) -> None:
    """Match papers and store the answers in place of earlier ones.

    texts: current words of stored papers by id.
    new: those of them without stored rows. The latest correction of a paper and topic overrules the matcher.
    """
    old = [paper_id for paper_id in texts if paper_id not in set(new)]
    corrected = _corrections(connection, old)
    for chunk in in_chunks(old):
        connection.execute(delete(paper_topics).where(paper_topics.c.paper_id.in_(chunk)))
    categories = _categories(connection, texts)
    rows: list[dict[str, Any]] = []
    for paper_id, text in texts.items():
        found = matcher.match(text.title, text.abstract, categories.get(paper_id, ()))
        rows += _rows(paper_id, found, corrected.get(paper_id, {}))
    if rows:
        connection.execute(insert(paper_topics), rows)


def rematch(connection: Connection, matcher: TopicMatcher, paper_ids: Collection[int] | None = None) -> int:
    """Match papers again with the present rules; all papers without `paper_ids`. Returns their number.

    Editions stay as they were frozen. A new pair of a published paper does not become news.
    """
    columns = select(papers.c.id, papers.c.title, papers.c.abstract).order_by(papers.c.id)
    done = 0
    if paper_ids is not None:
        for chunk in in_chunks(paper_ids):
            texts = _texts(connection.execute(columns.where(papers.c.id.in_(chunk))))
            assign(connection, texts, matcher)
            done += len(texts)
        return done
    last = 0
    while texts := _texts(connection.execute(columns.where(papers.c.id > last).limit(REMATCH_BATCH))):
        assign(connection, texts, matcher)
        done += len(texts)
        last = max(texts)
    return done


def correct(
    connection: Connection,
    paper_id: int,
    topic: str,
    *,
    belongs: bool,
    matcher: TopicMatcher,
    now: datetime,
) -> None:
    """Store an admin's verdict on a paper and a topic and apply it.

    An added pair is news (see `newsletter.papers.unpublished`). A removed pair ends the debts that are not
    yet given.
    """
    row = {"paper_id": paper_id, "topic": topic, "belongs": belongs, "at": now}
    connection.execute(insert(topic_corrections), row)
    rematch(connection, matcher, [paper_id])
    # After either verdict the pair is no longer doubtful.
    connection.execute(
        delete(edition_maybes).where(edition_maybes.c.paper_id == paper_id, edition_maybes.c.topic == topic)
    )
    if not belongs:
        merged = connection.execute(select(papers.c.id).where(papers.c.merged_into == paper_id)).scalars()
        withdraw_pairs(connection, [paper_id, *merged], topic=topic, now=now)


def withdraw_pairs(
    connection: Connection, paper_ids: Collection[int], *, now: datetime, topic: str | None = None
) -> int:
    """End the edition pairs of these papers, of one topic or all, for readers who have not received them.

    Returns the number of pairs. A paper that a reader was given stays given.
    """
    ended = 0
    for chunk in in_chunks(paper_ids):
        maybes = delete(edition_maybes).where(edition_maybes.c.paper_id.in_(chunk))
        connection.execute(maybes if topic is None else maybes.where(edition_maybes.c.topic == topic))
        pairs = update(edition_papers).where(
            edition_papers.c.paper_id.in_(chunk), edition_papers.c.withdrawn_at.is_(None)
        )
        if topic is not None:
            pairs = pairs.where(edition_papers.c.topic == topic)
        ended += connection.execute(pairs.values(withdrawn_at=now)).rowcount
    return ended


def _texts(rows: Iterable[Any]) -> dict[int, PaperText]:
    return {row.id: PaperText(title=row.title, abstract=row.abstract) for row in rows}


def _categories(connection: Connection, paper_ids: Collection[int]) -> dict[int, tuple[str, ...]]:
    """The categories of arXiv of those papers that have some."""
    found: dict[int, tuple[str, ...]] = {}
    for chunk in in_chunks(paper_ids):
        rows = connection.execute(
            select(papers.c.id, papers.c.categories).where(
                papers.c.id.in_(chunk), papers.c.categories.is_not(None)
            )
        )
        found |= {row.id: tuple(row.categories) for row in rows}
    return found


def _corrections(connection: Connection, paper_ids: Collection[int]) -> dict[int, dict[str, bool]]:
    """The latest verdict for each paper and topic."""
    found: dict[int, dict[str, bool]] = {}
    for chunk in in_chunks(paper_ids):
        latest = (
            select(func.max(topic_corrections.c.id))
            .where(topic_corrections.c.paper_id.in_(chunk))
            .group_by(topic_corrections.c.paper_id, topic_corrections.c.topic)
        )
        for row in connection.execute(select(topic_corrections).where(topic_corrections.c.id.in_(latest))):
            found.setdefault(row.paper_id, {})[row.topic] = row.belongs
    return found


def _rows(
    paper_id: int, matches: Sequence[TopicMatch], corrected: Mapping[str, bool]
) -> list[dict[str, Any]]:
    rows = {
        match.topic: {
            "paper_id": paper_id,
            "topic": match.topic,
            "score": match.score,
            "strength": match.strength,
            "evidence": list(match.evidence),
            "by": BY_RULES,
        }
        for match in matches
        if match.topic != EVERYTHING and corrected.get(match.topic, True)
    }
    for topic, belongs in corrected.items():
        if belongs:
            found = rows.get(topic, {})
            strong = found.get("strength") == STRONG
            rows[topic] = {
                "paper_id": paper_id,
                "topic": topic,
                "score": found["score"] if strong else ADDED_SCORE,
                "strength": STRONG,
                "evidence": found.get("evidence") or list(ADDED_EVIDENCE),
                "by": BY_ADMIN,
            }
    return list(rows.values())
