"""Limits on what one person may ask of the public pages, counted in the database for all processes.

Rates are written and counted as the `limits` library does it (fixed windows that begin with the first
count). Whom a count is for is kept as a keyed hash. What happens at the limit is the caller's.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from limits import RateLimitItem, parse_many
from limits.storage import Storage
from limits.strategies import FixedWindowRateLimiter
from sqlalchemy import Connection, case, delete, select

from subscribers.dialect import insert_for
from subscribers.errors import SubscriberError
from subscribers.tables import LimitCount

limit_counts = LimitCount.__table__  # type: ignore[attr-defined]


def rates_of(text: str) -> tuple[RateLimitItem, ...]:
    """The rates of `5/minute, 20/hour`. Raises SubscriberError."""
    try:
        return tuple(parse_many(text)) if text.strip() else ()
    except ValueError as error:
        raise SubscriberError(
            f"{text!r} is no rate", hint="Write it as 5/minute, 20/hour; or leave it empty for no limit."
        ) from error


def within(
    connection: Connection, rates: Sequence[RateLimitItem], *, scope: str, who: str, now: datetime
) -> bool:
    """Whether once more is within each of the rates; then it is counted. What is refused counts nowhere.

    scope: what is counted. who: for whom, as a keyed hash. The count lives and dies with the transaction.
    """
    limiter = FixedWindowRateLimiter(_Counts(connection, now))
    if not all(limiter.test(rate, scope, who) for rate in rates):
        return False
    hits = [limiter.hit(rate, scope, who) for rate in rates]
    return all(hits)  # on PostgreSQL another process may have come between


def forget_old(connection: Connection, *, now: datetime) -> int:
    """Drop the counts of windows that have ended; returns how many."""
    return connection.execute(delete(limit_counts).where(limit_counts.c.until <= now)).rowcount


class _Counts(Storage):
    """The library's storage interface over one transaction."""

    STORAGE_SCHEME = None

    def __init__(self, connection: Connection, now: datetime) -> None:
        super().__init__()
        self._connection = connection
        self._now = now

    @property
    def base_exceptions(self) -> type[Exception]:
        return SubscriberError  # nothing of the library's to wrap: the database's errors go their own way

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Count `amount` more in the window of `expiry` seconds; the count now."""
        until = self._now + timedelta(seconds=expiry)
        over = limit_counts.c.until <= self._now
        statement = insert_for(self._connection, limit_counts).values(key=key, count=amount, until=until)
        counted: int = self._connection.execute(
            statement.on_conflict_do_update(
                index_elements=["key"],
                set_={
                    "count": case((over, amount), else_=limit_counts.c.count + amount),
                    "until": case((over, until), else_=limit_counts.c.until),
                },
            ).returning(limit_counts.c.count)
        ).scalar_one()
        return counted

    def get(self, key: str) -> int:
        """The count of a window that has not ended."""
        row = self._row(key)
        return 0 if row is None else int(row.count)

    def get_expiry(self, key: str) -> float:
        """When the window ends, in seconds since 1970."""
        row = self._row(key)
        return float((self._now if row is None else row.until).timestamp())

    def check(self) -> bool:
        """Whether the storage can be used: the transaction is open."""
        return True

    def reset(self) -> int | None:
        """Forget every count; returns how many there were."""
        return self._connection.execute(delete(limit_counts)).rowcount

    def clear(self, key: str) -> None:
        """Forget one count."""
        self._connection.execute(delete(limit_counts).where(limit_counts.c.key == key))

    def _row(self, key: str) -> Any:
        chosen = select(limit_counts.c["count"].label("count"), limit_counts.c.until)
        return self._connection.execute(
            chosen.where(limit_counts.c.key == key, limit_counts.c.until > self._now)
        ).first()
