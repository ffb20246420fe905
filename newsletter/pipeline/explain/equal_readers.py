"""Finds readers whose accounts are equal, page by page: an audit balances one of them for all.

Two readers are equal when all that decides a balance is equal: choices, topics followed, mail, debts. Ids of
deliveries do not count, nor when a mail was sent. It reads texts and bytes only, and builds no account.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import blake2b
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Row, String, case, select, type_coerce

from newsletter.core.cadence import MAX_DEBT_AGE
from newsletter.core.debts.account import EditionPair
from newsletter.core.debts.packed_reader import is_sound, shared_part
from newsletter.core.states import DeliveryState, MailKind
from newsletter.db.schema import deliveries, history_readers, reader_debts
from newsletter.pipeline.explain.audit_scope import AuditScope
from newsletter.pipeline.history import past_mail
from subscribers import audience

READERS_AT_ONCE = 200  # whose rows are in memory at once


@dataclass(slots=True, kw_only=True)
class ReaderPage:
    """Some readers who were ever confirmed."""

    keys: dict[int, bytes]  # by reader; equal for equal accounts
    damaged: list[tuple[int, int]] = field(default_factory=list)  # (reader, month) of rows that were changed


class EqualReaders:
    """The pages of all readers, in the order of their ids."""

    def __init__(
        self,
        connection: Connection,
        scope: AuditScope,
        pairs: Mapping[str, Sequence[EditionPair]],
        *,
        now: datetime,
    ) -> None:
        """pairs: by topic, by readiness. now: of the audit."""
        self._connection = connection
        self._scope = scope
        self._ready = {topic: [pair.ready_at for pair in of_topic] for topic, of_topic in pairs.items()}
        self._now = now

    def pages(self) -> Iterator[ReaderPage]:
        """Yields everybody who was ever confirmed."""
        everybody = audience.accounts().subquery()
        above = -1
        while True:
            people = self._connection.execute(
                select(everybody)
                .where(everybody.c.subscriber_id > above)
                .order_by(everybody.c.subscriber_id)
                .limit(READERS_AT_ONCE)
            ).all()
            if not people:
                return
            above = people[-1].subscriber_id
            yield self._page(people)

    def _page(self, people: Sequence[Row[Any]]) -> ReaderPage:
        first, last = people[0].subscriber_id, people[-1].subscriber_id
        hashes = {row.subscriber_id: blake2b(digest_size=16) for row in people}
        page = ReaderPage(keys={})
        owing = self._add_debts(hashes, first, last)
        self._add_packed(hashes, page, owing, first, last)
        self._add_mails(hashes, first, last)
        self._add_topics(hashes, owing, people)
        for row in people:
            since = row.cadence_since
            if since is not None and since < self._now - MAX_DEBT_AGE - timedelta(days=1):
                since = None  # a change so long ago decides nothing that is pending
            told = (row.state, row.cadence, row.weekday, row.hour, row.timezone, since, row.paused_until)
            hashes[row.subscriber_id].update(repr((*told, row.minimum)).encode())
        page.keys = {reader: found.digest() for reader, found in hashes.items()}
        return page

    def _add_mails(self, hashes: Mapping[int, Any], first: int, last: int) -> None:
        d = deliveries.c
        rows = self._connection.execute(
            select(
                d.subscriber_id,
                d.digest_id,
                d.state,
                d.reason,
                d.key,
                type_coerce(d.composed_at, String),
                case((d.state != DeliveryState.SENT, type_coerce(d.finished_at, String))),
            )
            .where(d.subscriber_id.between(first, last), d.kind == MailKind.DIGEST)
            .order_by(d.subscriber_id, d.id)
        )
        for reader, group in groupby(rows, lambda row: row[0]):
            if reader in hashes:
                hashes[reader].update("\n".join([f"{row[1:]}" for row in map(tuple, group)]).encode())

    def _add_packed(
        self, hashes: Mapping[int, Any], page: ReaderPage, owing: set[int], first: int, last: int
    ) -> None:
        of_range = history_readers.c.subscriber_id.between(first, last)
        for reader, month, body in past_mail.bodies(self._connection, self._scope.months, of_range):
            if reader not in hashes:
                continue
            if not is_sound(body):
                page.damaged.append((reader, month))
                continue
            shared = shared_part(body)
            hashes[reader].update(b"%d %d " % (month, len(shared)) + shared)
            if shared[-1]:  # the number of its debts, when it has none
                owing.add(reader)

    def _add_debts(self, hashes: Mapping[int, Any], first: int, last: int) -> set[int]:
        """Returns the readers with debts of their own."""
        r = reader_debts.c
        rows = self._connection.execute(
            select(
                r.subscriber_id,
                r.paper_id,
                r.kind,
                r.carried_by.is_(None),
                r.ended,
                type_coerce(r.made_at, String),
            )
            .where(r.subscriber_id.between(first, last))
            .order_by(r.subscriber_id, r.id)
        )
        owing: set[int] = set()
        for row in rows:
            if row[0] in hashes:
                owing.add(row[0])
                hashes[row[0]].update(repr(tuple(row[1:])).encode())
        return owing

    def _add_topics(self, hashes: Mapping[int, Any], owing: set[int], people: Sequence[Row[Any]]) -> None:
        following = audience.following().subquery()
        first, last = people[0].subscriber_id, people[-1].subscriber_id
        rows = self._connection.execute(
            select(following.c.subscriber_id, following.c.topic, following.c.since, following.c.until)
            .where(following.c.subscriber_id.between(first, last))
            .order_by(following.c.subscriber_id, following.c.topic, following.c.since)
        )
        for reader, group in groupby(rows, lambda row: row[0]):
            if reader not in hashes:
                continue
            intervals = [tuple(row[1:]) for row in group]
            last_end = max((until for _, _, until in intervals if until is not None), default=None)
            told = [
                # Without debts of their own only this decides: which editions it covers, and how it ended.
                (topic, since, until)
                if reader in owing
                else (
                    topic,
                    self._place(topic, since),
                    None if until is None else (self._place(topic, until), until == last_end),
                )
                for topic, since, until in intervals
            ]
            hashes[reader].update(repr(told).encode())

    def _place(self, topic: str, at: datetime) -> int:
        """How many pairs of a topic were ready before an instant."""
        return bisect_left(self._ready.get(topic, ()), at)
