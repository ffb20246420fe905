"""Proves from the rows that nobody got a paper twice and nobody missed a paper that they were owed.

Recomputes every debt from events: editions, subscriptions, deliveries. It shares no code with composing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, func, select

from newsletter.core.debts.account import Account
from newsletter.core.debts.ledger import Balance, balance
from newsletter.core.states import DeliveryState
from newsletter.db.engine import reading
from newsletter.db.schema import deliveries, runs
from newsletter.pipeline.explain.accounts import DigestContents, load_pairs, read_accounts

MAX_FINDINGS = 1_000  # repeats and misses that a report lists; the counts hold all


@dataclass(slots=True)
class AuditReport:
    """The outcome for all readers."""

    subscribers: int = 0
    deliveries: int = 0
    repeated: int = 0  # (reader, paper) given more than once
    missed: int = 0  # (reader, paper) owed and never given, without a reason
    uncertain: int = 0  # deliveries whose outcome is unknown
    mended: int = 0  # those of them whose papers a sent delivery recapped
    given: int = 0
    pending: dict[str, int] = field(default_factory=dict)  # reason to count
    ended: dict[str, int] = field(default_factory=dict)
    findings: list[dict[str, Any]] = field(default_factory=list)  # the first MAX_FINDINGS repeats and misses

    @property
    def clean(self) -> bool:
        """Whether the promise was kept."""
        return self.repeated == 0 and self.missed == 0

    def as_json(self) -> dict[str, Any]:
        """The JSON of `newsletter audit`."""
        return {
            "subscribers": self.subscribers,
            "deliveries": self.deliveries,
            "repeated": self.repeated,
            "missed": self.missed,
            "uncertain": self.uncertain,
            "mended": self.mended,
            "given": self.given,
            "pending": self.pending,
            "ended": self.ended,
            "findings": self.findings,
        }


def audit(engine: Engine, *, now: datetime) -> AuditReport:
    """Balance every reader's account as of `now` (aware)."""
    report = AuditReport()
    with reading(engine) as connection:
        report.deliveries = connection.execute(select(func.count()).select_from(deliveries)).scalar_one()
        pairs = load_pairs(connection)
        contents = DigestContents(connection)
        last_run = _last_compose(connection, now=now)
        merged_periods = contents.merged_periods
        for subscriber_id, account in read_accounts(connection, contents):
            report.subscribers += 1
            found = balance(account, pairs, now=now, last_run=last_run, merged_periods=merged_periods)
            _add(report, subscriber_id, account, found)
    return report


def _add(report: AuditReport, subscriber_id: int, account: Account, found: Balance) -> None:
    report.given += len(found.given)
    report.repeated += len(found.repeated)
    report.missed += len(found.missed)
    for reason in found.pending.values():
        report.pending[reason.value] = report.pending.get(reason.value, 0) + 1
    for end in found.ended.values():
        report.ended[end.value] = report.ended.get(end.value, 0) + 1
    for mail in account.mailed:
        if mail.state == DeliveryState.UNCERTAIN:
            report.uncertain += 1
            report.mended += all(c.paper in found.mended | found.given for c in mail.papers)
    for paper, delivery_ids in found.repeated.items():
        _note(report, {"subscriber": subscriber_id, "paper": paper, "repeated_in": delivery_ids})
    for paper, ready_at in found.missed.items():
        _note(report, {"subscriber": subscriber_id, "paper": paper, "missed_since": ready_at.isoformat()})


def _note(report: AuditReport, finding: dict[str, Any]) -> None:
    if len(report.findings) < MAX_FINDINGS:
        report.findings.append(finding)


def _last_compose(connection: Connection, *, now: datetime) -> datetime | None:
    """When digests were last composed for everybody, up to `now`."""
    found: datetime | None = connection.execute(
        select(func.max(runs.c.at, type_=runs.c.at.type)).where(
            runs.c.verb == "compose", runs.c.only.is_(None), runs.c.at <= now
        )
    ).scalar_one_or_none()
    return found
