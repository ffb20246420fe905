"""Counts sent messages against the limits, in the database: all senders share it, and restarts lose nothing.

It takes quotas from a limit and gives them back. Which mail uses a quota is decided in
`newsletter.pipeline.deliver.rate_limiter`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, and_, bindparam, delete, or_, select, update

from newsletter.core.mail.rates import SLICES, Rate
from newsletter.db.engine import LIMITS_LOCK, dialect_insert, take_lock
from newsletter.db.schema import mail_counts, pauses

ALL = ""  # the scope of every message


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The limits as configured. A scope without a rate has no limit."""

    everything: Sequence[Rate] = ()
    relays: Mapping[str, Sequence[Rate]] = field(default_factory=dict)  # by name, "host:port"
    domains: Mapping[str, Sequence[Rate]] = field(default_factory=dict)  # of recipients, in lower case
    each_domain: Sequence[Rate] = ()  # for those that `domains` does not name

    def of_domain(self, domain: str) -> Sequence[Rate]:
        """The rates of a recipient's domain."""
        return self.domains.get(domain, self.each_domain)


@dataclass(frozen=True, slots=True)
class TakenQuota:
    """What a limit allowed."""

    mails: int  # that may be sent
    opens_at: datetime  # when the next may be sent, if fewer were allowed than wanted


def take(
    connection: Connection, scope: str, rates: Sequence[Rate], *, wanted: int, wall: datetime
) -> TakenQuota:
    """Count up to `wanted` messages against a scope's limits. wall: the real time, never simulated."""
    take_lock(connection, LIMITS_LOCK)
    counts = _counts(connection, scope)
    for rate in rates:
        wanted = min(wanted, rate.room(counts.get(rate.seconds, {}), wall))
    if wanted > 0:
        for rate in rates:
            number = rate.slice_at(wall)
            _add(connection, scope, rate, number, wanted)
            slices = counts.setdefault(rate.seconds, {})
            slices[number] = slices.get(number, 0) + wanted
    opens_at = max(rate.opens_at(counts.get(rate.seconds, {}), wall) for rate in rates)
    return TakenQuota(max(0, wanted), opens_at)


def give_back(
    connection: Connection, scope: str, rates: Sequence[Rate], *, mails: int, taken_at: datetime
) -> None:
    """Give back what was taken at `taken_at` and not used: in the slice where it was counted."""
    if mails <= 0 or not rates:
        return
    take_lock(connection, LIMITS_LOCK)
    for rate in rates:
        connection.execute(
            update(mail_counts)
            .where(
                mail_counts.c.scope == scope,
                mail_counts.c.seconds == rate.seconds,
                mail_counts.c.slice == rate.slice_at(taken_at),
            )
            .values(mails=mail_counts.c.mails - mails)
        )


def forget(connection: Connection, *, wall: datetime) -> None:
    """Delete the counts of windows that have passed, and pauses that are over."""
    seconds = connection.execute(select(mail_counts.c.seconds).distinct()).scalars().all()
    passed = [
        and_(
            mail_counts.c.seconds == length, mail_counts.c.slice < Rate(1, length).slice_at(wall) - 2 * SLICES
        )
        for length in seconds
    ]
    if passed:
        connection.execute(delete(mail_counts).where(or_(*passed)))


def pause(connection: Connection, domain: str, *, until: datetime, reason: str) -> None:
    """Pause a domain for all senders: its mail waits until then."""
    insert = dialect_insert(connection)(pauses).values(domain=domain, until=until, reason=reason[:500])
    connection.execute(
        insert.on_conflict_do_update(
            index_elements=["domain"], set_={"until": insert.excluded.until, "reason": insert.excluded.reason}
        )
    )


def paused(connection: Connection, *, now: datetime) -> dict[str, datetime]:
    """The domains that are paused at `now`, each with its end; pauses that are over are deleted."""
    connection.execute(delete(pauses).where(pauses.c.until <= now))
    return {row.domain: row.until for row in connection.execute(select(pauses.c.domain, pauses.c.until))}


_COUNTS = select(mail_counts.c.seconds, mail_counts.c.slice, mail_counts.c.mails).where(
    mail_counts.c.scope == bindparam("scope")
)


def _counts(connection: Connection, scope: str) -> dict[int, dict[int, int]]:
    """Messages by the window's length and slice."""
    counts: dict[int, dict[int, int]] = {}
    for row in connection.execute(_COUNTS, {"scope": scope}):
        counts.setdefault(row.seconds, {})[row.slice] = row.mails
    return counts


def _add(connection: Connection, scope: str, rate: Rate, number: int, mails: int) -> None:
    insert = dialect_insert(connection)(mail_counts)
    connection.execute(
        insert.on_conflict_do_update(
            index_elements=["scope", "seconds", "slice"],
            set_={"mails": mail_counts.c.mails + insert.excluded.mails},
        ),
        {"scope": scope, "seconds": rate.seconds, "slice": number, "mails": mails},
    )
