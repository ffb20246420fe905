"""Counts requests of the public pages against rate limits, in the database for all processes.

Rates have the notation and the fixed windows of the `limits` library; a window begins with its first count.
Clients and addresses are stored as keyed hashes. The caller decides what happens at a limit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
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


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedBy:
    """One thing that a request is counted by."""

    rates: tuple[RateLimitItem, ...]
    scope: str  # what is counted
    identifier: str  # the keyed hash of a client, address or reader


def multiplied(rates: Sequence[RateLimitItem], factor: int) -> tuple[RateLimitItem, ...]:
    """The same rates with `factor` times as many requests."""
    return tuple(type(rate)(rate.amount * factor, rate.multiples, rate.namespace) for rate in rates)


def allow(
    connection: Connection, rates: Sequence[RateLimitItem], *, scope: str, identifier: str, now: datetime
) -> bool:
    """Count one more if every rate permits it; see `allow_all`."""
    counted = CountedBy(rates=tuple(rates), scope=scope, identifier=identifier)
    return allow_all(connection, [counted], now=now)


def allow_all(connection: Connection, counted: Sequence[CountedBy], *, now: datetime) -> bool:
    """Count one more by each of these, if all their rates permit it; returns whether it was counted.

    A rollback of the transaction takes the count back.
    """
    limiter = _limiter(connection, counted, now)
    if not all(limiter.test(rate, by.scope, by.identifier) for by in counted for rate in by.rates):
        return False
    hits = [limiter.hit(rate, by.scope, by.identifier) for by in counted for rate in by.rates]
    return all(hits)  # on PostgreSQL another process may have counted in between


def free_at(connection: Connection, counted: Sequence[CountedBy], *, now: datetime) -> datetime | None:
    """When all of these permit one more; None: now. Counts nothing."""
    limiter = _limiter(connection, counted, now)
    full = [
        limiter.get_window_stats(rate, by.scope, by.identifier).reset_time
        for by in counted
        for rate in by.rates
        if not limiter.test(rate, by.scope, by.identifier)
    ]
    return datetime.fromtimestamp(max(full), UTC) if full else None


def _limiter(connection: Connection, counted: Sequence[CountedBy], now: datetime) -> FixedWindowRateLimiter:
    keys = [rate.key_for(by.scope, by.identifier) for by in counted for rate in by.rates]
    return FixedWindowRateLimiter(_CountStorage(connection, now, keys))


def delete_ended(connection: Connection, *, now: datetime) -> int:
    """Delete the counts of ended windows; returns how many."""
    return connection.execute(delete(limit_counts).where(limit_counts.c.until <= now)).rowcount


class _CountStorage(Storage):
    """The storage interface of the library over one transaction. Reads all keys in one query."""

    STORAGE_SCHEME = None

    def __init__(self, connection: Connection, now: datetime, keys: Sequence[str] = ()) -> None:
        super().__init__()
        self._connection = connection
        self._now = now
        self._counts: dict[str, tuple[int, datetime]] = {}  # the count and the end of its window, by key
        if keys:
            self._load(keys)

    @property
    def base_exceptions(self) -> type[Exception]:
        return SubscriberError  # the library wraps these; errors of the database pass unchanged

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Count `amount` more in a window of `expiry` seconds; returns the new count."""
        self._counts.pop(key, None)
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
        """The end of the window, in seconds since 1970."""
        return self._window(key)[1].timestamp()

    def check(self) -> bool:
        """Whether the storage can be used: the transaction is open."""
        return True

    def reset(self) -> int | None:
        """Delete all counts; returns how many there were."""
        self._counts.clear()
        return self._connection.execute(delete(limit_counts)).rowcount

    def clear(self, key: str) -> None:
        """Delete one count."""
        self._counts.pop(key, None)
        self._connection.execute(delete(limit_counts).where(limit_counts.c.key == key))

    def _window(self, key: str) -> tuple[int, datetime]:
        if key not in self._counts:
            self._load([key])
        return self._counts[key]

    def _load(self, keys: Sequence[str]) -> None:
        rows = self._connection.execute(_FIND, {"wanted": list(keys), "now": self._now})
        self._counts |= dict.fromkeys(keys, (0, self._now)) | {
            key: (count, until) for key, count, until in rows
        }


# Built once: every request of a visitor is counted.
_NOW = bindparam("now", type_=limit_counts.c.until.type)
_FIND = select(limit_counts.c.key, limit_counts.c["count"], limit_counts.c.until).where(
    limit_counts.c.key.in_(bindparam("wanted", expanding=True)), limit_counts.c.until > _NOW
)
_count_more_by: dict[str, Any] = {}  # by dialect


def _count_more(connection: Connection) -> Any:
    """The statement that counts in a window, or starts a new one, and returns the count."""
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
