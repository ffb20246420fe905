"""Stores alarms: when each began and ended, and when that was reported. Decides no alarm, notifies nobody.

Alarms are decided in `newsletter.core.alarms` and reported by `newsletter.ops.alarms.notify`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, insert, or_, select, update

from newsletter.core.alarms import Alarm
from newsletter.db.schema import alarms

REMINDER_INTERVAL = timedelta(days=1)  # between two reports of an alarm that stays open


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAlarm:
    """A stored alarm."""

    id: int
    key: str
    words: str
    hint: str
    since: datetime
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmChanges:
    """The alarms to report to an admin."""

    begun: tuple[OpenAlarm, ...] = ()  # new ones, and those due for a reminder
    ended: tuple[OpenAlarm, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.begun or self.ended)


def update_open(connection: Connection, found: Sequence[Alarm], *, now: datetime) -> None:
    """Begin, update and end alarms, so that exactly those in `found` are open."""
    open_rows = {
        row.key: row for row in connection.execute(select(alarms).where(alarms.c.ended_at.is_(None)))
    }
    for alarm in found:
        row = open_rows.pop(alarm.key, None)
        if row is None:
            connection.execute(
                insert(alarms),
                {"key": alarm.key, "words": alarm.words, "hint": alarm.hint, "since": now},
            )
        elif (row.words, row.hint) != (alarm.words, alarm.hint):
            connection.execute(
                update(alarms).where(alarms.c.id == row.id).values(words=alarm.words, hint=alarm.hint)
            )
    if open_rows:
        ids = [row.id for row in open_rows.values()]
        connection.execute(update(alarms).where(alarms.c.id.in_(ids)).values(ended_at=now))


def open_alarms(connection: Connection) -> list[OpenAlarm]:
    """The open alarms, the oldest first."""
    rows = connection.execute(select(alarms).where(alarms.c.ended_at.is_(None)).order_by(alarms.c.id))
    return [_from_row(row) for row in rows]


def unreported(connection: Connection, *, now: datetime) -> AlarmChanges:
    """The alarms that began or ended without a report, and open ones that are due for a reminder."""
    begun = select(alarms).where(
        alarms.c.ended_at.is_(None),
        or_(alarms.c.told_at.is_(None), alarms.c.told_at <= now - REMINDER_INTERVAL),
    )
    # The end of an alarm is not reported when its beginning was not.
    ended = select(alarms).where(
        alarms.c.ended_at.is_not(None), alarms.c.told_at.is_not(None), alarms.c.end_told_at.is_(None)
    )
    return AlarmChanges(
        begun=tuple(_from_row(row) for row in connection.execute(begun.order_by(alarms.c.id))),
        ended=tuple(_from_row(row) for row in connection.execute(ended.order_by(alarms.c.id))),
    )


def mark_reported(connection: Connection, changes: AlarmChanges, *, now: datetime) -> None:
    """Record that an admin was notified of all these changes."""
    for column, reported in (("told_at", changes.begun), ("end_told_at", changes.ended)):
        if reported:
            ids = [alarm.id for alarm in reported]
            connection.execute(update(alarms).where(alarms.c.id.in_(ids)).values({column: now}))


def _from_row(row: Row[Any]) -> OpenAlarm:
    return OpenAlarm(
        id=row.id, key=row.key, words=row.words, hint=row.hint, since=row.since, ended_at=row.ended_at
    )
