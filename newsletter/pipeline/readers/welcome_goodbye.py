"""Queues the welcome after a confirmation and the goodbye after leaving. Sends nothing, changes no debts.

The titles in a welcome do not count as given.
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

TITLES_IN_WELCOME = 5


def enqueue_welcome(
    connection: Connection, person: SubscriberView, *, renderer: TransactionalRenderer, now: datetime
) -> None:
    """Queue the welcome of a reader who has just confirmed."""
    recent = backlog.spread(connection, person.topics, now=now, limit=TITLES_IN_WELCOME)
    views = load_views(connection, [paper.id for paper in recent])
    enqueue_transactional(
        connection,
        renderer=renderer,
        kind=MailKind.WELCOME,
        subscriber_id=person.id,
        key=now.isoformat(),
        now=now,
        values={
            "topics": joined_titles(person.topics, renderer.titles),
            "first": first_digest_sentence(person, now=now),
        },
        papers=[
            PaperTeaser(title=paper.title, link=views[paper.id].link, topic=paper.topic) for paper in recent
        ],
    )


def enqueue_goodbye(
    connection: Connection, person: SubscriberView, *, renderer: TransactionalRenderer, now: datetime
) -> None:
    """Queue the goodbye of a reader who has just left everything."""
    enqueue_transactional(
        connection,
        renderer=renderer,
        kind=MailKind.GOODBYE,
        subscriber_id=person.id,
        key=now.isoformat(),
        now=now,
    )


def joined_titles(topics: Sequence[str], titles: Mapping[str, str]) -> str:
    """The titles of topics as a phrase: Circuits, Quantum and Neuromorphic."""
    names = [titles.get(topic, topic) for topic in topics if topic != EVERYTHING]
    if EVERYTHING in topics:
        names.append(titles.get(EVERYTHING, "everything else") if not names else "everything else")
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def first_digest_sentence(person: SubscriberView, *, now: datetime) -> str:
    """A sentence that says when the first digest comes."""
    chosen = person.preferences
    cadence = Cadence(kind=chosen.cadence, weekday=chosen.weekday, hour=chosen.hour, timezone=chosen.timezone)
    at = next_slot(cadence, now).at.astimezone(zone_of(chosen.timezone))
    first = {"daily": "on the first day", "weekdays": "on the first weekday", "weekly": "in the first week"}
    return (
        f"Your first digest comes on {at:%A} {at.day} {at:%B} at {at:%H:%M} ({chosen.timezone}), "
        f"or {first[chosen.cadence]} after it that brings something new."
    )
