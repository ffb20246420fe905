"""Keeps the consent ledger: what was agreed to, withdrawn or changed, when and how. It holds no addresses.

Append-only, except for people who are deleted without ever having agreed.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    String,
    case,
    func,
    insert,
    literal,
    literal_column,
    or_,
    select,
)

from subscribers.tables import ConsentEvent, Subscriber

events = ConsentEvent.__table__  # type: ignore[attr-defined]
subscribers = Subscriber.__table__  # type: ignore[attr-defined]

IDS_PER_STATEMENT = 500  # subscriber ids in one statement


class EventKind(StrEnum):
    """The kinds of consent events."""

    REQUESTED = "requested"  # asked to subscribe; no digest before they confirm
    CONFIRMED = "confirmed"  # consent: by their own click, or given elsewhere according to an admin
    FOLLOWED = "followed"  # topics were added
    LEFT = "left"  # topics were dropped, others stay
    CHANGED = "changed"  # preferences; the detail holds the new values
    PAUSED = "paused"
    RESUMED = "resumed"
    UNSUBSCRIBED = "unsubscribed"  # from everything
    CAME_BACK = "came back"  # after leaving
    SUPPRESSED = "suppressed"
    UNSUPPRESSED = "unsuppressed"
    ERASED = "erased"
    MOVED = "moved"  # to another address


HOW_VALUES = (
    "admin",
    "import",
    "web",
    "one-click",
    "bounce",
    "complaint",
    "mail",
    "time",
)  # the causes of events


class ConsentOrigin(StrEnum):
    """How a reader came to get the newsletter, by the latest events that began it."""

    SIGNED_UP = "signed up"  # asked and confirmed by themselves
    CONFIRMED = "confirmed"  # an admin asked, they confirmed by themselves
    ADDED = "added"  # by an admin, who says that they agreed elsewhere
    IMPORTED = "imported"  # with a roster, of which an admin says the same
    CAME_BACK = "came back"  # by themselves, after leaving
    UNKNOWN = "unknown"  # the ledger has no such event


def origin_of(subscriber_id: ColumnElement[int]) -> ColumnElement[str]:
    """The `ConsentOrigin` of a subscriber as an expression. subscriber_id: a column of the outer query."""

    def newest(*kinds: EventKind) -> Select[Any]:
        # Literal: a bound list would be written into the statement anew each time.
        any_of = or_(*(events.c.what == literal_column(f"'{kind.value}'") for kind in kinds))
        chosen = select(events.c.what, events.c.how).where(events.c.subscriber_id == subscriber_id, any_of)
        return chosen.order_by(events.c.id.desc()).limit(literal_column("1")).correlate_except(events)

    def word(text: str) -> ColumnElement[str]:
        return literal_column(f"'{text}'", String())

    asked = newest(EventKind.REQUESTED, EventKind.CAME_BACK).with_only_columns(events.c.how).scalar_subquery()
    agreed = newest(EventKind.CONFIRMED, EventKind.CAME_BACK).subquery("agreed")  # looked up once
    origin = select(
        case(
            (agreed.c.what == word(EventKind.CAME_BACK), word(ConsentOrigin.CAME_BACK)),
            (agreed.c.how == word("admin"), word(ConsentOrigin.ADDED)),
            (agreed.c.how == word("import"), word(ConsentOrigin.IMPORTED)),
            (or_(asked == word("admin"), asked == word("import")), word(ConsentOrigin.CONFIRMED)),
            else_=word(ConsentOrigin.SIGNED_UP),
        )
    )
    return func.coalesce(origin.scalar_subquery(), word(ConsentOrigin.UNKNOWN))


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentChange:
    """A consent event without its person and time."""

    what: EventKind
    topics: tuple[str, ...] = ()
    detail: Mapping[str, Any] = field(default_factory=dict)  # JSON; never an address or a name


def record(
    connection: Connection, happened: Iterable[tuple[int, ConsentChange]], *, how: str, now: datetime
) -> None:
    """Append events, each with the subscriber's id. how: one of HOW_VALUES."""
    event_counts: dict[int, int] = {}
    ids_by_event: dict[tuple[int, str, str, str], list[int]] = {}
    for subscriber_id, event in happened:
        number = event_counts[subscriber_id] = (
            event_counts.get(subscriber_id, -1) + 1
        )  # keeps the order of each person's events
        event_text = (str(event.what), json.dumps(event.topics), json.dumps(event.detail))
        ids_by_event.setdefault((number, *event_text), []).append(subscriber_id)
    columns = ("subscriber_id", "at", "what", "how", "topics", "detail")
    for (_, what, topics, detail), ids in sorted(ids_by_event.items()):
        for start in range(0, len(ids), IDS_PER_STATEMENT):
            # One statement for all people with the same event: the rows of a roster differ little.
            rows = select(
                subscribers.c.id,
                literal(now, events.c.at.type),
                literal(what),
                literal(how),
                literal(json.loads(topics), events.c.topics.type),
                literal(json.loads(detail), events.c.detail.type),
            ).where(subscribers.c.id.in_(ids[start : start + IDS_PER_STATEMENT]))
            connection.execute(insert(events).from_select(columns, rows))


def history(connection: Connection, subscriber_id: int) -> list[dict[str, Any]]:
    """All events of a person, oldest first: at, what, how, topics, detail."""
    found = connection.execute(
        select(events).where(events.c.subscriber_id == subscriber_id).order_by(events.c.id)
    )
    return [
        {
            "at": row.at.isoformat(),
            "what": row.what,
            "how": row.how,
            "topics": row.topics,
            "detail": row.detail,
        }
        for row in found
    ]


def last(connection: Connection, subscriber_id: int, kinds: Collection[EventKind]) -> ConsentChange | None:
    """The latest event of these kinds, or None."""
    row = connection.execute(
        select(events)
        .where(events.c.subscriber_id == subscriber_id, events.c.what.in_([str(what) for what in kinds]))
        .order_by(events.c.id.desc())
        .limit(1)
    ).first()
    if row is None:
        return None
    return ConsentChange(what=EventKind(row.what), topics=tuple(row.topics), detail=row.detail)


def last_at(connection: Connection, subscriber_id: int, kinds: Collection[EventKind]) -> datetime | None:
    """The time of the latest event of these kinds, or None."""
    found: datetime | None = connection.execute(
        select(events.c.at)
        .where(events.c.subscriber_id == subscriber_id, events.c.what.in_([str(what) for what in kinds]))
        .order_by(events.c.id.desc())
        .limit(1)
    ).scalar_one_or_none()
    return found
