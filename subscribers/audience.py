"""Selects the people who may be mailed, for joins by other packages. Decides no state.

Each select keeps its column names: more may be added, none is removed.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, func, or_, select, text, update

from subscribers import consent
from subscribers.queries import State, subscribers, subscriptions


def mailable() -> Select[Any]:
    """People who may get a digest now: subscriber_id, ref, leave_id, address, name, cadence, weekday,
    hour, timezone, text_only, minimum, maximum, cards, maybe, version, paused_until, slots_done_to,
    confirmed_at, links_epoch, origin (`subscribers.consent.ConsentOrigin`)."""
    return _people().where(subscribers.c.state == State.CONFIRMED)


def reachable() -> Select[Any]:
    """People who may get a mail that they asked for (a confirmation, a link), pending ones as well.
    The columns of `mailable`, and state."""
    return (
        _people()
        .add_columns(subscribers.c.state)
        .where(subscribers.c.state.in_([State.PENDING, State.CONFIRMED]))
    )


def departed() -> Select[Any]:
    """People who left and are not suppressed; for the goodbye. The columns of `mailable`."""
    return _people().where(subscribers.c.state == State.UNSUBSCRIBED, subscribers.c.address.is_not(None))


def states() -> Select[Any]:
    """All people, erased ones as well: subscriber_id, state."""
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
                "cards",
                "maybe",
                "version",
                "paused_until",
                "slots_done_to",
                "confirmed_at",
                "links_epoch",
            )
        ),
        consent.origin_of(subscribers.c.id).label("origin"),
    )


def following() -> Select[Any]:
    """All confirmed intervals, also ended ones and those of people who left: subscriber_id, topic, since,
    until (None: still followed). A topic of a pending person has no interval here."""
    return select(
        subscriptions.c.subscriber_id, subscriptions.c.topic, subscriptions.c.since, subscriptions.c.until
    ).where(subscriptions.c.since.is_not(None))


def accounts() -> Select[Any]:
    """All people who were ever confirmed, also those who left, are suppressed or were erased:
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
    """The distinct schedules of mailable people: cadence, weekday, hour, timezone, people (their number),
    done_least and done_most (the earliest and latest time up to which their slots are closed)."""
    schedule = (subscribers.c.cadence, subscribers.c.weekday, subscribers.c.hour, subscribers.c.timezone)
    done = subscribers.c.slots_done_to
    return (
        select(
            *schedule,
            func.count().label("people"),
            func.min(done, type_=done.type).label("done_least"),
            func.max(done, type_=done.type).label("done_most"),
        )
        .where(
            text("subscribers.state = 'confirmed'")
        )  # a literal: SQLite then uses its partial index, in half the time
        .group_by(*schedule)
    )


def newest(connection: Connection) -> int:
    """The highest id of anybody; 0 when there is nobody."""
    found: int | None = connection.execute(select(func.max(subscribers.c.id))).scalar_one()
    return found or 0


def addresses() -> Select[Any]:
    """Addresses of all people but erased ones, also of people who may not be mailed: subscriber_id, address.
    For reports only."""
    return select(subscribers.c.id.label("subscriber_id"), subscribers.c.address).where(
        subscribers.c.address.is_not(None)
    )


def close_slots(connection: Connection, ids: Select[Any], at: datetime, *, ahead: datetime) -> int:
    """Close the slots up to `at` of the people whose ids are selected (one column); returns how many.

    A slot that was closed beyond `ahead`, by a clock that ran fast, is opened again.
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
