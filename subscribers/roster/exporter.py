"""Writes a roster in canonical form: the same people give the same bytes. Reads nothing.

UTF-8 without a byte order mark, commas, a line feed after each row, the columns of `CANONICAL_COLUMNS`,
people in the given order, topics sorted and joined by semicolons. The caller leaves erased people out.
People who left or are suppressed have no topics.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from typing import TextIO

from subscribers.preferences import ALL_CARDS
from subscribers.queries import State, SubscriberView
from subscribers.roster.columns import CANONICAL_COLUMNS, defuse


def write(people: Iterable[SubscriberView], file: TextIO) -> int:
    """Write people to a text file that was opened with newline="" and UTF-8; returns how many."""
    out = csv.writer(file, lineterminator="\n")
    out.writerow(CANONICAL_COLUMNS)
    count = 0
    for person in people:
        preferences = person.preferences
        out.writerow(
            [
                defuse(person.address),
                defuse(" ".join(person.name.split())),  # a line break would begin a row
                ";".join(person.topics) if person.state in (State.PENDING, State.CONFIRMED) else "",
                preferences.cadence,
                preferences.weekday or "",
                preferences.hour,
                preferences.timezone,
                person.state,
                "true" if preferences.text_only else "false",
                preferences.minimum,
                "" if preferences.maximum is None else preferences.maximum,
                ALL_CARDS if preferences.cards is None else preferences.cards,
                "true" if preferences.maybe else "false",
                person.paused_until.isoformat() if person.paused_until is not None else "",
            ]
        )
        count += 1
    return count
