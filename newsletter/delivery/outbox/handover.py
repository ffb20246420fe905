"""Hands leased messages over to a sender, records outcomes, and takes messages back.

It sends nothing and opens no transaction: the caller commits. The rules are in docs/explanation/delivery.md,
“Handing over” and “Commits”.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    String,
    Update,
    bindparam,
    case,
    func,
    literal_column,
    null,
    select,
    update,
)
from sqlmodel.sql.sqltypes import UTCDateTime

from newsletter.core.mail.retry import Fate, NextStep, verdict_of
from newsletter.core.mail.values import Outcome
from newsletter.core.states import DeliveryState, MailKind, SkipReason
from newsletter.db.bulk_update import ManyRows
from newsletter.db.id_lists import among
from newsletter.db.schema import deliveries
from newsletter.delivery.addresses import without_addresses
from newsletter.delivery.outbox import debts
from newsletter.delivery.outbox.claims import LEASE

WINDOW = 50  # messages of a run that may be "handing over" at a time: one crash can leave them uncertain

log = logging.getLogger(__name__)


class AttemptResult(NamedTuple):  # made for each message: faster than a dataclass
    """The outcome of one message that was handed over, and the step that follows."""

    delivery_id: int
    outcome: Outcome
    next: NextStep
    has_reader_debts: bool = True  # whether the mail may carry rows of reader_debts


# The state for each fate. RETRY keeps the server's text, for `deliveries list`.
_STATE = {
    Fate.SENT: DeliveryState.SENT,
    Fate.RETRY: DeliveryState.DEFERRED,
    Fate.REFUSED: DeliveryState.FAILED,
    Fate.RETURNED: DeliveryState.FAILED,
    Fate.EXPIRED: DeliveryState.SKIPPED,
    Fate.UNCERTAIN: DeliveryState.UNCERTAIN,
}

_RECORD = (
    update(deliveries)
    .where(deliveries.c.id == bindparam("b_id"))
    .values(
        state=bindparam("b_state"),
        reason=bindparam("b_reason"),
        owner=None,
        leased_until=None,
        attempts=deliveries.c.attempts + bindparam("b_counts"),
        next_attempt_at=func.coalesce(bindparam("b_next", type_=UTCDateTime()), deliveries.c.next_attempt_at),
        finished_at=bindparam("b_finished"),
        relay=bindparam("b_relay"),
        reply_code=bindparam("b_code"),
        reply_status=bindparam("b_status"),
        reply_text=bindparam("b_text"),
        reply_about=bindparam("b_about"),
        reply_reason=bindparam("b_word"),
    )
)


_IDS = among(deliveries.c.id)
_HELD = (_IDS, deliveries.c.owner == bindparam("b_owner"))


def _update_sent(value: Mapping[str, ColumnElement[Any]]) -> Update:
    return (
        update(deliveries)
        .where(
            deliveries.c.id == value["b_id"],
            deliveries.c.owner == value["b_owner"],
            deliveries.c.state == literal_column(f"'{DeliveryState.HANDING_OVER.value}'"),
        )
        .values(
            state=literal_column(f"'{DeliveryState.SENT.value}'"),
            reason=null(),
            owner=null(),
            leased_until=null(),
            attempts=deliveries.c.attempts + literal_column("1"),
            # What only waiting mail needs makes room in the row for what follows: SQLite splits no page.
            slot_at=null(),
            expires_at=case(
                (deliveries.c.kind == literal_column(f"'{MailKind.DIGEST}'"), null()),
                else_=deliveries.c.expires_at,
            ),
            finished_at=value["b_now"],
            relay=value["b_relay"],
            reply_code=value["b_code"],
            reply_status=value["b_status"],
            reply_text=value["b_text"],
            reply_about=null(),
            reply_reason=null(),
        )
    )


# Runs for every message that is sent.
_SENT = ManyRows(
    _update_sent,
    shared={"b_now": UTCDateTime(), "b_owner": String()},
    own={
        "b_id": Integer(),
        "b_relay": String(),
        "b_code": Integer(),
        "b_status": String(),
        "b_text": String(),
    },
)

_HAND_OVER = (
    update(deliveries)
    .where(*_HELD, deliveries.c.state == DeliveryState.LEASED.value)
    .values(state=DeliveryState.HANDING_OVER.value, leased_until=bindparam("b_until"))
    .returning(deliveries.c.id)
)

_OURS = (
    select(deliveries.c.id)
    .where(*_HELD, deliveries.c.state == DeliveryState.HANDING_OVER.value)
    .with_for_update()
)

_SENT_NOW = select(deliveries.c.id).where(
    _IDS,
    deliveries.c.state == DeliveryState.SENT.value,
    deliveries.c.finished_at == bindparam("b_now", type_=UTCDateTime()),
)

_DEFERRED = (
    select(deliveries.c.id)
    .where(_IDS, deliveries.c.owner.is_(None), deliveries.c.state == DeliveryState.DEFERRED.value)
    .with_for_update()
)


def hand_over(connection: Connection, ids: Sequence[int], *, owner: str, wall: datetime) -> frozenset[int]:
    """Mark messages that `owner` has leased as handed over; the ids of those that `owner` still held.

    Only these may be sent, once this transaction is committed.
    """
    if not ids:
        return frozenset()
    # The lease counts again from here: the time limits of SMTP begin now.
    values = {"ids": list(ids), "b_owner": owner, "b_until": wall + LEASE}
    handed_over = frozenset(connection.execute(_HAND_OVER, values).scalars())
    if len(handed_over) < len(ids):
        log.warning("%d leases were lost before their mails were sent", len(ids) - len(handed_over))
    return handed_over


def record(
    connection: Connection, *, owner: str | None, results: Sequence[AttemptResult], now: datetime
) -> frozenset[int]:
    """Write outcomes down; the ids of those that came too late, because `owner` lost the mail.

    owner None: a second judgement of messages that were deferred meanwhile (the first 50 of a run).
    """
    by_fate: dict[Fate, list[AttemptResult]] = {}
    for result in results:
        by_fate.setdefault(result.next.fate, []).append(result)
    late: set[int] = set()
    for fate, some in by_fate.items():
        ids = [result.delivery_id for result in some]
        if owner is not None and fate is Fate.SENT:
            ours = _write_sent(connection, ids, owner=owner, results=some, now=now)
        else:
            ours = _write(connection, ids, owner=owner, results=some, now=now)
        if len(ours) < len(ids):
            late.update(set(ids).difference(ours))
            ids = [delivery_id for delivery_id in ids if delivery_id in ours]
        if fate is Fate.SENT:
            carrying = {result.delivery_id for result in some if result.has_reader_debts}
            ids = [delivery_id for delivery_id in ids if delivery_id in carrying]
        if ids and fate is not Fate.RETRY:
            _SETTLE[fate](connection, ids, now=now)
    for delivery_id in sorted(late):
        log.warning("delivery %d: its outcome came after another sender had taken it over", delivery_id)
    return frozenset(late)


def release(connection: Connection, ids: Iterable[int], *, owner: str) -> int:
    """Give back messages that were leased and not sent, as if they had never been claimed. Returns how many.

    Also messages that were handed over, but only if no final dot can have left.
    """
    return connection.execute(
        update(deliveries)
        .where(
            deliveries.c.id.in_(list(ids)),
            deliveries.c.owner == owner,
            deliveries.c.state.in_([DeliveryState.LEASED.value, DeliveryState.HANDING_OVER.value]),
        )
        .values(state=UNTOUCHED, owner=None, leased_until=None)
    ).rowcount


# The state of a message that was claimed and not sent.
UNTOUCHED = case((deliveries.c.attempts > 0, DeliveryState.DEFERRED.value), else_=DeliveryState.QUEUED.value)


# The effect of each fate on the debts that a message carried; a message that is tried again keeps them.
_SETTLE = {
    Fate.SENT: debts.give,
    Fate.REFUSED: debts.refuse,
    Fate.RETURNED: debts.return_papers_once,
    Fate.EXPIRED: debts.return_papers,
    Fate.UNCERTAIN: debts.recap,
}


def _write_sent(
    connection: Connection, ids: Sequence[int], *, owner: str, results: Sequence[AttemptResult], now: datetime
) -> Collection[int]:
    """Record messages that were sent; the ids that `owner` still held."""
    rows = [
        (
            result.delivery_id,
            result.outcome.relay or None,
            result.outcome.code,
            result.outcome.status,
            without_addresses(result.outcome.text),
        )
        for result in results
    ]
    if _SENT.run(connection, (now, owner), rows) == len(rows):
        return ids
    return set(connection.execute(_SENT_NOW, {"ids": ids, "b_now": now}).scalars())


def _write(
    connection: Connection,
    ids: Sequence[int],
    *,
    owner: str | None,
    results: Sequence[AttemptResult],
    now: datetime,
) -> Collection[int]:
    """Record any other outcome; the ids that `owner` still held."""
    ours = set(connection.execute(_OURS if owner else _DEFERRED, {"ids": ids, "b_owner": owner}).scalars())
    kept = [_row(result, now=now) for result in results if result.delivery_id in ours]
    if kept:
        connection.execute(_RECORD, kept)
    return ours


def _row(result: AttemptResult, *, now: datetime) -> dict[str, object]:
    following, outcome = result.next, result.outcome
    verdict = verdict_of(outcome) if outcome.code is not None and outcome.code >= 400 else None
    state = _STATE[following.fate]
    reason = SkipReason.EXPIRED.value if following.fate is Fate.EXPIRED else following.reason
    return {
        "b_id": result.delivery_id,
        "b_state": state.value,
        "b_reason": reason,
        "b_counts": int(following.counts),
        "b_next": following.at,
        "b_finished": None if following.fate is Fate.RETRY else now,
        "b_relay": outcome.relay or None,
        "b_code": outcome.code,
        "b_status": outcome.status,
        "b_text": without_addresses(outcome.text),
        "b_about": verdict.about.value if verdict else None,
        "b_word": verdict.reason.value if verdict else None,
    }
