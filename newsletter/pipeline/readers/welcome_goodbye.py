"""The mails at the door: a welcome to who has just agreed, a goodbye to who has just left.

Posts them; what readers are owed is not touched: the titles in a welcome are a taste and no debt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection

from newsletter.core.cadence import Cadence, next_slot, zone_of
from newsletter.core.debts.digest_plan import EVERYTHING
from newsletter.core.states import MailKind
from newsletter.pipeline.content.digest_renderer import load_views
from newsletter.pipeline.content.transactional import (
    PaperTeaser,
    TransactionalRenderer,
    enqueue_transactional,
)
from newsletter.pipeline.readers import backlog
from subscribers.queries import SubscriberView

TASTE = 5  # titles in a welcome


def greet(
    connection: Connection, person: SubscriberView, *, renderer: TransactionalRenderer, now: datetime
) -> None:
    """Post the welcome of somebody who has just confirmed."""
    recent = backlog.recent(connection, person.topics, now=now, limit=TASTE)
    views = load_views(connection, [paper.id for paper in recent])
    enqueue_transactional(
        connection,
        renderer=renderer,
        kind=MailKind.WELCOME,
        subscriber_id=person.id,
        key=now.isoformat(),
        now=now,
        values={"topics": in_a_row(person.topics, renderer.titles), "first": first_in_words(person, now=now)},
        papers=[
            PaperTeaser(title=paper.title, link=views[paper.id].link, topic=paper.topic) for paper in recent
        ],
    )


def part(
    connection: Connection, person: SubscriberView, *, renderer: TransactionalRenderer, now: datetime
) -> None:
    """Post the goodbye of somebody who has just left everything."""
    enqueue_transactional(
        connection,
        renderer=renderer,
        kind=MailKind.GOODBYE,
        subscriber_id=person.id,
        key=now.isoformat(),
        now=now,
    )


def in_a_row(topics: Sequence[str], titles: Mapping[str, str]) -> str:
    """Topics as a reader says them: Circuits, Quantum and Neuromorphic."""
    names = [titles.get(topic, topic) for topic in topics if topic != EVERYTHING]
    if EVERYTHING in topics:
        names.append(titles.get(EVERYTHING, "everything else") if not names else "everything else")
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def first_in_words(person: SubscriberView, *, now: datetime) -> str:
    """When the first digest can come, as a sentence."""
    chosen = person.preferences
    cadence = Cadence(kind=chosen.cadence, weekday=chosen.weekday, hour=chosen.hour, timezone=chosen.timezone)
    at = next_slot(cadence, now).at.astimezone(zone_of(chosen.timezone))
    again = {"daily": "day", "weekdays": "weekday", "weekly": "week"}[chosen.cadence]
    return (
        f"Your first digest comes on {at:%A} {at.day} {at:%B} at {at:%H:%M} ({chosen.timezone}), "
        f"or on the first {again} after it that brings something new."
    )
