"""What a mail's fate does to the debts that it carried. Set-based, in the transaction of the change.

Papers that an edition froze need no row while their mail waits or is sent; only what comes back, is
recapped or was a reader's own is a row (`reader_debts`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import (
    ColumnElement,
    Connection,
    Insert,
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
from newsletter.db.schema import deliveries, digest_papers, papers, reader_debts

RETURNED = "returned"  # ReaderDebt.kind of a paper that came back


_GIVE = (  # ready-made: it runs with every commit of sent mails
    update(reader_debts)
    .where(reader_debts.c.carried_by.in_(bindparam("ids", expanding=True)), reader_debts.c.ended.is_(None))
    .values(ended=DebtEnd.GIVEN.value, ended_at=bindparam("b_now"))
)


def give(connection: Connection, ids: Sequence[int], *, now: datetime) -> None:
    """These mails were sent: what they carried is given."""
    connection.execute(_GIVE, {"ids": list(ids), "b_now": now})


def refuse(connection: Connection, ids: Sequence[int], *, now: datetime) -> None:
    """These were refused for the recipient's sake: what they carried ends so."""
    _end(connection, _carried(ids), DebtEnd.REFUSED, now)


def leave(connection: Connection, ids: Sequence[int], *, end: DebtEnd, now: datetime) -> None:
    """The readers left or are suppressed."""
    _end(connection, _carried(ids), end, now)


def bring_back(connection: Connection, ids: Sequence[int], *, now: datetime) -> None:
    """These expired (or their reader paused): every paper leads the next digest."""
    if not ids:
        return
    connection.execute(_absent(ids, kind=RETURNED, now=now))
    connection.execute(update(reader_debts).where(_carried(ids)).values(carried_by=None))


def bring_back_once(connection: Connection, ids: Sequence[int], *, now: datetime) -> None:
    """These were refused for another reason than the recipient: their papers come back, but no paper a
    second time after a second refusal. A recap stays until a mail that carries it is sent."""
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
    connection.execute(_absent(ids, kind=RETURNED, now=now))
    connection.execute(
        update(reader_debts)
        .where(_carried(ids), reader_debts.c.kind != Role.RECAP)
        .values(from_delivery_id=reader_debts.c.carried_by, carried_by=None)
    )
    connection.execute(update(reader_debts).where(_carried(ids)).values(carried_by=None))


def recap(connection: Connection, ids: Sequence[int], *, now: datetime) -> None:
    """Nobody knows whether these arrived: their papers become recaps, once."""
    if not ids:
        return
    connection.execute(_absent(ids, kind=Role.RECAP, now=now))
    connection.execute(
        update(reader_debts)
        .where(_carried(ids), reader_debts.c.kind != Role.RECAP)
        .values(kind=Role.RECAP.value, from_delivery_id=reader_debts.c.carried_by, carried_by=None)
    )
    connection.execute(update(reader_debts).where(_carried(ids)).values(carried_by=None))


def take_again(connection: Connection, ids: Sequence[int]) -> None:
    """These mails go out after all: the debts that they gave back are theirs again."""
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
    """These were sent and go out once more: whatever becomes of the second copy, what they gave is given."""
    connection.execute(_absent(ids, kind=RESENT, now=now))
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


def was_sent() -> ColumnElement[bool]:
    """Whether a delivery is sent, or was before somebody had it sent once more."""
    given = reader_debts.alias("given")
    before = exists().where(given.c.carried_by == deliveries.c.id, given.c.kind == RESENT)
    return or_(deliveries.c.state == DeliveryState.SENT, before)


def given_elsewhere(connection: Connection, delivery_id: int) -> bool:
    """Whether another mail already holds, or gave, a paper that this one gave back."""
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


def _absent(ids: Sequence[int], *, kind: str, now: datetime) -> Insert:
    """Insert a row for each paper that these mails show as news and that is no row of the reader's yet."""
    own = reader_debts.alias("own")
    same = papers.alias("same")
    is_row = exists().where(
        own.c.carried_by == deliveries.c.id,
        own.c.paper_id == same.c.id,
        # A debt names the paper as it was; the digest shows the one that a merge kept.
        func.coalesce(same.c.merged_into, same.c.id) == digest_papers.c.paper_id,
    )
    rows = (
        select(
            deliveries.c.subscriber_id,
            digest_papers.c.paper_id,
            digest_papers.c.topic,
            literal(str(kind)),
            literal(now, UTCDateTime()),
            deliveries.c.id,
        )
        .join(digest_papers, digest_papers.c.digest_id == deliveries.c.digest_id)
        .where(
            deliveries.c.id.in_(ids),
            digest_papers.c.role != Role.RECAP,
            digest_papers.c.form != Form.LEFT,
            not_(is_row),
        )
        .order_by(deliveries.c.id, digest_papers.c.position)
    )
    columns = ["subscriber_id", "paper_id", "topic", "kind", "made_at", "from_delivery_id"]
    return insert(reader_debts).from_select(columns, rows)
