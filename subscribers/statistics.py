"""Counts sign-ups, confirmations and departures by day, and suppressions. Names nobody."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, case, func, or_, select

from subscribers.consent import EventKind, events
from subscribers.queries import State
from subscribers.sql import utc_day
from subscribers.suppression_key import suppressions


@dataclass(frozen=True, slots=True, kw_only=True)
class DailyMovement:
    """Events of one day with one cause, from the consent ledger."""

    day: date  # in UTC
    how: str  # one of consent.HOW_VALUES
    asked: int  # people who asked and had not confirmed yet
    joined: int  # people who may get digests from then on
    left: int  # readers who may not any more, for any reason


def _detail(key: str) -> ColumnElement[Any]:
    text: ColumnElement[Any] = events.c.detail[key].as_string()
    return text


def _times(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.sum(case((condition, 1), else_=0))


_ASKED = or_(
    and_(events.c.what == EventKind.REQUESTED, _detail("move").is_(None)),
    and_(events.c.what == EventKind.CAME_BACK, _detail("undo").is_(None)),
)
_JOINED = or_(
    events.c.what == EventKind.CONFIRMED,
    and_(
        events.c.what.in_([str(EventKind.CAME_BACK), str(EventKind.UNSUPPRESSED)]),
        _detail("to") == State.CONFIRMED,
    ),
)
_LEFT = and_(
    events.c.what.in_([str(EventKind.UNSUBSCRIBED), str(EventKind.SUPPRESSED), str(EventKind.ERASED)]),
    _detail("from") == State.CONFIRMED,
)


def movements(connection: Connection, *, since: datetime, until: datetime) -> list[DailyMovement]:
    """Movements from `since` to `until`, by day and cause. People who were purged are not counted."""
    day = utc_day(events.c.at)
    happened = (
        select(
            day.label("day"),
            events.c.how,
            _times(_ASKED).label("asked"),
            _times(_JOINED).label("joined"),
            _times(_LEFT).label("left"),
        )
        .where(events.c.at >= since, events.c.at <= until)
        .group_by(day, events.c.how)
        .order_by(day, events.c.how)
    )
    return [
        DailyMovement(
            day=date.fromisoformat(row.day), how=row.how, asked=row.asked, joined=row.joined, left=row.left
        )
        for row in connection.execute(happened)
        if row.asked or row.joined or row.left
    ]


def growth(connection: Connection, *, after: datetime) -> int:
    """The growth in readers since an instant: readers then = readers now - growth."""
    grown = select(_times(_JOINED) - _times(_LEFT)).where(events.c.at > after)
    return connection.execute(grown).scalar_one() or 0


def suppressed(connection: Connection, *, since: datetime, until: datetime) -> dict[str, dict[str, int]]:
    """{"made": {reason: n}, "in_force": {reason: n}}: suppressions made in that time, and in force now."""
    s = suppressions.c
    made = select(s.reason, func.count().label("n")).where(s.at >= since, s.at <= until)
    in_force = select(s.reason, func.count().label("n")).where(s.lifted_at.is_(None))
    return {
        name: {row.reason: row.n for row in connection.execute(chosen.group_by(s.reason).order_by(s.reason))}
        for name, chosen in (("made", made), ("in_force", in_force))
    }
