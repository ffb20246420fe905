"""Decides whether to believe “no such user”, when many say so at once; and settles what was held.

A provider with a broken directory calls all its users unknown. Refusals at SMTP time have
`newsletter.pipeline.deliver.circuit_breaker`.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, or_, select, update

from newsletter.core.errors import NotFoundError
from newsletter.core.mail.bounce_policy import JUDGED_TOGETHER, Effect, too_many_unknown
from newsletter.core.mail.reply_verdict import Reason
from newsletter.core.states import DeliveryState
from newsletter.db.schema import deliveries, inbound_messages, inbound_recipients
from newsletter.pipeline.inbound.options import InboundOptions
from subscribers import consent, queries
from subscribers.consent import EventKind
from subscribers.errors import UnknownAddressError
from subscribers.lifecycle import suppression
from subscribers.queries import State

WINDOW = timedelta(days=1)  # in which mails were sent that are looked at together
REACH = 20 * JUDGED_TOGETHER  # ids that are looked through for them, so that no look reads the whole table
_SINCE = (EventKind.CONFIRMED, EventKind.CAME_BACK, EventKind.UNSUPPRESSED, EventKind.MOVED)


def doubt(connection: Connection, delivery: Row[Any], *, now: datetime) -> str:
    """Why a “no such user” about this message is not believed yet; empty when it is.

    It is compared with the JUDGED_TOGETHER mails that were sent before it, within a day.
    """
    d = deliveries.c
    accepted = or_(
        d.state.in_([DeliveryState.SENT.value, DeliveryState.UNCERTAIN.value]), d.bounced_at.is_not(None)
    )
    before = connection.execute(
        select(d.bounced_at, d.reply_reason)
        .where(d.id.between(delivery.id - REACH, delivery.id - 1), d.finished_at > now - WINDOW, accepted)
        .order_by(d.id.desc())
        .limit(JUDGED_TOGETHER)
    ).all()
    unknown = sum(
        row.bounced_at is not None and row.reply_reason == Reason.UNKNOWN_MAILBOX.value for row in before
    )
    if too_many_unknown(unknown, len(before)):
        return f"{unknown} of the {len(before)} mails before it came back as unknown, too"
    return ""


def settle(
    connection: Connection,
    *,
    believe: bool,
    options: InboundOptions,
    now: datetime,
    messages: Collection[int] = (),
) -> dict[Effect, int]:
    """Suppress the readers of held bounces, or let them be; returns how many of each.

    messages: their ids in the log; none: all that are held. Who confirmed, moved or was taken back since is
    let be. Raises NotFoundError.
    """
    r = inbound_recipients.c
    chosen = (
        select(r.id, r.message_id, r.subscriber_id, r.status, r.diagnostic, inbound_messages.c.received_at)
        .join(inbound_messages, inbound_messages.c.id == r.message_id)
        .where(r.done == Effect.HELD.value)
        .order_by(r.id)
    )
    if messages:
        chosen = chosen.where(r.message_id.in_(messages))
    counted: dict[Effect, int] = {}
    rows = connection.execute(chosen).all()
    for missing in sorted({*messages}.difference(row.message_id for row in rows)):
        raise NotFoundError(
            f"there is no held bounce {missing}", hint="`newsletter bounces list --done held` shows them."
        )
    for row in rows:
        done = Effect.RETURNED
        if believe and _suppress(connection, row, options=options, now=now):
            done = Effect.SUPPRESSED
        counted[done] = counted.get(done, 0) + 1
        for table, key in ((inbound_recipients, row.id), (inbound_messages, row.message_id)):
            connection.execute(update(table).where(table.c.id == key).values(done=done.value))
    return counted


def _suppress(connection: Connection, row: Any, *, options: InboundOptions, now: datetime) -> bool:
    try:
        person = queries.by_id(connection, row.subscriber_id, lock=True)
    except UnknownAddressError:
        return False
    since = consent.last_at(connection, person.id, _SINCE)
    if person.state is not State.CONFIRMED or (since is not None and since > row.received_at):
        return False
    suppression.suppress(
        connection,
        address=person.address,
        reason="bounce",
        how="bounce",
        now=now,
        key=options.suppression_key,
        note=" ".join(filter(None, [row.status, row.diagnostic]))[:200],
    )
    return True
