"""Lets an admin review an edition before it is mailed: hold it, release it, add a note, drop a paper.

It mails nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, select

from newsletter.core.errors import NewsletterError, NotFoundError
from newsletter.db.engine import writing
from newsletter.db.schema import edition_papers, papers
from newsletter.delivery.outbox.held_mail import held_editions, lock_out_senders, release_held
from newsletter.papers import editions, merging
from newsletter.pipeline.compose.stale_mail import digests_with_lost_papers
from newsletter.pipeline.deliver import edition_guard
from newsletter.pipeline.publish import NO_HOLD, publish_in
from newsletter.render import editor_note


def hold(engine: Engine, number: int) -> dict[str, Any]:
    """Keep edition `number` back until it is released; returns its row. Raises NotFoundError."""
    with writing(engine, exclusive=True) as connection:
        editions.hold(connection, number)
        return editions.rows(connection, number)[0]


def hold_next(engine: Engine, *, now: datetime, zone: str) -> dict[str, Any]:
    """Publish what is new and keep it back in one step, so that no `send` comes between; returns its row.

    now: aware. zone: of the edition's date. Raises NotFoundError when nothing is new.
    """
    with writing(engine, exclusive=True) as connection:
        number = publish_in(connection, now=now, zone=zone, hold=NO_HOLD)
        if number is None:
            raise NotFoundError(
                "nothing is new since the last edition", hint="`newsletter ingest` brings papers."
            )
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
    """Set the editor's words of edition `number`, or remove them (empty).

    Raises NotFoundError, and UsageError for words that no mail can show.
    """
    words = editor_note.checked(text)
    with writing(engine, exclusive=True) as connection:
        editions.note(connection, number, words)
        return editions.rows(connection, number)[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class DroppedPaper:
    """The outcome of a drop or its undoing."""

    paper: int  # id of the kept paper, after merges
    title: str
    editions: tuple[int, ...]  # that held it
    pairs: int  # (edition, topic) pairs that changed


def drop(engine: Engine, paper_id: int, *, now: datetime) -> DroppedPaper:
    """Drop a paper, and those merged with it, from every edition: readers who do not have it will not get it.

    Raises NotFoundError, and NewsletterError for a paper that is in no edition yet.
    """
    with writing(engine, exclusive=True) as connection:
        group = _group(connection, paper_id)
        return replace(group.dropped, pairs=editions.drop(connection, group.ids, now=now))


def restore(engine: Engine, paper_id: int, *, now: datetime) -> DroppedPaper:
    """Undo a drop: who follows its topics and has not got it is owed it again. Raises as `drop` does."""
    with writing(engine, exclusive=True) as connection:
        group = _group(connection, paper_id)
        return replace(group.dropped, pairs=editions.restore(connection, group.ids, now=now))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Group:
    ids: list[int]  # of the papers that are one
    dropped: DroppedPaper


def _group(connection: Connection, paper_id: int) -> _Group:
    kept = merging.require(connection, merging.canonical(connection, paper_id))
    ids = list(
        connection.execute(
            select(papers.c.id).where((papers.c.id == kept.id) | (papers.c.merged_into == kept.id))
        ).scalars()
    )
    held_by = connection.execute(
        select(edition_papers.c.edition)
        .where(edition_papers.c.paper_id.in_(ids))
        .distinct()
        .order_by(edition_papers.c.edition)
    ).scalars()
    numbers = tuple(held_by)
    if not numbers:
        raise NewsletterError(
            f"paper {paper_id} is in no edition yet",
            hint="`newsletter editions publish` makes the edition that it can be dropped from.",
        )
    return _Group(ids=ids, dropped=DroppedPaper(paper=kept.id, title=kept.title, editions=numbers, pairs=0))
