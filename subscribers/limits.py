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
from sqlalchemy import Connection, bindparam, case, delete, select

from subscribers.errors import SubscriberError
from subscribers.sql import insert_for
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
    keys = [rate.key_for(scope, who) for rate in rates]
    limiter = FixedWindowRateLimiter(_CountStorage(connection, now, keys))
    if not all(limiter.test(rate, scope, who) for rate in rates):
        return False
    hits = [limiter.hit(rate, scope, who) for rate in rates]
    return all(hits)  # on PostgreSQL another process may have come between


def forget_old(connection: Connection, *, now: datetime) -> int:
    """Drop the counts of windows that have ended; returns how many."""
    return connection.execute(delete(limit_counts).where(limit_counts.c.until <= now)).rowcount


class _CountStorage(Storage):
    """The library's storage interface over one transaction. Reads all that is asked for at once."""

    STORAGE_SCHEME = None

    def __init__(self, connection: Connection, now: datetime, keys: Sequence[str] = ()) -> None:
        super().__init__()
        self._connection = connection
        self._now = now
        self._read: dict[str, tuple[int, datetime]] = {}  # the count, and when its window ends
        if keys:
            self._look(keys)

    @property
    def base_exceptions(self) -> type[Exception]:
        return SubscriberError  # nothing of the library's to wrap: the database's errors go their own way

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Count `amount` more in the window of `expiry` seconds; the count now."""
        self._read.pop(key, None)
        counted: int = self._connection.execute(
            _count_more(self._connection),
            {
                "key": key,
                "count": amount,
                "until": self._now + timedelta(seconds=expiry),
                "now": self._now,
            },
        ).scalar_one()
        return counted

    def get(self, key: str) -> int:
        """The count of a window that has not ended."""
        return self._window(key)[0]

    def get_expiry(self, key: str) -> float:
        """When the window ends, in seconds since 1970."""
        return self._window(key)[1].timestamp()

    def check(self) -> bool:
        """Whether the storage can be used: the transaction is open."""
        return True

    def reset(self) -> int | None:
        """Forget every count; returns how many there were."""
        self._read.clear()
        return self._connection.execute(delete(limit_counts)).rowcount

    def clear(self, key: str) -> None:
        """Forget one count."""
        self._read.pop(key, None)
        self._connection.execute(delete(limit_counts).where(limit_counts.c.key == key))

    def _window(self, key: str) -> tuple[int, datetime]:
        if key not in self._read:
            self._look([key])
        return self._read[key]

    def _look(self, keys: Sequence[str]) -> None:
        rows = self._connection.execute(_FIND, {"wanted": list(keys), "now": self._now})
        self._read |= dict.fromkeys(keys, (0, self._now)) | {
            key: (count, until) for key, count, until in rows
        }


# Made once: every request of a visitor counts.
_NOW = bindparam("now", type_=limit_counts.c.until.type)
_FIND = select(limit_counts.c.key, limit_counts.c["count"], limit_counts.c.until).where(
    limit_counts.c.key.in_(bindparam("wanted", expanding=True)), limit_counts.c.until > _NOW
)
_count_more_by: dict[str, Any] = {}  # by dialect


def _count_more(connection: Connection) -> Any:
    """Counts more in a window, a new one when it has ended; gives the count."""
    name = connection.dialect.name
    if name not in _count_more_by:
        over = limit_counts.c.until <= _NOW
        statement = insert_for(connection, limit_counts)
        fresh = statement.excluded
        _count_more_by[name] = statement.on_conflict_do_update(
            index_elements=["key"],
            set_={
                "count": case((over, fresh["count"]), else_=limit_counts.c["count"] + fresh["count"]),
                "until": case((over, fresh["until"]), else_=limit_counts.c.until),
            },
        ).returning(limit_counts.c["count"])
    return _count_more_by[name]
