"""Proves from the rows that nobody got a paper twice and nobody missed one that was theirs.

Recomputes every debt from events: editions, subscriptions, deliveries. It shares no query with composing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Engine, func, select

from newsletter.core.cadence import Cadence
from newsletter.core.debts.account import (
    Account,
    EditionPair,
    FollowInterval,
    MailedDigest,
    MailedPaper,
    PersonalDebt,
)
from newsletter.core.debts.ledger import Balance, balance
from newsletter.core.papers.merge_history import MergeDecision, MergedPeriod, replay
from newsletter.core.states import DebtEnd, DeliveryState, MailKind
from newsletter.db.engine import reading
from newsletter.db.schema import (
    deliveries,
    digest_papers,
    digests,
    edition_papers,
    editions,
    paper_decisions,
    papers,
    reader_debts,
    runs,
)
from subscribers import audience

PAGE = 2_000  # readers whose accounts are in memory at once


@dataclass(slots=True)
class AuditReport:
    """The outcome for all readers."""

    subscribers: int = 0
    deliveries: int = 0
    repeated: int = 0  # (reader, paper) given more than once
    missed: int = 0  # (reader, paper) owed and never given, without a reason
    uncertain: int = 0  # deliveries whose fate is unknown
    mended: int = 0  # of these, those whose papers were recapped in a sent mail
    given: int = 0
    pending: dict[str, int] = field(default_factory=dict)  # reason to count
    ended: dict[str, int] = field(default_factory=dict)
    findings: list[dict[str, Any]] = field(default_factory=list)  # each repeat and miss, the first 1,000

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
        last_run = last_compose(connection, now=now)
        unions = contents.unions
        for subscriber_id, account in accounts(connection, contents):
            report.subscribers += 1
            found = balance(account, pairs, now=now, last_run=last_run, unions=unions)
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
    for paper, mails in found.repeated.items():
        _note(report, {"subscriber": subscriber_id, "paper": paper, "repeated_in": mails})
    for paper, ready_at in found.missed.items():
        _note(report, {"subscriber": subscriber_id, "paper": paper, "missed_since": ready_at.isoformat()})


def _note(report: AuditReport, finding: dict[str, Any]) -> None:
    if len(report.findings) < 1000:
        report.findings.append(finding)


def load_pairs(connection: Connection) -> dict[str, list[EditionPair]]:
    """Every pair that an edition froze, by topic, merged papers under the one that was kept."""
    by_topic: dict[str, list[EditionPair]] = {}
    rows = connection.execute(
        select(
            func.coalesce(papers.c.merged_into, papers.c.id).label("paper"),
            edition_papers.c.topic,
            edition_papers.c.edition,
            edition_papers.c.dropped_at,
            edition_papers.c.withdrawn_at,
            editions.c.ready_at,
            editions.c.published_at,
            editions.c.held,
        )
        .join(papers, papers.c.id == edition_papers.c.paper_id)
        .join(editions, editions.c.number == edition_papers.c.edition)
        .order_by(editions.c.ready_at, edition_papers.c.edition)
    )
    for row in rows:
        end = DebtEnd.DROPPED if row.dropped_at else DebtEnd.WITHDRAWN if row.withdrawn_at else None
        pair = EditionPair(
            paper=row.paper,
            topic=row.topic,
            edition=row.edition,
            ready_at=row.ready_at,
            stored_at=row.published_at,
            held=row.held,
            end=end,
        )
        by_topic.setdefault(row.topic, []).append(pair)
    return by_topic


def last_compose(connection: Connection, *, now: datetime) -> datetime | None:
    """When digests were last composed for everybody, up to `now`."""
    found: datetime | None = connection.execute(
        select(func.max(runs.c.at, type_=runs.c.at.type)).where(
            runs.c.verb == "compose", runs.c.only.is_(None), runs.c.at <= now
        )
    ).scalar_one_or_none()
    return found


class DigestContents:
    """What each digest holds, read once; shared by all who got it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._known: dict[int, tuple[MailedPaper, ...]] = {}
        rows = connection.execute(select(paper_decisions).order_by(paper_decisions.c.id))
        self._kin = replay(
            MergeDecision(
                at=row.at,
                merges=row.verb == "merge",
                kept=row.paper_id,
                other=row.other_id,
                news=row.news,
            )
            for row in rows
        )

    @property
    def unions(self) -> Sequence[MergedPeriod]:
        """Papers that were one for a time, under their present ids."""
        return [
            replace(union, paper=self._kin.now(union.paper), other=self._kin.now(union.other))
            for union in self._kin.unions
        ]

    def of(self, digest_id: int) -> tuple[MailedPaper, ...]:
        if digest_id not in self._known:
            rows = self._connection.execute(
                select(
                    func.coalesce(papers.c.merged_into, papers.c.id).label("paper"),
                    papers.c.id.label("own"),
                    digest_papers.c.form,
                    digest_papers.c.role,
                )
                .join(papers, papers.c.id == digest_papers.c.paper_id)
                .where(digest_papers.c.digest_id == digest_id)
                .order_by(digest_papers.c.position)
            )
            if len(self._known) > 50_000:  # bounded memory; the next pages read theirs again
                self._known.clear()
            held = tuple(
                MailedPaper(
                    paper=row.paper,
                    form=row.form,
                    role=row.role,
                    own=row.own,
                    names=self._kin.names.get(row.own, ()),
                )
                for row in rows
            )
            self._known[digest_id] = held + self._inherited(digest_id, held)
        return self._known[digest_id]

    def _inherited(self, digest_id: int, held: Sequence[MailedPaper]) -> tuple[MailedPaper, ...]:
        """What was part of a paper in this digest when it was composed, and was split from it later."""
        if not self._kin.heirs:
            return ()
        composed_at = self._connection.execute(
            select(digests.c.composed_at).where(digests.c.id == digest_id)
        ).scalar_one()
        found: list[MailedPaper] = []
        for heir in self._kin.heirs:
            paper = self._kin.now(heir.paper)
            for carried in held:
                if carried.own == heir.source and composed_at < heir.until and paper != carried.paper:
                    found.append(
                        MailedPaper(paper=paper, form=carried.form, role=carried.role, inherited=True)
                    )
        return tuple(found)


def accounts(
    connection: Connection, contents: DigestContents, only: int | None = None
) -> Iterator[tuple[int, Account]]:
    """Every reader who ever followed something, with all that is known of them, page by page."""
    everybody = audience.accounts().subquery()
    above = -1
    while True:
        chosen = select(everybody).where(everybody.c.subscriber_id > above)
        if only is not None:
            chosen = chosen.where(everybody.c.subscriber_id == only)
        people = connection.execute(chosen.order_by(everybody.c.subscriber_id).limit(PAGE)).all()
        if not people:
            return
        first, above = people[0].subscriber_id, people[-1].subscriber_id
        intervals = _intervals(connection, first, above)
        mailed = _mailed(connection, first, above, contents)
        debts = _debts(connection, first, above)
        for person in people:
            key = person.subscriber_id
            yield (
                key,
                Account(
                    confirmed=person.state == "confirmed",
                    cadence=Cadence(
                        kind=person.cadence,
                        weekday=person.weekday,
                        hour=person.hour,
                        timezone=person.timezone,
                    ),
                    cadence_since=person.cadence_since,
                    paused_until=person.paused_until,
                    minimum=person.minimum,
                    intervals=intervals.get(key, ()),
                    mailed=mailed.get(key, ()),
                    debts=debts.get(key, ()),
                    suppressed=person.state == "suppressed",
                ),
            )


def _intervals(connection: Connection, first: int, last: int) -> dict[int, list[FollowInterval]]:
    following = audience.following().subquery()
    rows = connection.execute(
        select(following)
        .where(following.c.subscriber_id.between(first, last))
        .order_by(following.c.subscriber_id, following.c.since)
    )
    return {
        key: [FollowInterval(topic=row.topic, since=row.since, until=row.until) for row in group]
        for key, group in groupby(rows, lambda row: row.subscriber_id)
    }


def _mailed(
    connection: Connection, first: int, last: int, contents: DigestContents
) -> dict[int, list[MailedDigest]]:
    rows = connection.execute(
        select(deliveries)
        .where(deliveries.c.subscriber_id.between(first, last), deliveries.c.kind == MailKind.DIGEST)
        .order_by(deliveries.c.subscriber_id, deliveries.c.id)
    ).all()
    return {
        key: [
            MailedDigest(
                delivery=row.id,
                state=row.state,
                reason=row.reason,
                composed_at=row.composed_at,
                papers=contents.of(row.digest_id),
                key=row.key,
                finished_at=row.finished_at,
            )
            for row in group
        ]
        for key, group in groupby(rows, lambda row: row.subscriber_id)
    }


def _debts(connection: Connection, first: int, last: int) -> dict[int, list[PersonalDebt]]:
    rows = connection.execute(
        select(
            reader_debts.c.subscriber_id,
            func.coalesce(papers.c.merged_into, papers.c.id).label("paper"),
            reader_debts.c.kind,
            reader_debts.c.carried_by,
            reader_debts.c.ended,
            reader_debts.c.made_at,
        )
        .join(papers, papers.c.id == reader_debts.c.paper_id)
        .where(reader_debts.c.subscriber_id.between(first, last))
        .order_by(reader_debts.c.subscriber_id, reader_debts.c.id)
    )
    return {
        key: [
            PersonalDebt(
                paper=row.paper,
                kind=row.kind,
                open=row.carried_by is None and row.ended is None,
                ended=DebtEnd(row.ended) if row.ended else None,
                made_at=row.made_at,
            )
            for row in group
        ]
        for key, group in groupby(rows, lambda row: row.subscriber_id)
    }
