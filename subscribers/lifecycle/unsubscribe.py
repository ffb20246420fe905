"""Unsubscribes, undoes that, and pauses. A repeat changes nothing. Erases and suppresses nobody."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, update

from subscribers import consent
from subscribers.consent import ConsentChange, EventKind
from subscribers.errors import SubscriberError, UnknownTopicError
from subscribers.lifecycle import signup_choices, subscriptions
from subscribers.queries import State, SubscriberView, by_id, paged, subscribers


def unsubscribe(
    connection: Connection,
    *,
    subscriber_id: int,
    how: str,
    now: datetime,
    topics: Sequence[str] | None = None,
) -> SubscriberView:
    """Leave these topics, or everything. Leaving the last topic means leaving everything.

    A topic that was left before is skipped; one that was never followed raises UnknownTopicError.
    """
    person = by_id(connection, subscriber_id, lock=True)
    if topics is not None:
        for topic in topics:
            if topic not in person.topics and topic not in person.left:
                follows = ", ".join(person.topics) or "nothing"
                # Without the address: the page of a forwarded link shows this text.
                raise UnknownTopicError(f"{topic!r} was never followed", hint=f"Followed now: {follows}.")
        wanted = tuple(topic for topic in person.topics if topic in topics)
        if set(wanted) != set(person.topics):
            return _leave_topics(connection, person, wanted, how=how, now=now) if wanted else person
    return _leave(connection, person, how=how, now=now)


def _leave_topics(
    connection: Connection, person: SubscriberView, topics: tuple[str, ...], *, how: str, now: datetime
) -> SubscriberView:
    subscriptions.close(connection, person.id, now=now, topics=topics)
    _set(connection, person, {})
    consent.record(
        connection, [(person.id, ConsentChange(what=EventKind.LEFT, topics=topics))], how=how, now=now
    )
    return by_id(connection, person.id)


def _leave(connection: Connection, person: SubscriberView, *, how: str, now: datetime) -> SubscriberView:
    if person.state in (State.UNSUBSCRIBED, State.ERASED):
        return person
    if person.state is State.SUPPRESSED:
        # The suppression stays. The ledger must also hold that they left, for when it is lifted.
        before = consent.last(connection, person.id, [EventKind.SUPPRESSED, EventKind.UNSUBSCRIBED])
        if before is not None and before.what is EventKind.UNSUBSCRIBED:
            return person
    else:
        subscriptions.close(connection, person.id, now=now)
        signup_choices.remove(connection, person.id)
        _set(connection, person, {"state": State.UNSUBSCRIBED})
    event = ConsentChange(
        what=EventKind.UNSUBSCRIBED, topics=person.topics, detail={"from": str(person.state)}
    )
    consent.record(connection, [(person.id, event)], how=how, now=now)
    return by_id(connection, person.id)


def undo(connection: Connection, *, subscriber_id: int, how: str, now: datetime) -> SubscriberView:
    """Undo the last unsubscription: its topics are followed again, starting now.

    After leaving everything a person gets the same topics back, even if somebody requested others for the
    address since. Raises SubscriberError when nothing was left, or when they consented again since.
    """
    person = by_id(connection, subscriber_id, lock=True)
    last = consent.last(connection, person.id, [EventKind.LEFT, EventKind.UNSUBSCRIBED, EventKind.CONFIRMED])
    left_everything = last is not None and last.what is EventKind.UNSUBSCRIBED
    was_pending = last is not None and last.detail.get("from") == State.PENDING
    nothing_to_undo = last is None or last.what is EventKind.CONFIRMED or not (last.topics or was_pending)
    if last is None or nothing_to_undo or person.state in (State.ERASED, State.SUPPRESSED):
        raise SubscriberError("there is no leaving to take back", hint="Choose the topics again.")
    topics = tuple(topic for topic in last.topics if topic not in person.topics)
    state = person.state
    if left_everything and state in (State.UNSUBSCRIBED, State.PENDING):
        state = State.CONFIRMED if last.detail.get("from") == State.CONFIRMED else State.PENDING
    if not topics and state is person.state:
        return person
    values: dict[str, Any] = {"state": state}
    if left_everything and state is State.CONFIRMED:
        values |= {"slots_done_to": now, "cadence_since": now}
    _set(connection, person, values)
    if left_everything and person.state is State.PENDING and state is State.CONFIRMED:
        # Others may have asked for other topics meanwhile, but this link is from the person's own mail.
        subscriptions.drop_pending(connection, person.id)
        signup_choices.remove(connection, person.id)
        topics = last.topics
    since = now if state is State.CONFIRMED else None
    subscriptions.open_(connection, [(person.id, topic, since) for topic in topics])
    what = EventKind.CAME_BACK if left_everything else EventKind.FOLLOWED
    event = ConsentChange(what=what, topics=topics, detail={"undo": True, "to": str(state)})
    consent.record(connection, [(person.id, event)], how=how, now=now)
    return by_id(connection, person.id)


def pause(
    connection: Connection, *, subscriber_id: int, until: datetime | None, how: str, now: datetime
) -> SubscriberView:
    """Send no digest before `until` (None: end the pause). Papers of that time stay owed."""
    person = by_id(connection, subscriber_id, lock=True)
    if until is not None and until <= now:
        raise SubscriberError(
            f"a pause cannot end in the past: {until.isoformat()}", hint="Name a later date."
        )
    if person.paused_until == until or person.state is State.ERASED:
        return person
    values: dict[str, Any] = {"paused_until": until}
    if until is None and person.paused_until is not None and person.paused_until > now:
        values["cadence_since"] = now  # the slots of the pause stay closed
    _set(connection, person, values)
    detail = {} if until is None else {"until": until.isoformat()}
    event = ConsentChange(what=EventKind.RESUMED if until is None else EventKind.PAUSED, detail=detail)
    consent.record(connection, [(person.id, event)], how=how, now=now)
    return by_id(connection, person.id)


def pause_many(
    connection: Connection, paused: Sequence[tuple[int, datetime]], *, how: str, now: datetime
) -> None:
    """Pause people: (subscriber id, until). A pause in the past is only recorded."""
    ids_by_end: dict[datetime, list[int]] = {}
    for subscriber_id, until in paused:
        ids_by_end.setdefault(until, []).append(subscriber_id)
    for until, ids in ids_by_end.items():
        for page in paged(ids):
            connection.execute(
                update(subscribers)
                .where(subscribers.c.id.in_(page))
                .values(paused_until=until, version=subscribers.c.version + 1)
            )
    events = (
        (subscriber_id, ConsentChange(what=EventKind.PAUSED, detail={"until": until.isoformat()}))
        for subscriber_id, until in paused
    )
    consent.record(connection, events, how=how, now=now)


def _set(connection: Connection, person: SubscriberView, values: dict[str, Any]) -> None:
    connection.execute(
        update(subscribers)
        .where(subscribers.c.id == person.id)
        .values({**values, "version": subscribers.c.version + 1})
    )
