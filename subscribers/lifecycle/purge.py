"""Deletes people who asked and never confirmed. Keeps everybody who ever consented.

A person who left, was asked to come back and did not confirm is unsubscribed as before.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, delete, func, select, update

from subscribers import consent
from subscribers.consent import ConsentChange, EventKind
from subscribers.consent import events as consent_events
from subscribers.lifecycle import signup_choices, strikes
from subscribers.lifecycle.subscriptions import close, drop_pending
from subscribers.preferences import Preferences, as_columns
from subscribers.queries import State, SubscriberView, by_id, subscribers, subscriptions
from subscribers.tokens import random_id

KEEP_UNCONFIRMED = timedelta(days=7)  # docs/explanation/web-pages.md, “What is kept, and for how long”
PURGED_AT_ONCE = 500  # people in one transaction


def purge(connection: Connection, *, now: datetime) -> list[int]:
    """Delete pending people whose last request is older than KEEP_UNCONFIRMED; at most PURGED_AT_ONCE.

    Returns their ids. People whom a roster brought and nobody asked yet stay.
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
    overdue = select(subscribers.c.id).where(
        subscribers.c.state == State.PENDING,
        asked < now - KEEP_UNCONFIRMED,
        ~_only_imported(),
        ~signup_choices.asked_since(subscribers.c.id, now - KEEP_UNCONFIRMED),
    )
    ids = list(connection.execute(overdue.order_by(subscribers.c.id).limit(PURGED_AT_ONCE)).scalars())
    for subscriber_id in ids:
        person = by_id(connection, subscriber_id, lock=True)
        if person.confirmed_at is None:
            remove_person(connection, person)
        else:
            _restore_unsubscribed(connection, person, now=now)
    return ids


def remove_person(connection: Connection, person: SubscriberView) -> None:
    """Delete all rows of a person who never consented; of one who did, delete the personal data."""
    signup_choices.remove(connection, person.id)
    if person.confirmed_at is None:
        strikes.clear(connection, [person.id])
        connection.execute(delete(subscriptions).where(subscriptions.c.subscriber_id == person.id))
        connection.execute(delete(consent_events).where(consent_events.c.subscriber_id == person.id))
        if person.id != connection.execute(select(func.max(subscribers.c.id))).scalar_one():
            connection.execute(delete(subscribers).where(subscribers.c.id == person.id))
            return
        # SQLite reuses the id of a deleted last row. Deliveries and bounces of this person would then belong
        # to the next one. So the last row stays, without personal data.
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
    """Delete the pending people of address changes by the reader `ref`, unless others added them as well."""
    e = consent_events.c
    of = func.coalesce(e.detail["of"].as_string(), "")
    pending = select(subscribers.c.id).where(subscribers.c.state == State.PENDING)
    asked = select(e.subscriber_id).where(e.subscriber_id.in_(pending), of == ref)
    for subscriber_id in connection.execute(asked.distinct()).scalars().all():
        person = by_id(connection, subscriber_id, lock=True)
        by_others = select(e.id).where(e.subscriber_id == subscriber_id, of != ref)
        if person.state is State.PENDING and connection.execute(by_others).first() is None:
            remove_person(connection, person)


def _restore_unsubscribed(connection: Connection, person: SubscriberView, *, now: datetime) -> None:
    left = consent.last(connection, person.id, [EventKind.UNSUBSCRIBED])
    signup_choices.remove(connection, person.id)
    drop_pending(connection, person.id)
    close(connection, person.id, now=now)
    connection.execute(
        update(subscribers)
        .where(subscribers.c.id == person.id)
        .values(state=State.UNSUBSCRIBED, version=subscribers.c.version + 1)
    )
    # The same event as when they left: the undo link of their goodbye still restores the same topics.
    event = left or ConsentChange(what=EventKind.UNSUBSCRIBED, detail={"from": str(State.PENDING)})
    consent.record(connection, [(person.id, event)], how="time", now=now)


def _only_imported() -> ColumnElement[bool]:
    e = consent_events.c
    others = select(e.id).where(e.subscriber_id == subscribers.c.id, e.how != "import")
    return ~others.exists()
