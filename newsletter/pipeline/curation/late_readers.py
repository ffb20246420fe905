"""Gives the papers of an edition to readers who joined after it was ready. It mails nothing.

Each paper becomes a debt of that reader, as the papers of a welcome are; their next digest brings it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Select, func, insert, or_, select

from newsletter.core.debts.account import SMALLEST_STEP
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
from newsletter.pipeline.history.given import had_before
from subscribers import audience

_CANONICAL = func.coalesce(papers.c.merged_into, papers.c.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenEdition:
    """What was given."""

    edition: int
    readers: int  # who are owed papers now that they were not owed before
    papers: int  # debts made: one for each reader and paper
    unchanged: int  # readers who lack nothing of it
    not_mailable: int  # people who left, are suppressed or have not confirmed


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
        named = newcomers(connection, number) if people is None else set(people)
        chosen = sorted(_mailable(connection, named))
        rows = _debts(connection, number, chosen, ready_at=edition.ready_at, now=now)
        for start in range(0, len(rows), 1000):
            connection.execute(insert(reader_debts), rows[start : start + 1000])
    readers = len({row["subscriber_id"] for row in rows})
    return GivenEdition(
        edition=number,
        readers=readers,
        papers=len(rows),
        unchanged=len(chosen) - readers,
        not_mailable=len(named) - len(chosen),
    )


def _mailable(connection: Connection, people: Collection[int]) -> set[int]:
    person = audience.mailable().subquery()
    found: set[int] = set()
    for chunk in in_chunks(people):
        chosen = select(person.c.subscriber_id).where(person.c.subscriber_id.in_(chunk))
        found.update(connection.execute(chosen).scalars())
    return found


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
        shown, owed = _shown(connection, chunk, topics_of), _owed(connection, chunk, topics_of)
        for person in sorted(chunk):
            now_followed, then_followed = followed.get(person, ({}, set()))
            for paper, scores in topics_of.items():
                usable = now_followed.keys() & scores.keys()
                if not usable or then_followed & scores.keys() or (person, paper) in shown:
                    continue
                since = min(now_followed[topic] for topic in usable)
                if owed.get((person, paper), since - SMALLEST_STEP) >= since:
                    continue  # an older row ends: its reader left since, and came back
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
) -> dict[int, tuple[dict[str, datetime], set[str]]]:
    """For each reader the topics followed now, since when, and those followed when the edition was ready."""
    following = audience.following().subquery()
    found: dict[int, tuple[dict[str, datetime], set[str]]] = {}
    for row in connection.execute(select(following).where(following.c.subscriber_id.in_(people))):
        present, past = found.setdefault(row.subscriber_id, ({}, set()))
        if row.until is None:
            present[row.topic] = row.since
        if row.since <= ready_at and (row.until is None or row.until > ready_at):
            past.add(row.topic)
    return found


def _shown(
    connection: Connection, people: Collection[int], paper_ids: Collection[int]
) -> set[tuple[int, int]]:
    """(reader, paper) pairs that a digest showed, or that one which waits shows."""
    chosen = (
        select(deliveries.c.subscriber_id, _CANONICAL)
        .join(digest_papers, digest_papers.c.digest_id == deliveries.c.digest_id)
        .join(papers, papers.c.id == digest_papers.c.paper_id)
        .where(
            deliveries.c.subscriber_id.in_(people),
            deliveries.c.kind == MailKind.DIGEST,
            digest_papers.c.form != Form.LEFT,
            digest_papers.c.paper_id.in_(_members(paper_ids)),
            or_(deliveries.c.state.not_in(["skipped", "failed"]), was_sent()),
        )
    )
    # Only people who have a last digest of which the row is there can have packed mail.
    readers = select(deliveries.c.subscriber_id).where(deliveries.c.subscriber_id.in_(people)).distinct()
    packed = {
        (reader, paper)
        for reader, paper, shown, inherited in had_before(connection, paper_ids, readers)
        if shown.received and not (shown.doubtful or inherited)
    }
    return packed | {(row[0], row[1]) for row in connection.execute(chosen)}


def _owed(
    connection: Connection, people: Collection[int], paper_ids: Collection[int]
) -> dict[tuple[int, int], datetime]:
    """(reader, paper) pairs for which a row of the reader stands, and when the newest was made."""
    chosen = (
        select(
            reader_debts.c.subscriber_id,
            _CANONICAL,
            func.max(reader_debts.c.made_at, type_=reader_debts.c.made_at.type),
        )
        .join(papers, papers.c.id == reader_debts.c.paper_id)
        .where(
            reader_debts.c.subscriber_id.in_(people),
            reader_debts.c.paper_id.in_(_members(paper_ids)),
            reader_debts.c.ended.is_(None),
        )
        .group_by(reader_debts.c.subscriber_id, _CANONICAL)
    )
    return {(row[0], row[1]): row[2] for row in connection.execute(chosen)}


def _members(paper_ids: Collection[int]) -> Select[Any]:
    """These papers and all that are merged into them."""
    return select(papers.c.id).where(_CANONICAL.in_(paper_ids))
