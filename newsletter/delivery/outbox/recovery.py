"""Recovers the messages of dead senders: leases go back, hand-overs become uncertain or are sent again.

It does not decide who is dead: `newsletter.delivery.outbox.sender_locks` does. Where that cannot tell, the
end of the lease does.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, select, true, update

from newsletter.core.states import REGULAR_KINDS, DeliveryState
from newsletter.db.schema import deliveries
from newsletter.delivery.outbox import debts, sender_locks
from newsletter.delivery.outbox.handover import UNTOUCHED

MAILS_PER_STATEMENT = 500  # messages settled in one statement
SENDER_DIED = "the sender died between the final dot and the reply"
OLDER_COPY = "restored from a backup that was made before this mail was settled"
OPEN = (DeliveryState.QUEUED, DeliveryState.LEASED, DeliveryState.HANDING_OVER, DeliveryState.DEFERRED)


class Uncertain(StrEnum):
    """How a digest continues of which nobody knows whether it arrived.

    See docs/explanation/delivery.md, “Uncertain messages”.
    """

    MEND = "mend"  # never sent again: its papers become recaps in the next digest
    RESEND = "resend"  # the same bytes with the same Message-ID go out again


def resends(kind: str, mode: Uncertain) -> bool:
    """Whether an uncertain message of this kind is sent again. Transactional mail always is."""
    return mode is Uncertain.RESEND or kind not in REGULAR_KINDS


def recover(
    connection: Connection, *, locks_dir: Path, now: datetime, wall: datetime, mode: Uncertain
) -> int:
    """Recover the messages that dead senders held. Returns how many became uncertain. Idempotent."""
    found = connection.execute(
        select(deliveries.c.owner).where(deliveries.c.owner.is_not(None)).distinct()
    ).scalars()
    uncertain = 0
    for owner in list(found):
        dead = sender_locks.is_dead(owner, locks_dir, connection)
        if dead is False:
            continue
        held = deliveries.c.owner == owner
        if dead is None:
            held = and_(held, deliveries.c.leased_until < wall)
        uncertain += _move(connection, held, now=now, mode=mode)
        if dead:
            sender_locks.forget(owner, locks_dir)
    return uncertain


def doubt_unsettled(connection: Connection, *, now: datetime, mode: Uncertain) -> int:
    """Treat every open mail as handed over by a sender that died. Returns how many became uncertain.

    For a database restored from a backup: the mail may have been sent after the backup was made.
    """
    connection.execute(
        update(deliveries)
        .where(deliveries.c.state.in_([state.value for state in OPEN]))
        .values(state=DeliveryState.HANDING_OVER.value)
    )
    return _move(connection, true(), now=now, mode=mode, why=OLDER_COPY)


def _move(
    connection: Connection,
    held: ColumnElement[bool],
    *,
    now: datetime,
    mode: Uncertain,
    why: str = SENDER_DIED,
) -> int:
    free: dict[str, Any] = {"owner": None, "leased_until": None}
    connection.execute(
        update(deliveries)
        .where(held, deliveries.c.state == DeliveryState.LEASED.value)
        .values(state=UNTOUCHED, **free)
    )
    handed = and_(held, deliveries.c.state == DeliveryState.HANDING_OVER.value)
    again = deliveries.c.kind.not_in(REGULAR_KINDS) if mode is Uncertain.MEND else true()
    connection.execute(
        update(deliveries)
        .where(handed, again)
        .values(
            state=DeliveryState.DEFERRED.value,
            attempts=deliveries.c.attempts + 1,
            next_attempt_at=now,
            reply_code=None,
            reply_status=None,
            reply_text=f"{why}; sent again",
            **free,
        )
    )
    count = 0
    while True:
        # Locked on PostgreSQL: two senders that find the same dead one must not both make recaps.
        page = (
            select(deliveries.c.id).where(handed).limit(MAILS_PER_STATEMENT).with_for_update(skip_locked=True)
        )
        ids = list(connection.execute(page).scalars())
        if not ids:
            return count
        connection.execute(
            update(deliveries)
            .where(deliveries.c.id.in_(ids))
            .values(
                state=DeliveryState.UNCERTAIN.value,
                attempts=deliveries.c.attempts + 1,
                finished_at=now,
                reply_code=None,
                reply_status=None,
                reply_text=why,
                **free,
            )
        )
        debts.recap(connection, ids, now=now)
        count += len(ids)
