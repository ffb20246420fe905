"""Who may be mailed: selectables that others join without naming this package's tables.

Each function that returns a Select promises its column names; more may come, none goes.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, func, or_, select, text, update

from subscribers.queries import State, subscribers, subscriptions


def mailable() -> Select[Any]:
    """Everybody who may get a digest now: subscriber_id, ref, leave_id, address, name, cadence, weekday,
    hour, timezone, text_only, minimum, maximum, maybe, version, paused_until, slots_done_to, confirmed_at."""
    return _people().where(subscribers.c.state == State.CONFIRMED)


def reachable() -> Select[Any]:
    """Everybody who may get a mail that they asked for (a confirmation, a link): pending people too.
    The columns of `mailable`, and state."""
    return (
        _people()
        .add_columns(subscribers.c.state)
        .where(subscribers.c.state.in_([State.PENDING, State.CONFIRMED]))
    )


def departed() -> Select[Any]:
    """Everybody who left, for the one mail that says so; those who may not be mailed at all are not among
    them. The columns of `mailable`."""
    return _people().where(subscribers.c.state == State.UNSUBSCRIBED, subscribers.c.address.is_not(None))


def states() -> Select[Any]:
    """Everybody, erased ones included: subscriber_id, state."""
    return select(subscribers.c.id.label("subscriber_id"), subscribers.c.state)


def _people() -> Select[Any]:
    return select(
        subscribers.c.id.label("subscriber_id"),
        *(
            subscribers.c[name]
            for name in (
                "ref",
                "leave_id",
                "address",
                "name",
                "cadence",
                "weekday",
                "hour",
                "timezone",
                "text_only",
                "minimum",
                "maximum",
                "maybe",
                "version",
                "paused_until",
                "slots_done_to",
                "confirmed_at",
            )
        ),
    )


def following() -> Select[Any]:
    """All confirmed intervals, ended ones and those of people who left included: subscriber_id, topic,
    since, until (None: still followed). What was only asked for has no interval."""
    return select(
        subscriptions.c.subscriber_id, subscriptions.c.topic, subscriptions.c.since, subscriptions.c.until
    ).where(subscriptions.c.since.is_not(None))


def accounts() -> Select[Any]:
    """Everybody who was ever confirmed, those who left, are suppressed or were erased included:
    subscriber_id, state, cadence, weekday, hour, timezone, cadence_since, paused_until, minimum."""
    return select(
        subscribers.c.id.label("subscriber_id"),
        *(
            subscribers.c[name]
            for name in (
                "state",
                "cadence",
                "weekday",
                "hour",
                "timezone",
                "cadence_since",
                "paused_until",
                "minimum",
            )
        ),
    ).where(subscribers.c.confirmed_at.is_not(None))


def cadences() -> Select[Any]:
    """The distinct schedules of people who may get digests: cadence, weekday, hour, timezone, people, and
    up to when the slots of the last and of the first of them are closed: done_least, done_most."""
    schedule = (subscribers.c.cadence, subscribers.c.weekday, subscribers.c.hour, subscribers.c.timezone)
    done = subscribers.c.slots_done_to
    return (
        select(
            *schedule,
            func.count().label("people"),
            func.min(done, type_=done.type).label("done_least"),
            func.max(done, type_=done.type).label("done_most"),
        )
        .where(text("subscribers.state = 'confirmed'"))  # literal: half the time with SQLite's partial index
        .group_by(*schedule)
    )


def addresses() -> Select[Any]:
    """Everybody's address, also of those who left or are suppressed: subscriber_id, address. For reports
    only; erased people have none."""
    return select(subscribers.c.id.label("subscriber_id"), subscribers.c.address).where(
        subscribers.c.address.is_not(None)
    )


def close_slots(connection: Connection, ids: Select[Any], at: datetime, *, ahead: datetime) -> int:
    """Close the slots up to `at` of the people whose ids are selected (one column); returns how many.

    What was closed beyond `ahead`, by a clock that ran ahead, is open again.
    """
    closed = connection.execute(
        update(subscribers)
        .where(
            subscribers.c.id.in_(ids),
            or_(
                subscribers.c.slots_done_to.is_(None),
                subscribers.c.slots_done_to < at,
                subscribers.c.slots_done_to > ahead,
            ),
        )
        .values(slots_done_to=at)
    )
    return closed.rowcount
