"""Finds what keeps papers from readers or waits for an admin. It changes nothing.

The sentences are in `newsletter.core.notices`. Files of the inbox are no rows: the command line adds them.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, func, or_, select

from newsletter.core import notices
from newsletter.core.cadence import MAX_DEBT_AGE
from newsletter.core.notices import Notice
from newsletter.core.states import DumpStatus, MailKind
from newsletter.db.schema import deliveries, dumps, edition_papers, editions, reader_debts
from newsletter.papers import merging
from newsletter.papers.editions import PAIR_COUNTS, newest
from newsletter.papers.unpublished import unpublished_pairs
from subscribers import audience


def of_editions(connection: Connection, *, now: datetime, reader: int | None = None) -> list[Notice]:
    """Editions that are held or in their hold time at `now`, and who joined after the latest one was ready.

    reader: a subscriber's id; those who joined are told of only when this reader is one of them.
    """
    waiting = connection.execute(
        select(editions.c.number, editions.c.held, editions.c.held_because, editions.c.ready_at)
        .where(or_(editions.c.held, editions.c.ready_at > now))
        .order_by(editions.c.number)
    )
    found = [
        notices.edition_held(row.number, row.held_because)
        if row.held
        else notices.edition_waits(row.number, row.ready_at)
        for row in waiting
    ]
    latest = latest_ready(connection, now=now)
    if latest is not None:
        people = newcomers(connection, latest)
        if people and (reader is None or reader in people):
            found.append(notices.joined_later(latest, len(people)))
    return found


def of_newcomer(
    connection: Connection, *, reader: int, address: str, hold: timedelta, now: datetime
) -> list[Notice]:
    """What a reader (by id and address) does not get, because it came in before they joined.

    hold: as editions are published with. Published papers: only while this reader was never mailed.
    """
    found = [each for each in of_editions(connection, now=now, reader=reader) if each.what == "joined later"]
    news, following = unpublished_pairs().subquery(), audience.following().subquery()
    last = connection.execute(
        select(func.max(news.c.news_at, type_=editions.c.ready_at.type)).select_from(news)
    ).scalar_one()
    if last is None:
        return found
    late = connection.execute(
        select(func.count(news.c.paper_id.distinct()))
        .select_from(news)
        .join(following, following.c.topic == news.c.topic)
        .where(
            following.c.subscriber_id == reader,
            following.c.until.is_(None),
            following.c.since > last + hold,
        )
    ).scalar_one()
    if late:
        found.append(notices.came_before((newest(connection) or 0) + 1, late, address))
    return found


def of_dumps_and_papers(connection: Connection) -> list[Notice]:
    """Dumps that are held, and pairs of papers that look alike."""
    held = connection.execute(
        select(dumps.c.file, dumps.c.sha256, dumps.c.error)
        .where(dumps.c.status == DumpStatus.HELD)
        .order_by(dumps.c.id)
    )
    found = [notices.dump_held(row.file, row.sha256, row.error or "") for row in held]
    alike = [
        (case["id"], case["title"], case["other_id"], case["other_title"])
        for case in merging.open_cases(connection)
    ]
    return [*found, notices.look_alike(alike)] if alike else found


def latest_ready(connection: Connection, *, now: datetime) -> int | None:
    """The newest edition that may be mailed at `now` and is not too old; None without one."""
    return connection.execute(
        select(func.max(editions.c.number)).where(
            ~editions.c.held, editions.c.ready_at <= now, editions.c.ready_at >= now - MAX_DEBT_AGE
        )
    ).scalar_one_or_none()


def newcomers(connection: Connection, number: int) -> set[int]:
    """Readers who would have had a paper of an edition, had they not joined after it was ready.

    Only those who were never mailed a digest and are owed nothing by a row of their own.
    """
    people, following = audience.mailable().subquery(), audience.following().subquery()
    mailed = select(deliveries.c.id).where(
        deliveries.c.subscriber_id == people.c.subscriber_id, deliveries.c.kind == MailKind.DIGEST
    )
    owed = select(reader_debts.c.id).where(reader_debts.c.subscriber_id == people.c.subscriber_id)
    earlier = following.alias("earlier")
    before = select(earlier.c.topic).where(
        earlier.c.subscriber_id == people.c.subscriber_id, earlier.c.since <= editions.c.ready_at
    )
    return set(
        connection.execute(
            select(people.c.subscriber_id)
            .join(following, following.c.subscriber_id == people.c.subscriber_id)
            .join(edition_papers, edition_papers.c.topic == following.c.topic)
            .join(editions, editions.c.number == edition_papers.c.edition)
            .where(
                edition_papers.c.edition == number,
                PAIR_COUNTS,
                following.c.until.is_(None),
                following.c.since > editions.c.ready_at,
                ~before.exists(),
                ~mailed.exists(),
                ~owed.exists(),
            )
            .distinct()
        ).scalars()
    )
