"""Parking: composed mails that carry a held edition wait, out of every claim's way, until it is released.

A parked mail is due when it expires: where nobody releases the edition in time, its papers come back. It
decides nothing: `newsletter.pipeline.curation.review` and `newsletter.pipeline.deliver.edition_guard` hold
and release.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, or_, select, text, update

from newsletter.core.states import DeliveryState, Form
from newsletter.db.engine import hold
from newsletter.db.schema import deliveries, digest_papers, digests, editions

# Literal, or SQLite would not see that the partial index on what waits serves.
WAITING = text("deliveries.state in ('queued', 'deferred')")
_PARKED = deliveries.c.next_attempt_at == deliveries.c.expires_at  # no retry is ever as late as that

RELEASE = 0x6E657775  # PostgreSQL's advisory lock (any fixed number) of senders, against whoever releases


def as_sender(connection: Connection) -> None:
    """Let no edition be released until this transaction ends: what it parks would stay parked. First of all,
    before a mail is locked; senders do not wait for each other."""
    hold(connection, RELEASE, shared=True)


def without_senders(connection: Connection) -> None:
    """Wait until no transaction of a sender is open, and let none begin until this one ends."""
    hold(connection, RELEASE)


def carrying(numbers: Collection[int]) -> Select[Any]:
    """Ids of the digests that show a paper as one of these editions'."""
    return (
        select(digest_papers.c.digest_id)
        .join(digests, digests.c.id == digest_papers.c.digest_id)
        .where(
            digests.c.edition >= min(numbers, default=0),  # a digest carries the newest there was, or older
            digest_papers.c.edition.in_(numbers),
            digest_papers.c.form != Form.LEFT,
        )
        .distinct()
    )


def held(connection: Connection) -> Sequence[int]:
    """The numbers of the editions that are held."""
    return connection.execute(select(editions.c.number).where(editions.c.held)).scalars().all()


def barred(connection: Connection, digest_ids: Collection[int]) -> frozenset[int]:
    """Those of these digests that carry a held edition; a cheap look while none is held."""
    numbers = held(connection) if digest_ids else ()
    if not numbers:
        return frozenset()
    some = carrying(numbers).where(digest_papers.c.digest_id.in_(digest_ids))
    return frozenset(connection.execute(some).scalars())


def park(connection: Connection, ids: Collection[int]) -> None:
    """Park these mails of those that wait."""
    if ids:
        _park(connection, deliveries.c.id.in_(ids))


def park_all(connection: Connection) -> None:
    """Park every mail that waits and carries a held edition."""
    numbers = held(connection)
    if numbers:
        _park(connection, deliveries.c.digest_id.in_(carrying(numbers)))


def unpark(connection: Connection, number: int, *, now: datetime, stale: Select[Any] | None = None) -> None:
    """What an edition's hold kept back is due at `now` (aware), and what was refused for now meanwhile.

    stale: ids of digests that are to be made anew: mails with them that were never handed over wait for that.
    """
    tried = or_(deliveries.c.state == DeliveryState.DEFERRED, deliveries.c.attempts > 0)
    freed = and_(WAITING, or_(_PARKED, tried), deliveries.c.digest_id.in_(carrying([number])))
    if stale is not None:
        freed = and_(freed, or_(tried, deliveries.c.digest_id.not_in(stale)))
    connection.execute(update(deliveries).where(freed).values(next_attempt_at=now))


def _park(connection: Connection, which: ColumnElement[bool]) -> None:
    # On PostgreSQL what a sender leases at this moment is theirs: they look before they hand over.
    ours = (
        select(deliveries.c.id)
        .where(WAITING, which, ~_PARKED)
        .with_for_update(skip_locked=True, of=deliveries)
    )
    connection.execute(
        update(deliveries).where(deliveries.c.id.in_(ours)).values(next_attempt_at=deliveries.c.expires_at)
    )
