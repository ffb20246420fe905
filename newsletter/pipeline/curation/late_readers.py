"""Gives the papers of an edition to readers who joined after it was ready. It mails nothing.

Each paper becomes a debt of that reader, as the papers of a welcome are; their next digest brings it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, and_, func, insert, or_, select

from newsletter.core.debts.digest_plan import EVERYTHING
from newsletter.core.errors import NewsletterError
from newsletter.core.notices import instant, release
from newsletter.core.states import Form, MailKind, Role
from newsletter.db.engine import writing
from newsletter.db.schema import deliveries, digest_papers, edition_papers, editions, papers, reader_debts
from newsletter.delivery.outbox.debts import was_sent
from newsletter.papers.editions import PAIR_COUNTS, require
from newsletter.papers.lookup import in_chunks
from newsletter.pipeline.explain.notices import newcomers
from subscribers import audience

_CANONICAL = func.coalesce(papers.c.merged_into, papers.c.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenEdition:
    """What was given."""

    edition: int
    readers: int  # who are owed papers now that they were not owed before
    papers: int  # debts made: one for each reader and paper
    unchanged: int  # readers who lack nothing of it


def give_edition(
    engine: Engine, number: int, *, people: Collection[int] | None, now: datetime
) -> GivenEdition:
    """Owe readers the papers of edition `number` in their topics that they neither had nor are owed.

    people: subscriber ids; None: all who joined after it was ready and were never mailed. Raises
    NotFoundError, and NewsletterError for an edition that is not ready.
    """
    with writing(engine, exclusive=True) as connection:
        require(connection, number)
        edition = connection.execute(select(editions).where(editions.c.number == number)).one()
        if edition.held or edition.ready_at > now:
            waits = "is held" if edition.held else f"is in its hold time until {instant(edition.ready_at)}"
            raise NewsletterError(
                f"edition {number} {waits}: who follows its topics by its release is owed it anyway",
                hint=f"`{release(number)}` lets it go out.",
            )
        chosen = sorted(newcomers(connection, number) if people is None else set(people))
        rows = _debts(connection, number, chosen, ready_at=edition.ready_at, now=now)
        for start in range(0, len(rows), 1000):
            connection.execute(insert(reader_debts), rows[start : start + 1000])
    readers = len({row["subscriber_id"] for row in rows})
    return GivenEdition(edition=number, readers=readers, papers=len(rows), unchanged=len(chosen) - readers)


def _debts(
    connection: Connection, number: int, people: Collection[int], *, ready_at: datetime, now: datetime
) -> list[dict[str, Any]]:
    """The rows to add: each paper that a reader lacks, under its best topic that they follow."""
    topics_of: dict[int, dict[str, float]] = {}  # paper to its topics and scores
    for paper, topic, score in connection.execute(
        select(_CANONICAL, edition_papers.c.topic, edition_papers.c.score)
        .join(papers, papers.c.id == edition_papers.c.paper_id)
        .where(edition_papers.c.edition == number, PAIR_COUNTS)
    ):
        topics_of.setdefault(paper, {})[topic] = score
    rows = []
    for chunk in in_chunks(people):
        followed = _followed(connection, chunk, ready_at=ready_at)
        known = _known(connection, chunk, topics_of)
        for person in sorted(chunk):
            now_followed, then_followed = followed.get(person, (set(), set()))
            for paper, scores in topics_of.items():
                usable = now_followed & scores.keys()
                if not usable or then_followed & scores.keys() or (person, paper) in known:
                    continue
                best = max(usable, key=lambda topic: (topic != EVERYTHING, scores[topic], topic))
                rows.append(
                    {
                        "subscriber_id": person,
                        "paper_id": paper,
                        "topic": best,
                        "kind": Role.WELCOME.value,
                        "made_at": now,
                    }
                )
    return rows


def _followed(
    connection: Connection, people: Collection[int], *, ready_at: datetime
) -> dict[int, tuple[set[str], set[str]]]:
    """For each reader the topics followed now, and those followed when the edition was ready."""
    following, mailable = audience.following().subquery(), audience.mailable().subquery()
    found: dict[int, tuple[set[str], set[str]]] = {}
    for row in connection.execute(
        select(following)
        .join(mailable, mailable.c.subscriber_id == following.c.subscriber_id)
        .where(following.c.subscriber_id.in_(people))
    ):
        present, past = found.setdefault(row.subscriber_id, (set(), set()))
        if row.until is None:
            present.add(row.topic)
        if row.since <= ready_at and (row.until is None or row.until > ready_at):
            past.add(row.topic)
    return found


def _known(
    connection: Connection, people: Collection[int], paper_ids: Collection[int]
) -> set[tuple[int, int]]:
    """(reader, paper) pairs that a digest showed, or that a row of the reader stands for."""
    members = select(papers.c.id).where(_CANONICAL.in_(paper_ids))
    shown = (
        select(deliveries.c.subscriber_id, _CANONICAL)
        .join(digest_papers, digest_papers.c.digest_id == deliveries.c.digest_id)
        .join(papers, papers.c.id == digest_papers.c.paper_id)
        .where(
            deliveries.c.subscriber_id.in_(people),
            deliveries.c.kind == MailKind.DIGEST,
            digest_papers.c.form != Form.LEFT,
            digest_papers.c.paper_id.in_(members),
            or_(deliveries.c.state.not_in(["skipped", "failed"]), was_sent()),
        )
    )
    owed = (
        select(reader_debts.c.subscriber_id, _CANONICAL)
        .join(papers, papers.c.id == reader_debts.c.paper_id)
        .where(
            and_(
                reader_debts.c.subscriber_id.in_(people),
                reader_debts.c.paper_id.in_(members),
                reader_debts.c.ended.is_(None),
            )
        )
    )
    return {(row[0], row[1]) for statement in (shown, owed) for row in connection.execute(statement)}
