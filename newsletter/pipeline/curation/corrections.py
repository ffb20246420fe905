"""Corrects decisions about papers: merges, splits, adds and removes topics. Each in one transaction.

It changes no debts: these follow from the rows. Only a split copies debts that are rows of a reader.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, select

from newsletter.core.debts.digest_plan import EVERYTHING
from newsletter.core.errors import NotFoundError, UsageError
from newsletter.core.topics.topic_match import TopicMatcher
from newsletter.db.engine import reading, writing
from newsletter.db.schema import papers
from newsletter.delivery.outbox import debts
from newsletter.papers import merging, queries, topic_matches


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperPair:
    """Two papers, as an admin is to see them before and after a decision about them."""

    kept: int  # id of the paper that the first one belongs to
    kept_title: str
    other: int  # id of the paper that the second one belongs to, or of the merged one
    other_title: str
    related: bool  # they share words, authors or parts of their abstracts
    are_one: bool  # they are merged
    undo: tuple[str, ...]  # commands that take a merge of these two back


def pair_of(engine: Engine, one: int, other: int | None = None) -> PaperPair:
    """What two papers have in common. other: None for the paper that the first one is merged into.

    Raises NotFoundError, and UsageError when no other paper is named and nothing is merged.
    """
    with reading(engine) as connection:
        if other is None:
            other = merging.canonical(connection, one)
            if other == one:
                raise UsageError(
                    f"paper {one} is not merged into another",
                    hint="Name two papers to keep them apart: newsletter papers split PAPER OTHER.",
                )
            one, other = other, one
        first, second = (merging.require(connection, paper) for paper in (one, other))
        keep, gone = (merging.canonical(connection, paper) for paper in (one, other))
        are_one = keep == gone
        ids = (one, other) if are_one else (keep, gone)
        shown = [merging.require(connection, paper) for paper in ids]
        return PaperPair(
            kept=ids[0],
            kept_title=shown[0].title,
            other=ids[1],
            other_title=shown[1].title,
            related=merging.share_anything(first, second),
            are_one=are_one,
            undo=() if are_one else _undo_of_merge(connection, gone),
        )


def _undo_of_merge(connection: Connection, gone: int) -> tuple[str, ...]:
    """The commands that take back the merge of the paper `gone`, with all that is merged into it."""
    row = merging.require(connection, gone)
    news = " --news" if row.edition is None and not row.backfill else ""  # else it would count as given
    members = connection.execute(select(papers.c.id).where(papers.c.merged_into == gone)).scalars().all()
    return (
        f"newsletter papers split {gone}{news}",
        *(f"newsletter papers split {member}" for member in members),
        *(f"newsletter papers merge {gone} {member} --yes" for member in members),
    )


def merge_papers(engine: Engine, keep: int, other: int, *, now: datetime) -> dict[str, Any]:
    """Record that two papers are one; returns the row of the kept one. A second merge changes nothing.

    A paper given as either counts as given. Raises NotFoundError for an unknown id, UsageError for two equal
    ids.
    """
    with writing(engine, exclusive=True) as connection:
        kept = merging.merge(connection, keep, other, now=now)
        return queries.show(connection, kept)


def split_papers(
    engine: Engine, paper_id: int, other_id: int | None = None, *, news: bool = False, now: datetime
) -> dict[str, Any]:
    """Undo a merge, or keep two similar papers apart; returns the row of the paper that was split off.

    news: that paper is news; otherwise it counts as given to every reader of the kept one. Raises
    NotFoundError and UsageError.
    """
    with writing(engine, exclusive=True) as connection:
        kept = merging.canonical(connection, paper_id)
        off = merging.split(connection, paper_id, other_id, news=news, now=now)
        if not news and merging.canonical(connection, off) == off != kept:  # otherwise they were never one
            debts.share(connection, kept, off)
        return queries.show(connection, off)


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectedTopics:
    """The outcome of a correction of topics."""

    row: dict[str, Any]  # the paper as it is now
    added: tuple[str, ...]  # slugs that are new
    removed: tuple[str, ...]  # slugs that are gone

    @property
    def undo(self) -> str | None:
        """The command that takes it back; None when nothing changed."""
        parts = [*(f"--remove {slug}" for slug in self.added), *(f"--add {slug}" for slug in self.removed)]
        return f"newsletter papers topic {self.row['id']} {' '.join(parts)}" if parts else None


def correct_topics(
    engine: Engine,
    paper_id: int,
    *,
    add: Collection[str] = (),
    remove: Collection[str] = (),
    known_topics: Collection[str],
    matcher: TopicMatcher,
    now: datetime,
) -> CorrectedTopics:
    """Add a paper to topics and remove it from others, against the rules.

    An added pair enters the next edition; a removed one ends the debts not yet given. known_topics: slugs.
    Raises NotFoundError for an unknown paper or topic, UsageError for a contradiction.
    """
    for topic in (*add, *remove):
        if topic == EVERYTHING:
            raise UsageError(f"{EVERYTHING!r} holds every paper", hint="To take a paper out: editions drop.")
        if topic not in known_topics:
            raise NotFoundError(
                f"there is no topic {topic!r}", hint=f"Known: {', '.join(sorted(known_topics))}."
            )
    if both := set(add) & set(remove):
        raise UsageError(
            f"added and removed at once: {', '.join(sorted(both))}", hint="Choose one of the two."
        )
    with writing(engine, exclusive=True) as connection:
        kept = merging.canonical(connection, paper_id)
        before = {match["topic"] for match in queries.show(connection, kept)["topics"]}
        for topics, belongs in ((add, True), (remove, False)):
            for topic in dict.fromkeys(topics):
                topic_matches.correct(connection, kept, topic, belongs=belongs, matcher=matcher, now=now)
        row = queries.show(connection, kept)
    after = {match["topic"] for match in row["topics"]}
    return CorrectedTopics(
        row=row, added=tuple(sorted(after - before)), removed=tuple(sorted(before - after))
    )


def possibly_same(engine: Engine) -> list[dict[str, Any]]:
    """Pairs of papers that wait for an admin to merge them or keep them apart."""
    with reading(engine) as connection:
        return merging.open_cases(connection)
