"""Lets an admin review an edition before it is mailed: hold it, release it, add a note, drop a paper.

It publishes nothing (`newsletter.pipeline.publish`) and mails nothing.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Engine, select

from newsletter.core.errors import NewsletterError
from newsletter.db.engine import writing
from newsletter.db.schema import edition_papers, papers
from newsletter.delivery.outbox.held_mail import held_editions, lock_out_senders, release_held
from newsletter.papers import editions, merging
from newsletter.pipeline.compose.stale_mail import digests_with_lost_papers
from newsletter.pipeline.deliver import edition_guard


def hold(engine: Engine, number: int) -> dict[str, Any]:
    """Keep edition `number` back until it is released; returns its row. Raises NotFoundError."""
    with writing(engine, exclusive=True) as connection:
        editions.hold(connection, number)
        return editions.rows(connection, number)[0]


def release(engine: Engine, number: int, *, now: datetime) -> dict[str, Any]:
    """Make edition `number` ready by `now` (aware); returns its row. Raises NotFoundError.

    Deliveries that wait for it continue, and refusals until now do not count any more.
    """
    with writing(engine, exclusive=True) as connection:
        lock_out_senders(connection)
        editions.require(connection, number)
        was_held = number in held_editions(connection)
        if was_held:
            edition_guard.excuse(connection, number)
        editions.release(connection, number, now=now)
        if was_held:
            release_held(connection, number, now=now, stale=digests_with_lost_papers())
        return editions.rows(connection, number)[0]


def note(engine: Engine, number: int, text: str) -> dict[str, Any]:
    """Set the editor's words of edition `number`, or remove them (empty). Raises NotFoundError."""
    with writing(engine, exclusive=True) as connection:
        editions.note(connection, number, text)
        return editions.rows(connection, number)[0]


def drop(engine: Engine, paper_id: int, *, now: datetime) -> int:
    """Drop a paper, and those merged with it, from every edition: readers who do not have it will not get it.

    Returns the number of (edition, topic) pairs taken out. Raises NotFoundError, and
    NewsletterError for a paper that is in no edition yet.
    """
    with writing(engine, exclusive=True) as connection:
        kept = merging.canonical(connection, paper_id)
        group = connection.execute(
            select(papers.c.id).where((papers.c.id == kept) | (papers.c.merged_into == kept))
        ).scalars()
        ids = list(group)
        published = connection.execute(
            select(edition_papers.c.edition).where(edition_papers.c.paper_id.in_(ids)).limit(1)
        ).first()
        if published is None:
            raise NewsletterError(
                f"paper {paper_id} is in no edition yet",
                hint="`newsletter editions publish` makes the edition that it can be dropped from.",
            )
        return editions.drop(connection, ids, now=now)
