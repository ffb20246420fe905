"""Holds back the composed messages of a held edition, until an admin releases the edition.

A message that is held back becomes due when it expires: if nobody releases the edition in time, its papers go
back to the reader. This module does not decide which editions are held; `newsletter.pipeline.curation.review`
and `newsletter.pipeline.deliver.edition_guard` do.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, or_, select, text, update

from newsletter.core.states import DeliveryState, Form
from newsletter.db.engine import take_lock
from newsletter.db.schema import deliveries, digest_papers, digests, editions

# Literal: only then does SQLite use the partial index on waiting messages.
WAITING = text("deliveries.state in ('queued', 'deferred')")
_HELD_BACK = deliveries.c.next_attempt_at == deliveries.c.expires_at  # no retry is as late as that

_HELD = select(editions.c.number).where(editions.c.held)

RELEASE = 0x6E657775  # key of PostgreSQL's advisory lock: senders share it, a release holds it alone


def lock_as_sender(connection: Connection) -> None:
    """Let no edition be released until this transaction ends, or what it holds back would stay held back.

    Call it before any mail is locked. Senders do not wait for each other.
    """
    take_lock(connection, RELEASE, shared=True)


def lock_out_senders(connection: Connection) -> None:
    """Wait until no sender has an open transaction, and let none begin until this one ends."""
    take_lock(connection, RELEASE)


def digests_with(numbers: Collection[int]) -> Select[Any]:
    """Ids of the digests that show a paper of these editions."""
    return (
        select(digest_papers.c.digest_id)
        .join(digests, digests.c.id == digest_papers.c.digest_id)
        .where(
            digests.c.edition >= min(numbers, default=0),  # no digest carries an edition newer than its own
            digest_papers.c.edition.in_(numbers),
            digest_papers.c.form != Form.LEFT,
        )
        .distinct()
    )


def held_editions(connection: Connection) -> Sequence[int]:
    """The numbers of the editions that are held."""
    return connection.execute(_HELD).scalars().all()


def with_held_edition(connection: Connection, digest_ids: Collection[int]) -> frozenset[int]:
    """The ids of those digests that carry a held edition. Cheap while none is held."""
    numbers = held_editions(connection) if digest_ids else ()
    if not numbers:
        return frozenset()
    some = digests_with(numbers).where(digest_papers.c.digest_id.in_(digest_ids))
    return frozenset(connection.execute(some).scalars())


def hold_back(connection: Connection, ids: Collection[int]) -> None:
    """Hold back those of these messages that wait."""
    if ids:
        _hold_back(connection, deliveries.c.id.in_(ids))


def hold_back_all(connection: Connection) -> None:
    """Hold back every waiting mail that carries a held edition."""
    numbers = held_editions(connection)
    if numbers:
        _hold_back(connection, deliveries.c.digest_id.in_(digests_with(numbers)))


def release_held(
    connection: Connection, number: int, *, now: datetime, stale: Select[Any] | None = None
) -> None:
    """Make the messages of an edition due at `now` (aware): those held back, and those deferred meanwhile.

    stale: ids of digests that are to be made again. Their messages stay held back, unless handed over before.
    """
    tried = or_(deliveries.c.state == DeliveryState.DEFERRED, deliveries.c.attempts > 0)
    freed = and_(WAITING, or_(_HELD_BACK, tried), deliveries.c.digest_id.in_(digests_with([number])))
    if stale is not None:
        freed = and_(freed, or_(tried, deliveries.c.digest_id.not_in(stale)))
    connection.execute(update(deliveries).where(freed).values(next_attempt_at=now))


def _hold_back(connection: Connection, which: ColumnElement[bool]) -> None:
    # On PostgreSQL a message that a sender is leasing now is skipped: the sender checks before it hands over.
    ours = (
        select(deliveries.c.id)
        .where(WAITING, which, ~_HELD_BACK)
        .with_for_update(skip_locked=True, of=deliveries)
    )
    connection.execute(
        update(deliveries).where(deliveries.c.id.in_(ours)).values(next_attempt_at=deliveries.c.expires_at)
    )
