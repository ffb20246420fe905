"""What a person had chosen when, told back from the consent ledger. Looks only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection, select

from subscribers.consent import EventKind, events
from subscribers.preferences import PREFERENCE_NAMES, Preferences
from subscribers.queries import by_id

WAS = "was"  # in the detail of a change: the values before it, by name
_SCHEDULE = ("cadence", "weekday", "hour", "timezone")
_STARTS = (EventKind.CONFIRMED, EventKind.CAME_BACK, EventKind.UNSUPPRESSED)
_PAUSES = (EventKind.PAUSED, EventKind.RESUMED)


@dataclass(frozen=True, slots=True, kw_only=True)
class PastChoice:
    """What held from an instant on."""

    since: datetime | None  # None: from the beginning
    preferences: Preferences
    anew: bool  # slots count from this instant on: joined, came back, another schedule


@dataclass(frozen=True, slots=True, kw_only=True)
class PreferenceHistory:
    """One person's."""

    choices: Sequence[PastChoice]  # the oldest first
    pauses: Sequence[tuple[datetime, datetime | None]]  # (said at, until), the oldest first; None: ended


def past(connection: Connection, subscriber_id: int) -> PreferenceHistory:
    """The preferences and pauses of a person through time.

    Changes that an older version wrote down do not say what was before: what came later stands for it.
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
                name: value for name, value in row.detail.get(WAS, {}).items() if name in PREFERENCE_NAMES
            }
            anew = any(name in row.detail for name in _SCHEDULE)
            choices.append(PastChoice(since=row.at, preferences=current, anew=anew))
            current = replace(current, **before)
        elif row.what in _STARTS:
            choices.append(PastChoice(since=row.at, preferences=current, anew=True))
    choices.append(PastChoice(since=None, preferences=current, anew=False))
    pauses = [
        (row.at, datetime.fromisoformat(row.detail["until"]) if "until" in row.detail else None)
        for row in rows
        if row.what in _PAUSES
    ]
    return PreferenceHistory(choices=choices[::-1], pauses=pauses)
