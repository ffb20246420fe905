"""Keeps alarms: what began, what stands, what is over, and of which of it an admin has been told.

Who tells, and how, is `newsletter.ops.alarms.notify`; what is wrong is decided in `newsletter.core.alarms`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, insert, or_, select, update

from newsletter.core.alarms import Alarm
from newsletter.db.schema import alarms

AGAIN = timedelta(days=1)  # after which an alarm that still stands is told once more


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAlarm:
    """An alarm as it is kept."""

    id: int
    key: str
    words: str
    hint: str
    since: datetime
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmChanges:
    """What an admin is to be told."""

    begun: tuple[OpenAlarm, ...] = ()  # new, or standing for another AGAIN
    over: tuple[OpenAlarm, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.begun or self.over)


def settle(connection: Connection, found: Sequence[Alarm], *, now: datetime) -> None:
    """Begin, go on with and end alarms, so that exactly those that were found stand."""
    standing = {row.key: row for row in connection.execute(select(alarms).where(alarms.c.ended_at.is_(None)))}
    for alarm in found:
        row = standing.pop(alarm.key, None)
        if row is None:
            connection.execute(
                insert(alarms),
                {"key": alarm.key, "words": alarm.words, "hint": alarm.hint, "since": now},
            )
        elif (row.words, row.hint) != (alarm.words, alarm.hint):
            connection.execute(
                update(alarms).where(alarms.c.id == row.id).values(words=alarm.words, hint=alarm.hint)
            )
    if standing:
        ids = [row.id for row in standing.values()]
        connection.execute(update(alarms).where(alarms.c.id.in_(ids)).values(ended_at=now))


def listed(connection: Connection) -> list[OpenAlarm]:
    """The alarms that stand, the oldest first."""
    rows = connection.execute(select(alarms).where(alarms.c.ended_at.is_(None)).order_by(alarms.c.id))
    return [_standing(row) for row in rows]


def news(connection: Connection, *, now: datetime) -> AlarmChanges:
    """What nobody was told yet."""
    begun = select(alarms).where(
        alarms.c.ended_at.is_(None), or_(alarms.c.told_at.is_(None), alarms.c.told_at <= now - AGAIN)
    )
    # What ended before anybody was told of it needs no mail of its own.
    over = select(alarms).where(
        alarms.c.ended_at.is_not(None), alarms.c.told_at.is_not(None), alarms.c.end_told_at.is_(None)
    )
    return AlarmChanges(
        begun=tuple(_standing(row) for row in connection.execute(begun.order_by(alarms.c.id))),
        over=tuple(_standing(row) for row in connection.execute(over.order_by(alarms.c.id))),
    )


def told(connection: Connection, news: AlarmChanges, *, now: datetime) -> None:
    """Note that an admin was told of all this."""
    for column, some in (("told_at", news.begun), ("end_told_at", news.over)):
        if some:
            ids = [alarm.id for alarm in some]
            connection.execute(update(alarms).where(alarms.c.id.in_(ids)).values({column: now}))


def _standing(row: Row[Any]) -> OpenAlarm:
    return OpenAlarm(
        id=row.id, key=row.key, words=row.words, hint=row.hint, since=row.since, ended_at=row.ended_at
    )
