"""Reads the account of every reader from the rows: topics followed, digests mailed, debts.

It judges nothing; `newsletter.core.debts` does. It shares no query with composing, so that the audit can find
an error there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, func, select

from newsletter.core.cadence import Cadence
from newsletter.core.debts.account import (
    Account,
    EditionPair,
    FollowInterval,
    MailedDigest,
    MailedPaper,
    PersonalDebt,
)
from newsletter.core.debts.packed_reader import PastDebt, PastMail
from newsletter.core.papers.merge_history import MergeDecision, MergedPeriod, MergeHistory, replay
from newsletter.core.states import DebtEnd, MailKind
from newsletter.db.schema import (
    deliveries,
    digest_papers,
    digests,
    edition_papers,
    editions,
    paper_decisions,
    papers,
    reader_debts,
)
from newsletter.delivery.outbox.past_contents import past_contents
from newsletter.pipeline.explain.audit_scope import AuditScope
from newsletter.pipeline.history import past_mail
from subscribers import audience

READERS_AT_ONCE = 50  # readers whose accounts are in memory at once
MAX_PLACES = 300_000  # papers' places in digests that are kept; the next pages read theirs again
IDS_PER_STATEMENT = 400  # far below any database's limit of parameters


def load_pairs(connection: Connection, scope: AuditScope | None = None) -> dict[str, list[EditionPair]]:
    """Every pair that an edition froze, by topic, merged papers under the one that was kept.

    scope: only its papers. By readiness.
    """
    by_topic: dict[str, list[EditionPair]] = {}
    rows = connection.execute(
        select(
            func.coalesce(papers.c.merged_into, papers.c.id).label("paper"),
            edition_papers.c.topic,
            edition_papers.c.edition,
            edition_papers.c.dropped_at,
            edition_papers.c.withdrawn_at,
            edition_papers.c.restored_at,
            editions.c.ready_at,
            editions.c.published_at,
            editions.c.held,
            editions.c.released,
        )
        .join(papers, papers.c.id == edition_papers.c.paper_id)
        .join(editions, editions.c.number == edition_papers.c.edition)
        .order_by(editions.c.ready_at, edition_papers.c.edition)
        .execution_options(yield_per=1_000)
    )
    for row in rows:
        if scope is not None and not scope.keeps(row.paper):
            continue
        end = DebtEnd.DROPPED if row.dropped_at else DebtEnd.WITHDRAWN if row.withdrawn_at else None
        pair = EditionPair(
            paper=row.paper,
            topic=row.topic,
            edition=row.edition,
            ready_at=row.ready_at,
            stored_at=row.published_at,
            held=row.held,
            end=end,
            released=row.released,
            restored_at=row.restored_at,
        )
        by_topic.setdefault(row.topic, []).append(pair)
    return by_topic


class DigestContents:
    """What each digest holds, read once; shared by all who got it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._known: dict[int, tuple[MailedPaper, ...]] = {}
        self._places = 0
        self._same: dict[tuple[int, str, str, bool], MailedPaper] = {}
        rows = connection.execute(select(paper_decisions).order_by(paper_decisions.c.id))
        self.merges: MergeHistory = replay(
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
    def merged_periods(self) -> Sequence[MergedPeriod]:
        """Papers that were one for a time, under their present ids."""
        return [
            replace(merged, paper=self.merges.now(merged.paper), other=self.merges.now(merged.other))
            for merged in self.merges.unions
        ]

    def of(self, digest_id: int) -> tuple[MailedPaper, ...]:
        """What one digest holds, in its order."""
        if digest_id not in self._known:
            self.load([digest_id])
        return self._known[digest_id]

    def load(self, digest_ids: Collection[int]) -> None:
        """Read these digests together, unless they are known. Memory stays bounded."""
        if self._places > MAX_PLACES:
            self._known.clear()
            self._same.clear()
            self._places = 0
        unknown = sorted(set(digest_ids) - self._known.keys())
        for start in range(0, len(unknown), IDS_PER_STATEMENT):
            page = unknown[start : start + IDS_PER_STATEMENT]
            shown: dict[int, list[tuple[int, int, str, str]]] = {key: [] for key in page}
            self._read_rows(page, shown)
            composed = self._read_packed([key for key in page if not shown[key]], shown)
            for key in page:
                held = tuple(self._place(*place) for place in shown[key])
                self._known[key] = held + self._inherited(key, held, composed.get(key))
                self._places += len(self._known[key])

    def _read_rows(self, page: Sequence[int], shown: dict[int, list[tuple[int, int, str, str]]]) -> None:
        rows = self._connection.execute(
            select(
                digest_papers.c.digest_id,
                func.coalesce(papers.c.merged_into, papers.c.id),
                papers.c.id,
                digest_papers.c.form,
                digest_papers.c.role,
            )
            .join(papers, papers.c.id == digest_papers.c.paper_id)
            .where(digest_papers.c.digest_id.in_(page))
            .order_by(digest_papers.c.digest_id, digest_papers.c.position)
        )
        for digest_id, paper, mailed_as, form, role in rows:
            shown[digest_id].append((paper, mailed_as, form, role))

    def _read_packed(
        self, page: Sequence[int], shown: dict[int, list[tuple[int, int, str, str]]]
    ) -> dict[int, datetime]:
        """Add what packed digests hold; returns when they were composed."""
        packed = past_contents(self._connection, page)
        ids = sorted({place.paper_id for content in packed.values() for place in content.papers})
        kept: dict[int, int] = {}
        for start in range(0, len(ids), IDS_PER_STATEMENT):
            chosen = select(papers.c.id, func.coalesce(papers.c.merged_into, papers.c.id))
            some = papers.c.id.in_(ids[start : start + IDS_PER_STATEMENT])
            kept |= {row[0]: row[1] for row in self._connection.execute(chosen.where(some))}
        for digest_id, content in packed.items():
            shown[digest_id] = [
                (kept.get(place.paper_id, place.paper_id), place.paper_id, place.form, place.role)
                for place in content.papers
            ]
        return {digest_id: content.composed_at for digest_id, content in packed.items()}

    def _place(
        self, paper: int, mailed_as: int, form: str, role: str, inherited: bool = False
    ) -> MailedPaper:
        """One object for equal places: a paper stands alike in many digests."""
        key = (mailed_as if not inherited else paper, form, role, inherited)
        found = self._same.get(key)
        if found is None:
            found = self._same[key] = MailedPaper(
                paper=paper,
                form=form,
                role=role,
                mailed_as=None if inherited else mailed_as,
                merged_into=() if inherited else self.merges.names.get(mailed_as, ()),
                inherited=inherited,
            )
        return found

    def _inherited(
        self, digest_id: int, held: Sequence[MailedPaper], composed_at: datetime | None
    ) -> tuple[MailedPaper, ...]:
        """Papers that were part of one in this digest when it was composed, and were split from it later."""
        if not self.merges.heirs or not held:
            return ()
        if composed_at is None:
            composed_at = self._connection.execute(
                select(digests.c.composed_at).where(digests.c.id == digest_id)
            ).scalar_one()
        found: list[MailedPaper] = []
        for heir in self.merges.heirs:
            paper = self.merges.now(heir.paper)
            for carried in held:
                if carried.mailed_as == heir.source and composed_at < heir.until and paper != carried.paper:
                    found.append(self._place(paper, paper, carried.form, carried.role, inherited=True))
        return tuple(found)


def read_accounts(
    connection: Connection,
    contents: DigestContents,
    readers: Sequence[int],
    scope: AuditScope | None = None,
) -> Iterator[tuple[int, Account]]:
    """Yields (subscriber id, account) of those of these readers who were ever confirmed.

    scope: only its papers, and of older months only the mail that shows them. Raises StorageError for a
    packed row that was changed.
    """
    everybody = audience.accounts().subquery()
    for start in range(0, len(readers), READERS_AT_ONCE):
        page = sorted(readers[start : start + READERS_AT_ONCE])
        chosen = select(everybody).where(everybody.c.subscriber_id.in_(page))
        people = connection.execute(chosen.order_by(everybody.c.subscriber_id)).all()
        intervals = _intervals(connection, page)
        past_mails, past_debts = past_mail.of_readers(
            connection, page, in_months=None if scope is None else scope.months
        )
        mailed = _mailed(connection, page, contents, past_mails, scope)
        debts = _debts(connection, page, past_debts, scope)
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


def _intervals(connection: Connection, page: Sequence[int]) -> dict[int, list[FollowInterval]]:
    following = audience.following().subquery()
    rows = connection.execute(
        select(following)
        .where(following.c.subscriber_id.in_(page))
        .order_by(following.c.subscriber_id, following.c.since)
    )
    return {
        key: [FollowInterval(topic=row.topic, since=row.since, until=row.until) for row in group]
        for key, group in groupby(rows, lambda row: row.subscriber_id)
    }


def _mailed(
    connection: Connection,
    page: Sequence[int],
    contents: DigestContents,
    past: dict[int, list[PastMail]],
    scope: AuditScope | None,
) -> dict[int, list[MailedDigest]]:
    d = deliveries.c
    rows = connection.execute(
        select(d.subscriber_id, d.id, d.digest_id, d.state, d.reason, d.composed_at, d.key, d.finished_at)
        .where(d.subscriber_id.in_(page), d.kind == MailKind.DIGEST)
        .order_by(d.subscriber_id, d.id)
    ).all()
    contents.load({row.digest_id for row in rows} | {m.digest_id for of in past.values() for m in of})
    found: dict[int, list[MailedDigest]] = {}

    def add(reader: int, mail: Any, *, whole: bool) -> None:
        held = contents.of(mail.digest_id)
        if scope is not None and scope.since is not None:
            held = tuple(place for place in held if scope.keeps(place.paper))
            if not (held or whole or mail.composed_at >= scope.since):
                return
        found.setdefault(reader, []).append(
            MailedDigest(
                delivery=mail.id,
                state=mail.state,
                reason=mail.reason,
                composed_at=mail.composed_at,
                papers=held,
                key=mail.key,
                finished_at=mail.finished_at,
            )
        )

    for reader, mails in past.items():
        for mail in mails:
            add(reader, mail, whole=False)
    for row in rows:
        add(row.subscriber_id, row, whole=True)
    for reader in past:
        found.get(reader, []).sort(key=lambda mail: mail.delivery)
    return found


def _debts(
    connection: Connection,
    page: Sequence[int],
    past: dict[int, list[PastDebt]],
    scope: AuditScope | None,
) -> dict[int, list[PersonalDebt]]:
    ids = sorted({debt.paper_id for of_reader in past.values() for debt in of_reader})
    kept: dict[int, int] = {}
    for start in range(0, len(ids), IDS_PER_STATEMENT):
        some = papers.c.id.in_(ids[start : start + IDS_PER_STATEMENT])
        chosen = select(papers.c.id, func.coalesce(papers.c.merged_into, papers.c.id)).where(some)
        kept |= {row[0]: row[1] for row in connection.execute(chosen)}
    found = {
        reader: [
            PersonalDebt(
                paper=kept.get(debt.paper_id, debt.paper_id),
                kind=debt.kind,
                open=False,
                ended=debt.ended,
                made_at=debt.made_at,
            )
            for debt in of_reader
        ]
        for reader, of_reader in past.items()
    }
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
        .where(reader_debts.c.subscriber_id.in_(page))
        .order_by(reader_debts.c.subscriber_id, reader_debts.c.id)
    )
    for row in rows:
        found.setdefault(row.subscriber_id, []).append(
            PersonalDebt(
                paper=row.paper,
                kind=row.kind,
                open=row.carried_by is None and row.ended is None,
                ended=DebtEnd(row.ended) if row.ended else None,
                made_at=row.made_at,
            )
        )
    for reader in past:
        found[reader].sort(key=lambda debt: debt.made_at)  # a stable sort: of one instant in their order
    if scope is None or scope.since is None:
        return found
    return {
        reader: [debt for debt in of_reader if scope.keeps(debt.paper)] for reader, of_reader in found.items()
    }
