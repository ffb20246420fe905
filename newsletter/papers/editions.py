"""Freezes news into editions; holds, releases and drops for an admin. It composes no digest.

An edition is ready at its last ingest plus the hold time, or when it is released. The moment at which a
process freezes it does not count.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, and_, case, delete, func, insert, literal, or_, select, update

from newsletter.core.debts.digest_plan import EVERYTHING
from newsletter.core.errors import NotFoundError
from newsletter.core.states import DebtEnd
from newsletter.db.schema import edition_maybes, edition_papers, editions, papers, reader_debts
from newsletter.db.search_index import index_note
from newsletter.papers.unpublished import unpublished_maybes, unpublished_pairs

# Composed deliveries stay, and wait for the release, when the program held the edition.
KEEPS_DELIVERIES = or_(~editions.c.held, editions.c.held_because.is_not(None))
# The pair was neither dropped nor withdrawn.
PAIR_COUNTS = and_(edition_papers.c.dropped_at.is_(None), edition_papers.c.withdrawn_at.is_(None))


def freeze(connection: Connection, *, now: datetime, day: date, hold: timedelta) -> int | None:
    """Make an edition of all news; returns its number, or None without news.

    day: the date printed on it. hold: the time between the last ingest and readiness, for a review.
    """
    news = unpublished_pairs().subquery()
    last = connection.execute(
        select(func.max(news.c.news_at, type_=editions.c.ready_at.type)).select_from(news)
    ).scalar_one()
    if last is None:
        return None
    # No sequence of PostgreSQL: previews are rolled back, and a sequence would keep their numbers.
    number = (newest(connection) or 0) + 1
    connection.execute(
        insert(editions),
        {"number": number, "date": day, "published_at": now, "ready_at": last + hold, "held": False},
    )
    place = func.dense_rank().over(order_by=(news.c.first_listed_on, news.c.first_position, news.c.paper_id))
    connection.execute(
        insert(edition_papers).from_select(
            ["edition", "paper_id", "topic", "score", "place"],
            select(literal(number), news.c.paper_id, news.c.topic, news.c.score, place),
        )
    )
    maybes = unpublished_maybes().subquery()
    connection.execute(
        insert(edition_maybes).from_select(
            ["edition", "paper_id", "topic", "score"],
            select(literal(number), maybes.c.paper_id, maybes.c.topic, maybes.c.score),
        )
    )
    connection.execute(
        update(papers)
        .where(
            papers.c.edition.is_(None),
            papers.c.id.in_(select(edition_papers.c.paper_id).where(edition_papers.c.edition == number)),
        )
        .values(edition=number)
    )
    return number


def newest(connection: Connection) -> int | None:
    """The number of the newest edition, ready or not."""
    return connection.execute(select(func.max(editions.c.number))).scalar_one_or_none()


def published_before(connection: Connection, number: int) -> datetime | None:
    """When the edition before this one was published; None for the first."""
    chosen = select(func.max(editions.c.published_at, type_=editions.c.published_at.type))
    return connection.execute(chosen.where(editions.c.number < number)).scalar_one_or_none()


def newest_ready(connection: Connection, *, now: datetime) -> int | None:
    """The number of the newest edition that goes out at `now` (aware): neither held nor in its hold time."""
    chosen = select(func.max(editions.c.number)).where(~editions.c.held, editions.c.ready_at <= now)
    return connection.execute(chosen).scalar_one_or_none()


def rows(connection: Connection, number: int | None = None) -> list[dict[str, Any]]:
    """Editions as `editions list` prints them, the oldest first: number, date, ready_at, papers, by_topic."""
    chosen = select(editions).order_by(editions.c.number)
    if number is not None:
        chosen = chosen.where(editions.c.number == number)
    found = connection.execute(chosen).all()
    counts = (
        select(
            edition_papers.c.edition,
            edition_papers.c.topic,
            func.count().label("pairs"),
        )
        .where(PAIR_COUNTS)
        .group_by(edition_papers.c.edition, edition_papers.c.topic)
        .order_by(edition_papers.c.edition, edition_papers.c.topic)
    )
    if number is not None:
        counts = counts.where(edition_papers.c.edition == number)
    by_topic: dict[int, dict[str, int]] = {}
    for row in connection.execute(counts):
        by_topic.setdefault(row.edition, {})[row.topic] = row.pairs
    return [
        {
            "number": edition.number,
            "date": edition.date.isoformat(),
            "published_at": edition.published_at.isoformat(),
            "ready_at": edition.ready_at.isoformat(),
            "held": edition.held,
            "held_because": edition.held_because,
            "note": edition.note,
            # every paper of an edition is in `everything`, whatever else it is in
            "papers": by_topic.get(edition.number, {}).get(EVERYTHING, 0),
            "by_topic": _without_everything(by_topic.get(edition.number, {})),
        }
        for edition in found
    ]


def next_row(connection: Connection) -> dict[str, Any]:
    """The edition that publishing would freeze now, in the shape of `rows`; its number and dates are null."""
    news = unpublished_pairs().subquery()
    counted = connection.execute(
        select(news.c.topic, func.count().label("pairs")).group_by(news.c.topic).order_by(news.c.topic)
    )
    by_topic = {row.topic: row.pairs for row in counted}
    total = connection.execute(select(func.count(news.c.paper_id.distinct()))).scalar_one()
    return {
        "number": None,
        "date": None,
        "published_at": None,
        "ready_at": None,
        "held": False,
        "held_because": None,
        "note": None,
        "papers": total,
        "by_topic": _without_everything(by_topic),
    }


def _without_everything(by_topic: dict[str, int]) -> dict[str, int]:
    return {topic: count for topic, count in by_topic.items() if topic != EVERYTHING}


def require(connection: Connection, number: int) -> None:
    """Raise NotFoundError when there is no such edition; the hint says when it is only unpublished."""
    if connection.execute(select(editions.c.number).where(editions.c.number == number)).first() is not None:
        return
    last = newest(connection) or 0
    if number > last and connection.execute(unpublished_pairs().limit(1)).first() is not None:
        hint = (
            f"What is new is not published yet: `newsletter editions publish` makes edition {last + 1} of it."
        )
    elif last == 0:
        hint = (
            "Nothing is published yet: `newsletter ingest` brings papers, `newsletter editions publish` them."
        )
    else:
        hint = "`newsletter editions list` shows those there are."
    raise NotFoundError(f"there is no edition {number}", hint=hint)


def waiting(connection: Connection, *, now: datetime) -> list[int]:
    """The numbers of the editions that are held, or in their hold time at `now` (aware)."""
    chosen = select(editions.c.number).where(or_(editions.c.held, editions.c.ready_at > now))
    return list(connection.execute(chosen.order_by(editions.c.number)).scalars())


def hold_others(connection: Connection, number: int) -> None:
    """Hold every edition but one: only in a transaction that is rolled back."""
    connection.execute(
        update(editions).where(editions.c.number != number).values(held=True, held_because=None)
    )


def hold(connection: Connection, number: int) -> None:
    """Hold an edition back from all readers who have not received it."""
    require(connection, number)
    connection.execute(
        update(editions).where(editions.c.number == number).values(held=True, held_because=None)
    )


def hold_for(connection: Connection, number: int, because: str) -> bool:
    """Hold an edition for a reason that the program found; composed deliveries stay. False: already held."""
    return bool(
        connection.execute(
            update(editions)
            .where(editions.c.number == number, ~editions.c.held)
            .values(held=True, held_because=because)
        ).rowcount
    )


def held_because(connection: Connection, number: int) -> str | None:
    """The reason for which the program holds an edition; None when it does not."""
    return connection.execute(
        select(editions.c.held_because).where(editions.c.number == number)
    ).scalar_one_or_none()


def release(connection: Connection, number: int, *, now: datetime) -> None:
    """Make an edition ready at `now` when it is held or not yet ready; else nothing changes."""
    require(connection, number)
    waits = editions.c.held | (editions.c.ready_at > now)
    connection.execute(
        update(editions)
        .where(editions.c.number == number)
        .values(
            ready_at=case((waits, now), else_=editions.c.ready_at),
            released=case((waits, True), else_=editions.c.released),
            held=False,
            held_because=None,
        )
    )


def note(connection: Connection, number: int, text: str) -> None:
    """Set the editor's note of an edition; an empty one removes it. Composed digests keep their note."""
    require(connection, number)
    connection.execute(update(editions).where(editions.c.number == number).values(note=text.strip() or None))
    index_note(connection, number, text)


def drop(connection: Connection, paper_ids: Sequence[int], *, now: datetime) -> int:
    """Drop papers from every edition for readers who have not received them; returns the dropped pairs."""
    dropped = connection.execute(
        update(edition_papers)
        .where(edition_papers.c.paper_id.in_(paper_ids), PAIR_COUNTS)
        .values(dropped_at=now)
    )
    connection.execute(delete(edition_maybes).where(edition_maybes.c.paper_id.in_(paper_ids)))
    return dropped.rowcount


def restore(connection: Connection, paper_ids: Sequence[int], *, now: datetime) -> int:
    """Take dropped papers back into their editions; returns the restored pairs.

    Rows of readers that ended as dropped are open again. Doubtful pairs do not come back.
    """
    restored = connection.execute(
        update(edition_papers)
        .where(
            edition_papers.c.paper_id.in_(paper_ids),
            edition_papers.c.dropped_at.is_not(None),
            edition_papers.c.withdrawn_at.is_(None),
        )
        .values(dropped_at=None, restored_at=now)
    )
    connection.execute(
        update(reader_debts)
        .where(reader_debts.c.paper_id.in_(paper_ids), reader_debts.c.ended == DebtEnd.DROPPED)
        .values(ended=None, ended_at=None)
    )
    return restored.rowcount
