"""Reconstructs earlier preferences and pauses of a person from the consent ledger. Changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection, select

from subscribers.consent import EventKind, events
from subscribers.preferences import PREFERENCE_NAMES, Preferences
from subscribers.queries import by_id

OLD_VALUES = "was"  # key in the detail of a change: the values before it, by name
_SCHEDULE = ("cadence", "weekday", "hour", "timezone")
_STARTS = (EventKind.CONFIRMED, EventKind.CAME_BACK, EventKind.UNSUPPRESSED)
_PAUSES = (EventKind.PAUSED, EventKind.RESUMED)


@dataclass(frozen=True, slots=True, kw_only=True)
class PastChoice:
    """The preferences that held from an instant on."""

    since: datetime | None  # None: from the beginning
    preferences: Preferences
    restarts_slots: bool  # slots count from here: joined, came back, or changed the schedule


@dataclass(frozen=True, slots=True, kw_only=True)
class PreferenceHistory:
    """All choices and pauses of one person."""

    choices: Sequence[PastChoice]  # the oldest first
    pauses: Sequence[
        tuple[datetime, datetime | None]
    ]  # (chosen at, until), the oldest first; until None: ended then


def history_of(connection: Connection, subscriber_id: int) -> PreferenceHistory:
    """The preferences and pauses of a person over time.

    Changes recorded by an older version lack the earlier values; the later ones are used instead.
    """
    rows = connection.execute(
        select(events.c.at, events.c.what, events.c.detail)
        .where(events.c.subscriber_id == subscriber_id)
        .order_by(events.c.id)
    ).all()
    current = by_id(connection, subscriber_id).preferences
    choices: list[PastChoice] = []
    for row in reversed(rows):
        if row.what == EventKind.CHANGED:
            before = {
                name: value
                for name, value in row.detail.get(OLD_VALUES, {}).items()
                if name in PREFERENCE_NAMES
            }
            restarts_slots = any(name in row.detail for name in _SCHEDULE)
            choices.append(PastChoice(since=row.at, preferences=current, restarts_slots=restarts_slots))
            current = replace(current, **before)
        elif row.what in _STARTS:
            choices.append(PastChoice(since=row.at, preferences=current, restarts_slots=True))
    choices.append(PastChoice(since=None, preferences=current, restarts_slots=False))
    pauses = [
        (row.at, datetime.fromisoformat(row.detail["until"]) if "until" in row.detail else None)
        for row in rows
        if row.what in _PAUSES
    ]
    return PreferenceHistory(choices=choices[::-1], pauses=pauses)
