"""Computes how many messages a limit such as 500/day allows, over a sliding window. Stores nothing.

The window is counted in slices: a morning's digests may use the whole limit immediately, no window holds more
than the limit, and some thirty numbers hold the counts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

SLICES = 30  # of a window
SLACK = 2  # slices longer than the window that a message counts: it may go so late after it was counted

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TICK = timedelta(microseconds=1)  # instants are compared exactly: no floats
_PERIODS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400}  # seconds
_RATE = re.compile(r"\s*(\d{1,9})\s*(?:/|per)\s*(second|minute|hour|day)s?\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `mails` in any `seconds`."""

    mails: int
    seconds: int

    def __str__(self) -> str:
        period = next(name for name, seconds in _PERIODS.items() if seconds == self.seconds)
        return f"{self.mails}/{period}"

    def slice_at(self, at: datetime) -> int:
        """The number of the slice in which `at` (aware) lies."""
        return (at - _EPOCH) // _TICK * SLICES // (self.seconds * 1_000_000)

    def is_fresh(self, counted: datetime, at: datetime) -> bool:
        """Whether a message that was counted then may still go at `at`."""
        return 0 <= self.slice_at(at) - self.slice_at(counted) <= SLACK - 1

    def _counts(self, number: int, newest: int) -> bool:
        # A slice in the future was counted by a wrong clock: it must not close a limit until then.
        return newest - SLICES - SLACK <= number <= newest + 1

    def room(self, counts: Mapping[int, int], at: datetime) -> int:
        """How many may go at `at`. counts: messages by slice; slices before the window do not matter."""
        newest = self.slice_at(at)
        used = sum(mails for number, mails in counts.items() if self._counts(number, newest))
        return max(0, self.mails - used)

    def opens_at(self, counts: Mapping[int, int], at: datetime) -> datetime:
        """The first instant, `at` or later, at which one may go."""
        newest = self.slice_at(at)
        used = 0
        for number in sorted((n for n in counts if self._counts(n, newest)), reverse=True):
            used += counts[number]
            if used >= self.mails:
                # Once this slice has left the window there is room again.
                end = (number + SLICES + SLACK + 1) * self.seconds * 1_000_000
                return _EPOCH + _TICK * -(-end // SLICES)
        return at


def parse_rates(text: str) -> tuple[Rate, ...]:
    """Read `20/second, 500/day`; empty: no limit. Raises ValueError that says what is wrong."""
    rates = []
    for part in filter(str.strip, text.split(",")):
        found = _RATE.fullmatch(part)
        if found is None or int(found[1]) == 0:
            raise ValueError(
                f"no limit: {part.strip()!r}; write it as 20/second, 100/minute, 1000/hour or 500/day"
            )
        rates.append(Rate(int(found[1]), _PERIODS[found[2].lower()]))
    return tuple(rates)
