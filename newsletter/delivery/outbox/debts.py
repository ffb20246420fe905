"""Settles the debts that messages carried, when the messages end. Set-based, in the caller's transaction.

A paper of an edition needs no row while its mail waits or is sent. Only exceptions are rows of
`reader_debts`: papers that went back to the reader, recaps, and a newcomer's welcome papers.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Insert,
    Select,
    and_,
    bindparam,
    exists,
    func,
    insert,
    literal,
    not_,
    or_,
    select,
    update,
)
from sqlmodel.sql.sqltypes import UTCDateTime

from newsletter.core.states import RESENT, DebtEnd, DeliveryState, Form, Role
from newsletter.db.schema import deliveries, digest_papers, digests, paper_heirs, papers, reader_debts

RETURNED = "returned"  # ReaderDebt.kind of a paper that went back to the reader


_GIVE = (  # built once: it runs with every commit of sent messages
    update(reader_debts)
    .where(reader_debts.c.carried_by.in_(bindparam("ids", expanding=True)), reader_debts.c.ended.is_(None))
    .values(ended=DebtEnd.GIVEN.value, ended_at=bindparam("b_now"))
)


def give(connection: Connection, ids: Sequence[int], *, now: datetime) -> None:
    """These messages were sent: the debts that they carried end as given."""
    connection.execute(_GIVE, {"ids": list(ids), "b_now": now})


def refuse(connection: Connection, ids: Sequence[int], *, now: datetime) -> None:
    """These messages were refused because of the recipient: their debts end as refused."""
    _end(connection, _carried(ids), DebtEnd.REFUSED, now)


def leave(connection: Connection, ids: Sequence[int], *, end: DebtEnd, now: datetime) -> None:
    """The readers of these messages left, or are suppressed: the debts end as `end` says."""
    _end(connection, _carried(ids), end, now)


def return_papers(connection: Connection, ids: Sequence[int], *, now: datetime) -> None:
    """These messages expired, or their reader paused: every paper leads the next digest."""
    if not ids:
        return
    _add_absent(connection, ids, kind=RETURNED, now=now)
    connection.execute(update(reader_debts).where(_carried(ids)).values(carried_by=None))


def return_papers_once(connection: Connection, ids: Sequence[int], *, now: datetime) -> None:
    """These messages were refused, not because of the recipient: each paper goes back to the reader once.

    After a second refusal a paper's debt ends. A recap stays until a message that carries it is sent.
    """
    if not ids:
        return
    before = deliveries.alias("before")
    twice = and_(
        _carried(ids),
        reader_debts.c.kind != Role.RECAP,
        exists().where(
            before.c.id == reader_debts.c.from_delivery_id, before.c.state == DeliveryState.FAILED
        ),
    )
    _end(connection, twice, DebtEnd.REFUSED, now)
    _add_absent(connection, ids, kind=RETURNED, now=now)
    connection.execute(
        update(reader_debts)
        .where(_carried(ids), reader_debts.c.kind != Role.RECAP)
        .values(from_delivery_id=reader_debts.c.carried_by, carried_by=None)
    )
    connection.execute(update(reader_debts).where(_carried(ids)).values(carried_by=None))


def recap(connection: Connection, ids: Sequence[int], *, now: datetime) -> None:
    """It is unknown whether these messages arrived: their papers become recaps, once."""
    if not ids:
        return
    _add_absent(connection, ids, kind=Role.RECAP, now=now)
    connection.execute(
        update(reader_debts)
        .where(_carried(ids), reader_debts.c.kind != Role.RECAP)
        .values(kind=Role.RECAP.value, from_delivery_id=reader_debts.c.carried_by, carried_by=None)
    )
    connection.execute(update(reader_debts).where(_carried(ids)).values(carried_by=None))


def reclaim(connection: Connection, ids: Sequence[int]) -> None:
    """These messages are sent after all: they carry again the debts that they gave back."""
    connection.execute(
        update(reader_debts)
        .where(
            reader_debts.c.from_delivery_id.in_(ids),
            reader_debts.c.carried_by.is_(None),
            or_(reader_debts.c.ended.is_(None), reader_debts.c.ended == DebtEnd.REFUSED),
        )
        .values(carried_by=reader_debts.c.from_delivery_id, ended=None, ended_at=None)
    )
    connection.execute(
        update(reader_debts)
        .where(reader_debts.c.carried_by.in_(ids), reader_debts.c.ended == DebtEnd.REFUSED)
        .values(ended=None, ended_at=None)
    )


def keep_given(connection: Connection, ids: Sequence[int], *, now: datetime) -> None:
    """These messages were sent and are sent again: their papers stay given, however the second copy ends."""
    _add_absent(connection, ids, kind=RESENT, now=now)
    connection.execute(
        update(reader_debts)
        .where(reader_debts.c.from_delivery_id.in_(ids), reader_debts.c.kind == RESENT)
        .values(carried_by=reader_debts.c.from_delivery_id, ended=DebtEnd.GIVEN.value, ended_at=now)
    )
    connection.execute(
        update(reader_debts)
        .where(
            reader_debts.c.carried_by.in_(ids),
            reader_debts.c.ended == DebtEnd.GIVEN,
            reader_debts.c.kind != Role.RECAP,
        )
        .values(kind=RESENT, from_delivery_id=None)
    )


def share(connection: Connection, kept: int, off: int) -> None:
    """Paper `off` was split from paper `kept`: a reader who is owed one is owed both.

    A copy of a row that a waiting message carries is settled with it. Ended rows stay as they are.
    """
    # Rows made by the first copy are not copied back.
    last = connection.execute(select(func.coalesce(func.max(reader_debts.c.id), 0))).scalar_one()
    whole = select(papers.c.id).where(or_(papers.c.id == kept, papers.c.merged_into == kept))
    for sources, heir in ((whole, off), ([off], kept)):
        columns = [column.name for column in reader_debts.columns if column.name not in ("id", "paper_id")]
        rows = (
            select(*(reader_debts.c[name] for name in columns), literal(heir))
            .where(
                reader_debts.c.paper_id.in_(sources),
                reader_debts.c.ended.is_(None),
                reader_debts.c.id <= last,
            )
            .order_by(reader_debts.c.id)
        )
        connection.execute(insert(reader_debts).from_select([*columns, "paper_id"], rows))


def was_sent() -> ColumnElement[bool]:
    """Whether a delivery is sent, or was sent before an admin had it sent again."""
    given = reader_debts.alias("given")
    before = exists().where(given.c.carried_by == deliveries.c.id, given.c.kind == RESENT)
    return or_(deliveries.c.state == DeliveryState.SENT, before)


def given_elsewhere(connection: Connection, delivery_id: int) -> bool:
    """Whether another message carries, or gave, a paper that this one gave back."""
    found = connection.execute(
        select(reader_debts.c.id)
        .where(
            reader_debts.c.from_delivery_id == delivery_id,
            reader_debts.c.carried_by.is_not(None),
            reader_debts.c.carried_by != delivery_id,
        )
        .limit(1)
    )
    return found.first() is not None


def _carried(ids: Sequence[int]) -> ColumnElement[bool]:
    return and_(reader_debts.c.carried_by.in_(ids), reader_debts.c.ended.is_(None))


def _end(connection: Connection, which: ColumnElement[bool], end: DebtEnd, now: datetime) -> None:
    connection.execute(update(reader_debts).where(which).values(ended=end.value, ended_at=now))


def _add_absent(connection: Connection, ids: Sequence[int], *, kind: str, now: datetime) -> None:
    """Insert a row for each paper that these messages show as news and that has no row yet.

    Also for each paper that was merged into a shown one at that time, and was split from it since.
    """
    digest_ids = select(deliveries.c.digest_id).where(deliveries.c.id.in_(ids))
    news = and_(
        digest_papers.c.digest_id.in_(digest_ids),
        digest_papers.c.role != Role.RECAP,
        digest_papers.c.form != Form.LEFT,
    )
    columns = (digest_papers.c.digest_id, digest_papers.c.topic, digest_papers.c.position)
    split_off = (
        select(*columns, paper_heirs.c.heir_id)
        .join(digests, digests.c.id == digest_papers.c.digest_id)
        .join(paper_heirs, paper_heirs.c.source_id == digest_papers.c.paper_id)
        .where(news, digests.c.composed_at < paper_heirs.c.until)
    )
    for held in (select(*columns, digest_papers.c.paper_id).where(news), split_off):
        connection.execute(_absent(ids, held, kind=kind, now=now))


def _absent(ids: Sequence[int], held: Select[Any], *, kind: str, now: datetime) -> Insert:
    shown = held.subquery()
    digest_id, topic, position, paper_id = shown.c
    own = reader_debts.alias("own")
    same, named = papers.alias("same"), papers.alias("named")
    is_row = exists().where(
        own.c.carried_by == deliveries.c.id,
        own.c.paper_id == same.c.id,
        # Papers may have been merged after the debt or the digest named them.
        func.coalesce(same.c.merged_into, same.c.id) == func.coalesce(named.c.merged_into, named.c.id),
    )
    rows = (
        select(
            deliveries.c.subscriber_id,
            paper_id,
            topic,
            literal(str(kind)),
            literal(now, UTCDateTime()),
            deliveries.c.id,
        )
        .join(shown, digest_id == deliveries.c.digest_id)
        .join(named, named.c.id == paper_id)
        .where(deliveries.c.id.in_(ids), not_(is_row))
        .order_by(deliveries.c.id, position)
    )
    columns = ["subscriber_id", "paper_id", "topic", "kind", "made_at", "from_delivery_id"]
    return insert(reader_debts).from_select(columns, rows)
