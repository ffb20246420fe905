"""Rolls up months of settled mail: proves, packs, deletes, seals. After a crash the next run goes on.

The rules: docs/explanation/history.md. The audit is a parameter: no stage of the pipeline knows another.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine, func, insert, select, update

from newsletter.core import months
from newsletter.core.errors import StorageError
from newsletter.core.states import REGULAR_KINDS
from newsletter.db.engine import free_pages, reading, writing
from newsletter.db.schema import digests, history_months, history_readers
from newsletter.pipeline.history import pack_contents, seals
from newsletter.pipeline.history.pack_readers import ReaderPacker

Proof = dict[str, Any]
# What the audit proves of papers whose count belongs before an instant; see `explain.audit.prove`.
Prover = Callable[[Engine, datetime, datetime], Proof]


@dataclass(slots=True)
class RollUpReport:
    """What one run did."""

    months: list[str] = field(default_factory=list)  # sealed
    deliveries: int = 0  # packed in them
    freed: int = 0  # bytes given back to the disk
    unfinished: bool = False  # it was asked to stop

    def as_json(self) -> dict[str, Any]:
        """The JSON of `history roll-up`."""
        return {
            "months": self.months,
            "deliveries": self.deliveries,
            "freed": self.freed,
            "unfinished": self.unfinished,
        }


def roll_up(
    engine: Engine,
    *,
    keep_days: int,
    now: datetime,
    prove: Prover,
    stop: Callable[[], bool] = lambda: False,
) -> RollUpReport:
    """Roll up every month whose last day is older than `keep_days` before `now` (aware).

    prove: balances all readers before anything is deleted. stop: whether to leave the rest for later.
    Raises StorageError when a packed row is not what it was packed from.
    """
    report = RollUpReport()
    while (month := next_month(engine, keep_days=keep_days, now=now)) is not None:
        if stop() or not _roll_up_month(engine, month, now=now, prove=prove, stop=stop):
            report.unfinished = True
            break
        with reading(engine) as connection:
            chosen = select(history_months.c.deliveries).where(history_months.c.month == month)
            report.deliveries += connection.execute(chosen).scalar_one()
        report.months.append(months.shown(month))
    if report.months:
        report.freed = free_pages(engine, stop=stop)
    return report


def next_month(engine: Engine, *, keep_days: int, now: datetime) -> int | None:
    """The month to roll up next, one that was begun first; None when none is old enough."""
    with reading(engine) as connection:
        begun = connection.execute(
            select(func.min(history_months.c.month)).where(history_months.c.sealed_at.is_(None))
        ).scalar_one()
        if begun is not None:
            return int(begun)
        sealed = seals.last_sealed(connection)
        composed = select(func.min(digests.c.composed_at, type_=digests.c.composed_at.type)).where(
            digests.c.kind.in_(REGULAR_KINDS)
        )
        if sealed is not None:
            composed = composed.where(digests.c.composed_at >= months.end_of(sealed))
        oldest = connection.execute(composed).scalar_one()
    if oldest is None:
        return None
    month = months.month_of(oldest)
    return month if months.end_of(month) <= now - timedelta(days=keep_days) else None


def _roll_up_month(
    engine: Engine, month: int, *, now: datetime, prove: Prover, stop: Callable[[], bool]
) -> bool:
    """Whether the month was sealed."""
    above: int | None = _begin(engine, month, now=now, prove=prove)
    packer = ReaderPacker(month, now)
    while above is not None:
        if stop():
            return False
        with writing(engine) as connection:
            above = packer.pack_page(connection, above)
    while True:
        if stop():
            return False
        with writing(engine, exclusive=True) as connection:
            if not pack_contents.pack_page(connection, month, end=months.end_of(month)):
                break
    pack_contents.delete_pieces(engine, stop=stop)
    if stop():
        return False
    _seal(engine, month, now=now)
    return True


def _begin(engine: Engine, month: int, *, now: datetime, prove: Prover) -> int:
    """Prove the month and note it, unless that was done; returns the last reader who is packed, else -1."""
    with reading(engine) as connection:
        known = connection.execute(
            select(history_months.c.month).where(history_months.c.month == month)
        ).first()
        last = connection.execute(
            select(func.max(history_readers.c.subscriber_id)).where(history_readers.c.month == month)
        ).scalar_one()
    if known is None:
        proof = prove(engine, now, months.start_of(month))
        with writing(engine) as connection:
            connection.execute(insert(history_months), {"month": month, "begun_at": now, "proof": proof})
    return -1 if last is None else int(last)


def _seal(engine: Engine, month: int, *, now: datetime) -> None:
    with reading(engine) as connection:
        check = next(each for each in seals.check(connection) if each.month == month)
    if not check.matches:
        raise StorageError(
            f"the packed mail of {check.name} is not what was stored",
            hint="Look at the disk, and restore a backup; the month stays without a seal.",
        )
    with writing(engine) as connection:
        connection.execute(
            update(history_months)
            .where(history_months.c.month == month, history_months.c.sealed_at.is_(None))
            .values(sealed_at=now)
        )
