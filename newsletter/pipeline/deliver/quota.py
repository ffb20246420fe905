"""One limit's part of a run: mails that were taken from it and not used. Which mail uses one is the caller's.

What was taken counts from that moment; so it may be used only for a little while, then it is given back to
where it was counted and taken anew.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy import Connection

from newsletter.core.mail.rates import Rate
from newsletter.delivery.outbox import rate_counters
from newsletter.delivery.outbox.handover import WINDOW

PORTION = (
    2 * WINDOW
)  # mails taken at least from a long limit at once: a crash may lose them, and exceeds none
LARGEST = 20 * PORTION  # taken at once of a generous one
SHORT = 60  # seconds: of so short a window no more is taken than goes at once


class Quota:
    """What was taken from one scope."""

    def __init__(
        self, scope: str, rates: Sequence[Rate], *, words: str, wall: Callable[[], datetime]
    ) -> None:
        self.scope = scope
        self.rates = rates
        self.words = f"{words} ({', '.join(map(str, rates))})"
        self.opens_at: datetime | None = None  # when more may go, if less was given than was wanted
        self.at_once = min((rate.mails for rate in rates if rate.seconds <= SHORT), default=None)
        self._wall = wall
        self._portion = max(PORTION, min(LARGEST, min(rate.mails for rate in rates) // 100))
        self._lots: deque[tuple[datetime, int]] = deque()  # when taken, how many are left

    @property
    def left(self) -> int:
        """Mails that may go now."""
        now = self._wall()
        return sum(mails for at, mails in self._lots if self._is_fresh(at, now))

    def use(self, mails: int) -> None:
        """So many go (below zero: so many came back untouched)."""
        if mails < 0:
            at = self._lots[-1][0] if self._lots else self._wall()
            self._lots.append((at, -mails))
        while mails > 0 and self._lots:
            at, there = self._lots.pop()  # the newest: older ones may not be fresh
            if there > mails:
                self._lots.append((at, there - mails))
            mails -= there

    def renew(self, connection: Connection, wanted: int) -> None:
        """Have `wanted` mails ready, if the limit gives them; what was taken too long ago goes back."""
        now = self._wall()
        while self._lots and not self._is_fresh(self._lots[0][0], now):
            self._give_back(connection)
        self.opens_at = None
        missing = wanted - self.left
        if missing <= 0:
            return
        if self.at_once is None:
            missing = self._portion - self.left
        taken = rate_counters.take(connection, self.scope, self.rates, wanted=missing, wall=now)
        if taken.mails:
            self._lots.append((now, taken.mails))
        if self.left < wanted:
            self.opens_at = taken.opens_at

    def end(self, connection: Connection) -> None:
        """Give back all that was not used."""
        while self._lots:
            self._give_back(connection)

    def _give_back(self, connection: Connection) -> None:
        at, mails = self._lots.popleft()
        rate_counters.give_back(connection, self.scope, self.rates, mails=mails, taken_at=at)

    def _is_fresh(self, at: datetime, now: datetime) -> bool:
        return all(rate.is_fresh(at, now) for rate in self.rates)
