"""Packs the settled mail of some hundred readers into one month, and deletes its rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Row, and_, delete, exists, func, insert, or_, select, update

from newsletter.core import months
from newsletter.core.cadence import MAX_CLOCK_LAG
from newsletter.core.debts.packed_bytes import row_checksum, total
from newsletter.core.debts.packed_reader import PastDebt, PastMail, ReaderMonth, pack, unpack
from newsletter.core.errors import StorageError
from newsletter.core.states import REGULAR_KINDS, DebtEnd, DeliveryState, Form, MailKind, Role
from newsletter.db.engine import dialect_insert
from newsletter.db.schema import (
    deliveries,
    digest_maybes,
    digest_papers,
    history_months,
    history_papers,
    history_readers,
    reader_debts,
)
from newsletter.pipeline.history.seals import READERS
from subscribers import audience

READERS_AT_ONCE = 300
IDS_PER_STATEMENT = 500  # far below any database's limit of parameters
SETTLED = (DeliveryState.SENT, DeliveryState.FAILED, DeliveryState.UNCERTAIN, DeliveryState.SKIPPED)
DIGESTS_KNOWN = 20_000  # whose papers are kept in memory


@dataclass(slots=True)
class ReaderPacker:
    """Packs one month, page by page."""

    month: int
    now: datetime
    _shown: dict[int, tuple[int, frozenset[int]]] = field(default_factory=dict)
    _named: set[int] = field(default_factory=set)  # papers that `history_papers` has for the month

    def pack_page(self, connection: Connection, above: int) -> int | None:
        """Pack the next readers whose id is above; returns the last of them, None when nobody is left."""
        readers = connection.execute(
            select(deliveries.c.subscriber_id)
            .where(deliveries.c.subscriber_id > above)
            .group_by(deliveries.c.subscriber_id)
            .order_by(deliveries.c.subscriber_id)
            .limit(READERS_AT_ONCE)
        ).scalars()
        page = list(readers)
        if not page:
            return None
        first, last = page[0], page[-1]
        taken = _settled(connection, first, last, end=months.end_of(self.month), now=self.now)
        ids = [mail.id for mails in taken.values() for mail in mails]
        debts = _ended_debts(connection, first, last, end=months.end_of(self.month), taken=set(ids))
        packed = {
            reader: ReaderMonth(
                mails=tuple(_past_mail(mail) for mail in taken.get(reader, ())),
                debts=tuple(_past_debt(debt) for debt in debts.get(reader, ())),
            )
            for reader in sorted({*taken, *debts})
        }
        if packed:
            self._store(connection, packed)
            _delete(connection, ids, [debt.id for of_reader in debts.values() for debt in of_reader])
        return int(last)

    def _store(self, connection: Connection, packed: dict[int, ReaderMonth]) -> None:
        bodies = {reader: pack(month) for reader, month in packed.items()}
        for reader, body in bodies.items():  # what cannot be read back must not replace the rows
            if unpack(body) != packed[reader]:
                raise StorageError(
                    f"the mail of subscriber {reader} cannot be packed", hint="Nothing of it was deleted."
                )
        self._read_shown(connection, {mail.digest_id for month in packed.values() for mail in month.mails})
        given = sum(
            self._shown[mail.digest_id][0]
            for month in packed.values()
            for mail in month.mails
            if mail.state == DeliveryState.SENT
        )
        self._name_papers(connection, packed)
        erased = _erased(connection, min(bodies), max(bodies))
        kept = [
            {"month": self.month, "subscriber_id": reader, "body": body}
            for reader, body in bodies.items()
            if reader not in erased
        ]
        if kept:
            connection.execute(insert(history_readers), kept)
        sums = {reader: row_checksum(READERS, self.month, reader, body) for reader, body in bodies.items()}
        own = history_months.c.month == self.month
        row = connection.execute(select(history_months).where(own)).one()
        gone = [sums[reader] for reader in bodies if reader in erased]
        connection.execute(
            update(history_months)
            .where(own)
            .values(
                readers=row.readers + len(bodies),
                deliveries=row.deliveries + sum(len(month.mails) for month in packed.values()),
                given=row.given + given,
                checksum=total(row.checksum, add=sums.values()),
                erased_readers=row.erased_readers + len(gone),
                erased_checksum=total(row.erased_checksum, add=gone),
            )
        )

    def _read_shown(self, connection: Connection, digest_ids: set[int]) -> None:
        """Learn how many papers each digest gives, and which ones it names."""
        if len(self._shown) > DIGESTS_KNOWN:
            self._shown.clear()
        unknown = sorted(digest_ids - set(self._shown))
        named: dict[int, set[int]] = {digest_id: set() for digest_id in unknown}
        given = dict.fromkeys(unknown, 0)
        for page in _pages(unknown):
            rows = connection.execute(
                select(
                    digest_papers.c.digest_id,
                    digest_papers.c.paper_id,
                    and_(digest_papers.c.form != Form.LEFT, digest_papers.c.role != Role.RECAP),
                ).where(digest_papers.c.digest_id.in_(page))
            )
            for digest_id, paper_id, gives in rows:
                named[digest_id].add(paper_id)
                given[digest_id] += bool(gives)
            doubted = select(digest_maybes.c.digest_id, digest_maybes.c.paper_id)
            for digest_id, paper_id in connection.execute(doubted.where(digest_maybes.c.digest_id.in_(page))):
                named[digest_id].add(paper_id)
        self._shown |= {key: (given[key], frozenset(named[key])) for key in unknown}

    def _name_papers(self, connection: Connection, packed: dict[int, ReaderMonth]) -> None:
        named = {debt.paper_id for month in packed.values() for debt in month.debts}
        for digest_id in {mail.digest_id for month in packed.values() for mail in month.mails}:
            named |= self._shown[digest_id][1]
        new = sorted(named - self._named)
        if new:
            connection.execute(
                dialect_insert(connection)(history_papers).on_conflict_do_nothing(),
                [{"paper_id": paper, "month": self.month} for paper in new],
            )
            self._named.update(new)


def _settled(
    connection: Connection, first: int, last: int, *, end: datetime, now: datetime
) -> dict[int, list[Row[Any]]]:
    """The rows of these readers that may be packed, by reader."""
    d = deliveries.c
    of_range = d.subscriber_id.between(first, last)
    digest = and_(of_range, d.kind == MailKind.DIGEST)
    kept: set[int] = set()  # the last digests: composing reads them
    for chosen in (digest, and_(digest, d.composed_at <= now + MAX_CLOCK_LAG)):
        kept.update(
            connection.execute(select(func.max(d.id)).where(chosen).group_by(d.subscriber_id)).scalars()
        )
    is_open = exists().where(
        or_(reader_debts.c.carried_by == d.id, reader_debts.c.from_delivery_id == d.id),
        reader_debts.c.ended.is_(None),
    )
    rows = connection.execute(
        select(deliveries)
        .where(of_range, d.kind.in_(REGULAR_KINDS), d.state.in_(SETTLED), d.composed_at < end, ~is_open)
        .order_by(d.subscriber_id, d.id)
        .with_for_update()
    )
    return {
        reader: found
        for reader, group in groupby(rows, lambda row: row.subscriber_id)
        if (found := [row for row in group if row.id not in kept])
    }


def _ended_debts(
    connection: Connection, first: int, last: int, *, end: datetime, taken: set[int]
) -> dict[int, list[Row[Any]]]:
    """The ended rows of reader_debts that go with this mail, by reader."""
    r = reader_debts.c
    rows = connection.execute(
        select(reader_debts)
        .where(r.subscriber_id.between(first, last), r.ended.is_not(None), r.made_at < end)
        .order_by(r.subscriber_id, r.id)
    )
    return {
        reader: found
        for reader, group in groupby(rows, lambda row: row.subscriber_id)
        if (found := [row for row in group if row.carried_by is None or row.carried_by in taken])
    }


def _erased(connection: Connection, first: int, last: int) -> set[int]:
    people = audience.accounts().subquery()
    chosen = select(people.c.subscriber_id).where(
        people.c.subscriber_id.between(first, last), people.c.state == "erased"
    )
    return set(connection.execute(chosen).scalars())


def _delete(connection: Connection, ids: Sequence[int], debt_ids: Sequence[int]) -> None:
    for page in _pages(debt_ids):
        connection.execute(delete(reader_debts).where(reader_debts.c.id.in_(page)))
    for page in _pages(ids):
        # A debt that a later mail carried names the mail that gave it back: that is not needed any more.
        connection.execute(
            update(reader_debts)
            .where(reader_debts.c.from_delivery_id.in_(page))
            .values(from_delivery_id=None)
        )
        connection.execute(
            update(reader_debts).where(reader_debts.c.carried_by.in_(page)).values(carried_by=None)
        )
        connection.execute(delete(deliveries).where(deliveries.c.id.in_(page)))


def _past_mail(row: Row[Any]) -> PastMail:
    return PastMail(
        id=row.id,
        kind=row.kind,
        digest_id=row.digest_id,
        key=row.key,
        state=row.state,
        composed_at=row.composed_at,
        reason=row.reason,
        finished_at=row.finished_at,
        bounced_at=row.bounced_at,
    )


def _past_debt(row: Row[Any]) -> PastDebt:
    return PastDebt(paper_id=row.paper_id, kind=row.kind, ended=DebtEnd(row.ended), made_at=row.made_at)


def _pages(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(ids), IDS_PER_STATEMENT):
        yield ids[start : start + IDS_PER_STATEMENT]
