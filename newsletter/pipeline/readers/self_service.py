"""Changes what readers change by the links in their mail: topics, preferences, pauses, leaving and its undo.

One transaction each. The link may have been forwarded, so nothing here takes or returns an address to show.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Engine

from newsletter.core import cadence
from newsletter.core.cadence import local_instant
from newsletter.db.engine import reading, writing
from newsletter.pipeline.content.transactional import TransactionalRenderer
from newsletter.pipeline.readers.policy import ReaderPolicy
from newsletter.pipeline.readers.welcome_goodbye import enqueue_goodbye
from subscribers import queries
from subscribers.errors import PreferenceError
from subscribers.lifecycle import former_links, unsubscribe
from subscribers.lifecycle.update import choose
from subscribers.queries import State, SubscriberView

MAX_PAUSE_DAYS = 366  # after a longer pause readers no longer expect mail
SHORT_PAUSE = timedelta(days=28)  # that the unsubscribe page offers
BY_PAGE = "web"
BY_MAILBOX = "one-click"  # the unsubscribe button of a mail program (RFC 8058)


def reader_of(engine: Engine, ref: str) -> SubscriberView | None:
    """The reader of a signed link; None when there is none any more."""
    with reading(engine) as connection:
        return queries.by_ref(connection, ref)


def leaver_of(engine: Engine, leave_id: str) -> SubscriberView | None:
    """The reader of an unsubscribe link; None for an unknown id, and for one of an earlier address."""
    with reading(engine) as connection:
        return queries.by_leave_id(connection, leave_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class FormerReader:
    """A reader at whose earlier address a link arrived."""

    leave_id: str  # of that address
    person: SubscriberView  # with the present address, which a page must not show


def former_reader(engine: Engine, *, ref: str = "", leave_id: str = "") -> FormerReader | None:
    """The reader who had that ref or that unsubscribe id at an earlier address; None when nobody had."""
    with reading(engine) as connection:
        found = (
            former_links.by_ref(connection, ref) if ref else former_links.by_leave_id(connection, leave_id)
        )
        if found is None:
            return None
        return FormerReader(leave_id=found.leave_id, person=queries.by_id(connection, found.subscriber_id))


def renew_links(engine: Engine, *, subscriber_id: int) -> None:
    """Make the links of a reader to the archive and to feeds useless; see `queries.renew_links`."""
    with writing(engine) as connection:
        queries.renew_links(connection, subscriber_id)


def save(
    engine: Engine,
    *,
    subscriber_id: int,
    topics: Sequence[str],
    preferences: Mapping[str, object],
    policy: ReaderPolicy,
    now: datetime,
) -> SubscriberView:
    """Follow exactly these topics, with these preferences; see `lifecycle.update.choose`."""
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
    """Send no digest before the date `until` in the reader's time zone; None ends a pause now.

    Raises PreferenceError, with the field `until`, for a date that is past or too far ahead.
    """
    with writing(engine) as connection:
        person = queries.by_id(connection, subscriber_id, lock=True)
        instant = None
        if until is not None:
            instant = local_instant(until, 0, zone_of(person))
            if instant <= now or (instant - now).days > MAX_PAUSE_DAYS:
                raise PreferenceError(
                    f"until: {until.isoformat()} is not within the coming year",
                    field="until",
                    hint="Choose a later date, a year ahead at most; to stop altogether, unsubscribe.",
                )
        return unsubscribe.pause(connection, subscriber_id=person.id, until=instant, how=BY_PAGE, now=now)


def set_cadence(
    engine: Engine, *, subscriber_id: int, cadence_wanted: str, policy: ReaderPolicy, now: datetime
) -> SubscriberView:
    """Mail the reader this often from now on; topics and all else stay. Raises PreferenceError."""
    with writing(engine) as connection:
        person = queries.by_id(connection, subscriber_id, lock=True)
        return choose(
            connection,
            subscriber_id=person.id,
            topics_wanted=[topic for topic in person.topics if topic in policy.known_topics],
            known_topics=policy.known_topics,
            given={"cadence": cadence_wanted},
            how=BY_PAGE,
            now=now,
            defaults=policy.defaults,
        )


def leave(
    engine: Engine,
    *,
    subscriber_id: int,
    how: str,
    now: datetime,
    topic: str | None = None,
    renderer: TransactionalRenderer | None = None,
) -> SubscriberView:
    """Leave one topic, or everything. renderer: if given, queue a goodbye after leaving everything."""
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
            enqueue_goodbye(connection, after, renderer=renderer, now=now)
        return after


def undo(engine: Engine, *, subscriber_id: int, now: datetime) -> SubscriberView:
    """Undo the last unsubscription. Raises SubscriberError when there is none."""
    with writing(engine) as connection:
        return unsubscribe.undo(connection, subscriber_id=subscriber_id, how=BY_PAGE, now=now)


def today_of(person: SubscriberView, *, now: datetime) -> date:
    """The current date in the reader's time zone."""
    return now.astimezone(zone_of(person)).date()


def zone_of(person: SubscriberView) -> ZoneInfo:
    """The reader's time zone."""
    return cadence.zone_of(person.preferences.timezone)
