"""Reads the account of every reader from the rows: topics followed, digests mailed, debts.

It judges nothing; `newsletter.core.debts` does. It shares no query with composing, so that the audit can find
an error there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby

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
from newsletter.core.papers.merge_history import MergeDecision, MergedPeriod, replay
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
from subscribers import audience

READERS_AT_ONCE = 2_000  # readers whose accounts are in memory at once


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
            edition_papers.c.restored_at,
            editions.c.ready_at,
            editions.c.published_at,
            editions.c.held,
            editions.c.released,
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
        rows = connection.execute(select(paper_decisions).order_by(paper_decisions.c.id))
        self._merges = replay(
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
            replace(merged, paper=self._merges.now(merged.paper), other=self._merges.now(merged.other))
            for merged in self._merges.unions
        ]

    def of(self, digest_id: int) -> tuple[MailedPaper, ...]:
        if digest_id not in self._known:
            rows = self._connection.execute(
                select(
                    func.coalesce(papers.c.merged_into, papers.c.id).label("paper"),
                    papers.c.id.label("mailed_as"),
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
                    mailed_as=row.mailed_as,
                    merged_into=self._merges.names.get(row.mailed_as, ()),
                )
                for row in rows
            )
            self._known[digest_id] = held + self._inherited(digest_id, held)
        return self._known[digest_id]

    def _inherited(self, digest_id: int, held: Sequence[MailedPaper]) -> tuple[MailedPaper, ...]:
        """Papers that were part of one in this digest when it was composed, and were split from it later."""
        if not self._merges.heirs:
            return ()
        composed_at = self._connection.execute(
            select(digests.c.composed_at).where(digests.c.id == digest_id)
        ).scalar_one()
        found: list[MailedPaper] = []
        for heir in self._merges.heirs:
            paper = self._merges.now(heir.paper)
            for carried in held:
                if carried.mailed_as == heir.source and composed_at < heir.until and paper != carried.paper:
                    found.append(
                        MailedPaper(paper=paper, form=carried.form, role=carried.role, inherited=True)
                    )
        return tuple(found)


def read_accounts(
    connection: Connection, contents: DigestContents, only: int | None = None
) -> Iterator[tuple[int, Account]]:
    """Yields (subscriber id, account) of every reader who was ever confirmed. only: one subscriber's id."""
    everybody = audience.accounts().subquery()
    above = -1
    while True:
        chosen = select(everybody).where(everybody.c.subscriber_id > above)
        if only is not None:
            chosen = chosen.where(everybody.c.subscriber_id == only)
        people = connection.execute(chosen.order_by(everybody.c.subscriber_id).limit(READERS_AT_ONCE)).all()
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
