"""What readers do by the links in their mail: change topics and preferences, pause, leave, take that back.

A transaction each. The link may have been forwarded: nothing here needs or gives an address.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Engine

from newsletter.core import cadence
from newsletter.core.cadence import local_instant
from newsletter.db.engine import reading, writing
from newsletter.pipeline.content.transactional import TransactionalRenderer
from newsletter.pipeline.readers.policy import ReaderPolicy
from newsletter.pipeline.readers.welcome_goodbye import part
from subscribers import queries
from subscribers.errors import PreferenceError
from subscribers.lifecycle import unsubscribe
from subscribers.lifecycle.update import choose
from subscribers.queries import State, SubscriberView

LONGEST_PAUSE = 366  # days; a longer pause is a leaving that its reader forgets
BY_PAGE = "web"
BY_MAILBOX = "one-click"  # the button of a mailbox's own (RFC 8058)


def reader_of(engine: Engine, ref: str) -> SubscriberView | None:
    """The reader whom a signed link means; None when there is none any more."""
    with reading(engine) as connection:
        return queries.by_ref(connection, ref)


def leaver_of(engine: Engine, leave_id: str) -> SubscriberView | None:
    """The reader whom an unsubscribe link means; None when there never was one."""
    with reading(engine) as connection:
        return queries.by_leave_id(connection, leave_id)


def save(
    engine: Engine,
    *,
    subscriber_id: int,
    topics: Sequence[str],
    preferences: Mapping[str, object],
    policy: ReaderPolicy,
    now: datetime,
) -> SubscriberView:
    """Follow exactly these topics, mailed as `preferences` says; see `lifecycle.update.choose`."""
    with writing(engine) as connection:
        return choose(
            connection,
            subscriber_id=subscriber_id,
            topics_wanted=topics,
            known_topics=policy.known_topics,
            given=preferences,
            how=BY_PAGE,
            now=now,
            defaults=policy.defaults,
        )


def pause(engine: Engine, *, subscriber_id: int, until: date | None, now: datetime) -> SubscriberView:
    """Send no digest before the morning of `until` on the reader's clock; None ends a pause now.

    Raises PreferenceError, of the field `until`, for a date that is past or too far ahead.
    """
    with writing(engine) as connection:
        person = queries.by_id(connection, subscriber_id, lock=True)
        instant = None
        if until is not None:
            instant = local_instant(until, 0, zone_of(person))
            if instant <= now or (instant - now).days > LONGEST_PAUSE:
                raise PreferenceError(
                    f"until: {until.isoformat()} is not within the coming year",
                    field="until",
                    hint="Choose a later date, a year ahead at most; to stop altogether, unsubscribe.",
                )
        return unsubscribe.pause(connection, subscriber_id=person.id, until=instant, how=BY_PAGE, now=now)


def leave(
    engine: Engine,
    *,
    subscriber_id: int,
    how: str,
    now: datetime,
    topic: str | None = None,
    renderer: TransactionalRenderer | None = None,
) -> SubscriberView:
    """Leave one topic, or everything. press: posts a goodbye to who leaves everything by this."""
    with writing(engine) as connection:
        before = queries.by_id(connection, subscriber_id, lock=True)
        after = unsubscribe.unsubscribe(
            connection,
            subscriber_id=subscriber_id,
            topics=None if topic is None else [topic],
            how=how,
            now=now,
        )
        if renderer is not None and before.state is State.CONFIRMED and after.state is State.UNSUBSCRIBED:
            part(connection, after, renderer=renderer, now=now)
        return after


def undo(engine: Engine, *, subscriber_id: int, now: datetime) -> SubscriberView:
    """Take the last leaving back. Raises SubscriberError when there is none to take back."""
    with writing(engine) as connection:
        return unsubscribe.undo(connection, subscriber_id=subscriber_id, how=BY_PAGE, now=now)


def today_of(person: SubscriberView, *, now: datetime) -> date:
    """The date on the reader's clock."""
    return now.astimezone(zone_of(person)).date()


def zone_of(person: SubscriberView) -> ZoneInfo:
    """The reader's time zone."""
    return cadence.zone_of(person.preferences.timezone)
