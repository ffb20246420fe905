"""Proves from the rows that nobody got a paper twice and nobody missed a paper that they were owed.

Recomputes every debt from events: editions, subscriptions, deliveries. It shares no code with composing.
Equal readers are balanced once. Sealed months are checked by their checksums (docs/explanation/history.md).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, func, select

from newsletter.core.debts.account import Account
from newsletter.core.debts.ledger import Balance, balance
from newsletter.core.months import shown
from newsletter.core.states import DeliveryState, Form, Role
from newsletter.db.engine import reading
from newsletter.db.schema import deliveries, runs
from newsletter.pipeline.explain.accounts import DigestContents, load_pairs, read_accounts
from newsletter.pipeline.explain.audit_scope import AuditScope, scope_since_seal, whole_scope
from newsletter.pipeline.explain.equal_readers import EqualReaders, ReaderPage
from newsletter.pipeline.history import seals
from newsletter.pipeline.history.seals import SealCheck

MAX_FINDINGS = 1_000  # repeats and misses that a report lists; the counts hold all
OUTCOMES_KNOWN = 20_000  # of different accounts, kept for later equal ones


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
    balanced: int = 0  # accounts that differ: each was balanced once
    since: datetime | None = None  # outcomes before come from the seals; None: nothing does
    seals: list[SealCheck] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Whether the promise was kept, and every seal matches."""
        return self.repeated == 0 and self.missed == 0 and all(seal.matches for seal in self.seals)

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
            "balanced": self.balanced,
            "since": self.since.isoformat() if self.since else None,
            "seals": [seal.as_json() for seal in self.seals],
        }


@dataclass(slots=True)
class _Outcome:
    """The numbers of one account, for every reader with an equal one."""

    given: int = 0
    repeated: dict[int, list[int]] = field(default_factory=dict)  # paper to deliveries
    missed: dict[int, datetime] = field(default_factory=dict)  # paper to when it was ready
    uncertain: int = 0
    mended: int = 0
    pending: Counter[str] = field(default_factory=Counter)
    ended: Counter[str] = field(default_factory=Counter)


def audit(engine: Engine, *, now: datetime, full: bool = False) -> AuditReport:
    """Balance every reader's account as of `now` (aware): since the last seal, or all of it (`full`)."""
    with reading(engine) as connection:
        report = AuditReport()
        report.seals = seals.check(connection)
        contents = DigestContents(connection)
        scope = whole_scope(connection) if full else scope_since_seal(connection, contents.merges)
        report.deliveries = sum(seal.deliveries for seal in report.seals) + int(
            connection.execute(select(func.count()).select_from(deliveries)).scalar_one()
        )
        _Auditor(connection, contents, scope, report, now=now).run()
        for row in scope.sealed:
            _add_proof(report, row)
    return report


def prove(engine: Engine, now: datetime, until: datetime) -> dict[str, Any]:
    """What is proven of outcomes up to `until` that no seal counts yet, for the seal of a month."""
    with reading(engine) as connection:
        report = AuditReport()
        contents = DigestContents(connection)
        scope = scope_since_seal(connection, contents.merges, until=until)
        _Auditor(connection, contents, scope, report, now=now).run()
    return {
        "given": report.given,
        "repeated": report.repeated,
        "missed": report.missed,
        "uncertain": report.uncertain,
        "mended": report.mended,
        "ended": report.ended,
        "findings": report.findings,
    }


class _Auditor:
    """Balances all readers of a scope."""

    def __init__(
        self,
        connection: Connection,
        contents: DigestContents,
        scope: AuditScope,
        report: AuditReport,
        *,
        now: datetime,
    ) -> None:
        self._connection = connection
        self._contents = contents
        self._scope = scope
        self._report = report
        self._now = now
        self._pairs = load_pairs(connection, scope)
        self._last_run = _last_compose(connection, now=now)
        self._merged_periods = contents.merged_periods
        self._known: dict[bytes, _Outcome] = {}

    def run(self) -> None:
        self._report.since = self._scope.since
        for page in EqualReaders(self._connection, self._scope, self._pairs, now=self._now).pages():
            self._add_page(page)

    def _add_page(self, page: ReaderPage) -> None:
        report = self._report
        report.subscribers += len(page.keys)
        for reader, month in page.damaged:
            _note(report, {"subscriber": reader, "damaged_month": shown(month)})
            page.keys.pop(reader, None)
        if len(self._known) > OUTCOMES_KNOWN:
            self._known.clear()
        first_of = {key: reader for reader, key in reversed(page.keys.items()) if key not in self._known}
        read = read_accounts(self._connection, self._contents, sorted(first_of.values()), self._scope)
        for reader, account in read:
            self._known[page.keys[reader]] = self._balance(account)
            report.balanced += 1
        for reader, key in page.keys.items():
            outcome = self._known[key]
            if (outcome.repeated or outcome.missed) and reader not in first_of.values():
                outcome = self._own_outcome(reader, outcome)
            self._add(reader, outcome)

    def _own_outcome(self, reader: int, equal: _Outcome) -> _Outcome:
        """The outcome with the reader's own delivery ids, while findings are still listed."""
        if len(self._report.findings) >= MAX_FINDINGS:
            return equal
        read = read_accounts(self._connection, self._contents, [reader], self._scope)
        return next((self._balance(account) for _, account in read), equal)

    def _add(self, reader: int, outcome: _Outcome) -> None:
        report = self._report
        report.given += outcome.given
        report.repeated += len(outcome.repeated)
        report.missed += len(outcome.missed)
        report.uncertain += outcome.uncertain
        report.mended += outcome.mended
        for total, counts in ((report.pending, outcome.pending), (report.ended, outcome.ended)):
            for name, number in counts.items():
                total[name] = total.get(name, 0) + number
        for paper, delivery_ids in outcome.repeated.items():
            _note(report, {"subscriber": reader, "paper": paper, "repeated_in": delivery_ids})
        for paper, ready_at in outcome.missed.items():
            _note(report, {"subscriber": reader, "paper": paper, "missed_since": ready_at.isoformat()})

    def _balance(self, account: Account) -> _Outcome:
        found = balance(
            account,
            self._pairs,
            now=self._now,
            last_run=self._last_run,
            merged_periods=self._merged_periods,
        )
        scope = self._scope
        whole = scope.since is None and scope.until is None
        first, last = ({}, {}) if whole else _given_at(account)
        outcome = _Outcome(
            given=sum(
                whole or scope.counts(first.get(paper, scope.first_ready.get(paper))) for paper in found.given
            ),
            repeated={
                paper: ids
                for paper, ids in found.repeated.items()
                if whole or scope.counts(last.get(paper, scope.first_ready.get(paper)))
            },
            missed={paper: at for paper, at in found.missed.items() if whole or scope.counts(at)},
        )
        for reason in found.pending.values() if scope.until is None else ():
            outcome.pending[reason.value] += 1
        for paper, end in found.ended.items():
            if whole or scope.counts(scope.first_ready.get(paper)):
                outcome.ended[end.value] += 1
        self._count_uncertain(account, found, outcome)
        return outcome

    def _count_uncertain(self, account: Account, found: Balance, outcome: _Outcome) -> None:
        for mail in account.mailed:
            if mail.state == DeliveryState.UNCERTAIN and self._scope.counts(mail.composed_at):
                outcome.uncertain += 1
                outcome.mended += all(c.paper in found.mended | found.given for c in mail.papers)


def _given_at(account: Account) -> tuple[dict[int, datetime], dict[int, datetime]]:
    """When the first and the last mail that gave a paper were composed, by paper."""
    first: dict[int, datetime] = {}
    last: dict[int, datetime] = {}
    for mail in account.mailed:
        if mail.state != DeliveryState.SENT:
            continue
        for place in mail.papers:
            if place.form != Form.LEFT and place.role != Role.RECAP:
                first.setdefault(place.paper, mail.composed_at)
                last[place.paper] = mail.composed_at
    return first, last


def _add_proof(report: AuditReport, row: Row[Any]) -> None:
    """Add the numbers that a seal keeps."""
    proof = row.proof
    for name in ("given", "repeated", "missed", "uncertain", "mended"):
        setattr(report, name, getattr(report, name) + proof[name])
    for name, number in proof["ended"].items():
        report.ended[name] = report.ended.get(name, 0) + number
    for finding in proof["findings"]:
        _note(report, finding)


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
