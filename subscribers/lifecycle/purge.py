"""What is not kept: people who asked and never confirmed.

Nobody who ever agreed is touched, but for one thing: who had left, was asked back and did not confirm has
left as before.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, delete, func, select, update

from subscribers import consent
from subscribers.consent import ConsentChange, EventKind
from subscribers.consent import events as consent_events
from subscribers.lifecycle.subscriptions import close
from subscribers.preferences import Preferences, as_columns
from subscribers.queries import State, SubscriberView, by_id, subscribers, subscriptions
from subscribers.tokens import random_id

KEEP_UNCONFIRMED = timedelta(days=7)  # docs/explanation/web-pages.md, “What is kept, and for how long”
PAGE = 500  # people looked at in one go


def purge(connection: Connection, *, now: datetime) -> int:
    """Drop pending people whose last request is older than UNCONFIRMED, a page at most; returns how many.

    Who came by a roster and was never asked stays: nothing has told them yet.
    """
    e = consent_events.c
    asked = (
        select(func.max(e.at))
        .where(
            e.subscriber_id == subscribers.c.id,
            e.what.in_([str(EventKind.REQUESTED), str(EventKind.CAME_BACK), str(EventKind.FOLLOWED)]),
        )
        .scalar_subquery()
    )
    late = select(subscribers.c.id).where(
        subscribers.c.state == State.PENDING, asked < now - KEEP_UNCONFIRMED, ~_by_roster_alone()
    )
    ids = list(connection.execute(late.order_by(subscribers.c.id).limit(PAGE)).scalars())
    for subscriber_id in ids:
        person = by_id(connection, subscriber_id, lock=True)
        if person.confirmed_at is None:
            remove_person(connection, person)
        else:
            _leave_again(connection, person, now=now)
    return len(ids)


def remove_person(connection: Connection, person: SubscriberView) -> None:
    """Take out every row of a person who never agreed to anything; of one who did, all that is personal."""
    if person.confirmed_at is None:
        connection.execute(delete(subscriptions).where(subscriptions.c.subscriber_id == person.id))
        connection.execute(delete(consent_events).where(consent_events.c.subscriber_id == person.id))
        if person.id != connection.execute(select(func.max(subscribers.c.id))).scalar_one():
            connection.execute(delete(subscribers).where(subscribers.c.id == person.id))
            return
        # SQLite gives the id of the last row again once that is gone, and letters of this one, their bounces
        # too, would be the next person's: the last row stays, with nothing of anybody in it.
        connection.execute(
            update(subscribers)
            .where(subscribers.c.id == person.id)
            .values({**as_columns(Preferences()), "ref": random_id(), "leave_id": random_id()})
        )
    connection.execute(
        update(subscribers)
        .where(subscribers.c.id == person.id)
        .values(
            state=State.ERASED,
            address=None,
            address_key=None,
            name="",
            paused_until=None,
            version=subscribers.c.version + 1,
        )
    )


def remove_address_changes(connection: Connection, ref: str) -> None:
    """Take out the pending people whom the reader `ref` had asked to move to, and nobody else had asked."""
    e = consent_events.c
    of = func.coalesce(e.detail["of"].as_string(), "")
    pending = select(subscribers.c.id).where(subscribers.c.state == State.PENDING)
    asked = select(e.subscriber_id).where(e.subscriber_id.in_(pending), of == ref)
    for subscriber_id in connection.execute(asked.distinct()).scalars().all():
        person = by_id(connection, subscriber_id, lock=True)
        by_others = select(e.id).where(e.subscriber_id == subscriber_id, of != ref)
        if person.state is State.PENDING and connection.execute(by_others).first() is None:
            remove_person(connection, person)


def _leave_again(connection: Connection, person: SubscriberView, *, now: datetime) -> None:
    left = consent.last(connection, person.id, [EventKind.UNSUBSCRIBED])
    close(connection, person.id, now=now)
    connection.execute(
        update(subscribers)
        .where(subscribers.c.id == person.id)
        .values(state=State.UNSUBSCRIBED, version=subscribers.c.version + 1)
    )
    # As they left then: their goodbye's undo still gives them back what they had.
    event = left or ConsentChange(what=EventKind.UNSUBSCRIBED, detail={"from": str(State.PENDING)})
    consent.record(connection, [(person.id, event)], how="time", now=now)


def _by_roster_alone() -> ColumnElement[bool]:
    e = consent_events.c
    others = select(e.id).where(e.subscriber_id == subscribers.c.id, e.how != "import")
    return ~others.exists()
