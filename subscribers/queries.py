"""Finds, lists and counts subscribers. Only `rename` and `renew_links` change one."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Row, func, select, update

from subscribers import addresses
from subscribers.errors import SubscriberError, UnknownAddressError
from subscribers.preferences import PREFERENCE_NAMES, Preferences, as_columns
from subscribers.tables import Subscriber, Subscription

subscribers = Subscriber.__table__  # type: ignore[attr-defined]
subscriptions = Subscription.__table__  # type: ignore[attr-defined]

PEOPLE_PER_PAGE = 500  # in one query; far below every database's limit of parameters


class State(StrEnum):
    """The state of a subscriber, see docs/explanation/states.md."""

    PENDING = "pending"  # not confirmed yet: gets the confirmation mail and no digest
    CONFIRMED = "confirmed"  # the only state that gets digests
    UNSUBSCRIBED = "unsubscribed"  # left; only they, or an admin with their consent, can bring them back
    SUPPRESSED = "suppressed"  # may not be mailed at all; beats every other state
    ERASED = "erased"  # the row keeps no personal data


_T = TypeVar("_T", int, str)
LISTED_STATES = (State.PENDING, State.CONFIRMED, State.UNSUBSCRIBED, State.SUPPRESSED)


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriberView:
    """One person, as stored at one moment."""

    id: int
    ref: str  # random; stands in signed links
    leave_id: str  # random; the unsubscribe link
    address: str  # empty after erasure
    name: str
    state: State
    topics: tuple[str, ...]  # followed now, sorted
    left: tuple[str, ...]  # followed earlier, not now
    preferences: Preferences
    paused_until: datetime | None
    slots_done_to: datetime | None
    cadence_since: datetime | None  # slots count from here: joined, changed the schedule, came back
    created_at: datetime
    confirmed_at: datetime | None  # when they first agreed
    version: int
    links_epoch: int  # stands in their links to the archive

    def row(self) -> dict[str, Any]:
        """The person as a JSON object."""
        return {
            "address": self.address,
            "state": str(self.state),
            "topics": list(self.topics),
            **as_columns(self.preferences),
            "name": self.name,
            "since": self.created_at.isoformat(),
            "confirmed_at": _iso(self.confirmed_at),
            "paused_until": _iso(self.paused_until),
        }


def find(connection: Connection, address: str, *, lock: bool = False) -> SubscriberView | None:
    """The person with this address, in any spelling; None when there is none.

    lock: no other transaction can change them until this one ends. Raises AddressError for a malformed one.
    """
    key = addresses.parse(address).key
    return by_keys(connection, [key], lock=lock).get(key)


def require(connection: Connection, address: str, *, lock: bool = False) -> SubscriberView:
    """Like `find`, but raises UnknownAddressError when there is nobody."""
    person = find(connection, address, lock=lock)
    if person is None:
        raise UnknownAddressError(
            f"nobody has the address {addresses.parse(address).address}",
            hint="`newsletter subscribers list` shows who there is.",
        )
    return person


def by_id(connection: Connection, subscriber_id: int, *, lock: bool = False) -> SubscriberView:
    """The person with this id, also an erased one. Raises UnknownAddressError."""
    for person in _people(connection, subscribers.c.id == subscriber_id, lock=lock):
        return person
    raise UnknownAddressError(f"there is no subscriber {subscriber_id}")


def by_ids(connection: Connection, ids: Collection[int]) -> Iterator[SubscriberView]:
    """The people with these ids (at most PEOPLE_PER_PAGE), by id."""
    return _people(connection, subscribers.c.id.in_(sorted(ids)))


def by_ref(connection: Connection, ref: str, *, lock: bool = False) -> SubscriberView | None:
    """The person of a signed link, also an erased one; None when there is none."""
    return next(_people(connection, subscribers.c.ref == ref, lock=lock), None)


def by_leave_id(connection: Connection, leave_id: str, *, lock: bool = False) -> SubscriberView | None:
    """The person of an unsubscribe link, also an erased one; None when there is none."""
    return next(_people(connection, subscribers.c.leave_id == leave_id, lock=lock), None)


def by_keys(
    connection: Connection, keys: Collection[str], *, lock: bool = False
) -> dict[str, SubscriberView]:
    """The people with these address keys, by key; unknown keys are missing."""
    found: dict[str, SubscriberView] = {}
    for page in paged(keys):
        chosen = subscribers.c.address_key.in_(page)
        rows = connection.execute(_locked(select(subscribers).where(chosen), lock)).all()
        for row, person in zip(rows, _with_topics(connection, rows), strict=True):
            found[row.address_key] = person
    return found


def rename(connection: Connection, *, subscriber_id: int, name: str) -> SubscriberView:
    """Set the name of a person (already cleaned; empty removes it)."""
    connection.execute(
        update(subscribers)
        .where(subscribers.c.id == subscriber_id, subscribers.c.name != name)
        .values(name=name, version=subscribers.c.version + 1)
    )
    return by_id(connection, subscriber_id)


def next_page(connection: Connection, last: int, *, state: State, limit: int) -> list[SubscriberView]:
    """The next people of a state by id, after the id `last`; at most `limit`."""
    chosen = select(subscribers).where(subscribers.c.id > last, subscribers.c.state == state)
    rows = connection.execute(chosen.order_by(subscribers.c.id).limit(limit)).all()
    return list(_with_topics(connection, rows))


def listed(
    connection: Connection, *, state: str | None = None, topic: str | None = None
) -> Iterator[SubscriberView]:
    """All people but erased ones, by id; read page by page.

    state: one of LISTED_STATES. topic: only people who follow this slug now. Raises SubscriberError for
    another state.
    """
    if state is not None and state not in LISTED_STATES:
        raise SubscriberError(f"there is no state {state!r}", hint=f"There are {', '.join(LISTED_STATES)}.")
    chosen: list[ColumnElement[bool]] = [subscribers.c.state.in_([state] if state else LISTED_STATES)]
    if topic is not None:
        follows = select(subscriptions.c.id).where(
            subscriptions.c.subscriber_id == subscribers.c.id,
            subscriptions.c.topic == topic,
            subscriptions.c.until.is_(None),
        )
        chosen.append(follows.exists())
    return _people(connection, *chosen)


def renew_links(connection: Connection, subscriber_id: int) -> None:
    """Make every link of this person to the archive and to feeds useless; new ones work."""
    connection.execute(
        update(subscribers)
        .where(subscribers.c.id == subscriber_id)
        .values(links_epoch=subscribers.c.links_epoch + 1)
    )


def counts(connection: Connection) -> dict[str, dict[str, int]]:
    """{"states": {state: number}, "topics": {slug: number of confirmed people who follow it}}."""
    states = dict.fromkeys((str(state) for state in State), 0)
    by_state = select(subscribers.c.state, func.count().label("n")).group_by(subscribers.c.state)
    for row in connection.execute(by_state):
        states[row.state] = row.n
    by_topic = (
        select(subscriptions.c.topic, func.count(subscribers.c.id.distinct()).label("n"))
        .join(subscribers, subscribers.c.id == subscriptions.c.subscriber_id)
        .where(subscriptions.c.until.is_(None), subscribers.c.state == State.CONFIRMED)
        .group_by(subscriptions.c.topic)
        .order_by(subscriptions.c.topic)
    )
    return {"states": states, "topics": {row.topic: row.n for row in connection.execute(by_topic)}}


def _people(
    connection: Connection, *chosen: ColumnElement[bool], lock: bool = False
) -> Iterator[SubscriberView]:
    last = 0
    while True:
        page = select(subscribers).where(subscribers.c.id > last, *chosen)
        rows = connection.execute(_locked(page.order_by(subscribers.c.id).limit(PEOPLE_PER_PAGE), lock)).all()
        yield from _with_topics(connection, rows)
        if len(rows) < PEOPLE_PER_PAGE:
            return
        last = rows[-1].id


def paged(values: Collection[_T]) -> Iterator[list[_T]]:
    """Values page by page, sorted, so that locks are taken in the same order everywhere."""
    ordered = sorted(values)
    for start in range(0, len(ordered), PEOPLE_PER_PAGE):
        yield ordered[start : start + PEOPLE_PER_PAGE]


def _locked(statement: Any, lock: bool) -> Any:
    # SQLite has no FOR UPDATE: its writing transaction locks the whole database.
    return statement.with_for_update() if lock else statement


def _with_topics(connection: Connection, rows: Sequence[Row[Any]]) -> Iterator[SubscriberView]:
    followed: dict[int, set[str]] = {}
    past: dict[int, set[str]] = {}
    found: Iterable[Any] = ()
    if rows:
        found = connection.execute(
            select(subscriptions.c.subscriber_id, subscriptions.c.topic, subscriptions.c.until).where(
                subscriptions.c.subscriber_id.in_([row.id for row in rows])
            )
        )
    for subscriber_id, topic, until in found:
        (followed if until is None else past).setdefault(subscriber_id, set()).add(topic)
    for row in rows:
        now = followed.get(row.id, set())
        yield _view(row, topics=sorted(now), left=sorted(past.get(row.id, set()) - now))


def _view(row: Row[Any], *, topics: list[str], left: list[str]) -> SubscriberView:
    values = row._mapping
    return SubscriberView(
        id=row.id,
        ref=row.ref,
        leave_id=row.leave_id,
        address=row.address or "",
        name=row.name,
        state=State(row.state),
        topics=tuple(topics),
        left=tuple(left),
        preferences=Preferences(**{name: values[name] for name in PREFERENCE_NAMES}),
        paused_until=row.paused_until,
        slots_done_to=row.slots_done_to,
        cadence_since=row.cadence_since,
        created_at=row.created_at,
        confirmed_at=row.confirmed_at,
        version=row.version,
        links_epoch=row.links_epoch,
    )


def _iso(instant: datetime | None) -> str | None:
    return None if instant is None else instant.isoformat()
