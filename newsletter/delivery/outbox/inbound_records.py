"""Reads the log of what came back: figures, entries, those of one reader; and erases the latter."""

from __future__ import annotations

import zlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, and_, func, select, update

from newsletter.core.mail.bounce_policy import COMPLAINT_WINDOW, OLDEST, Effect, alarming, too_many
from newsletter.core.mail.inbound import InboundClass
from newsletter.core.states import DeliveryState
from newsletter.db.schema import deliveries, digests, inbound_messages, inbound_recipients

_M, _R = inbound_messages.c, inbound_recipients.c
_ACTED = (Effect.SUPPRESSED.value, Effect.LEFT.value)
_WAITING_KINDS = (InboundClass.BOUNCE.value, InboundClass.COMPLAINT.value, InboundClass.UNSUBSCRIBE.value)
_IDS_AT_ONCE = 500
BODY_KEPT = timedelta(days=30)
COMPOSED_BEFORE = timedelta(days=3)  # a message is accepted at most so long after it was composed


@dataclass(frozen=True, slots=True, kw_only=True)
class ComplaintShare:
    """Complaints and accepted messages of the latest COMPLAINT_WINDOW."""

    complaints: int
    messages: int

    @property
    def is_alarming(self) -> bool:
        """Whether it is above what providers ask for."""
        return alarming(self.complaints, self.messages)

    @property
    def is_too_high(self) -> bool:
        """Whether it is one from which providers block."""
        return too_many(self.complaints, self.messages)

    @property
    def words(self) -> str:
        """Such as: 4 complaints about 1,000 messages in 7 days (0.40 %)."""
        noun = "complaint" if self.complaints == 1 else "complaints"
        share = f" ({100 * self.complaints / self.messages:.2f} %)" if self.messages else ""
        days = COMPLAINT_WINDOW.days
        messages = "message" if self.messages == 1 else "messages"
        return f"{self.complaints} {noun} about {self.messages:,} {messages} in {days} days{share}"


def complaint_share(connection: Connection, *, now: datetime) -> ComplaintShare:
    """The share of complaints as of `now`; only those that ended a subscription count."""
    complaints = count_complaints(connection, since=now - COMPLAINT_WINDOW, until=now)
    if not complaints:  # nearly always: nothing else is counted
        return ComplaintShare(complaints=0, messages=0)
    # By their digests, which have an index: a scrape must not count millions.
    lately = select(digests.c.id).where(digests.c.composed_at > now - COMPLAINT_WINDOW - COMPOSED_BEFORE)
    accepted = select(func.count()).where(
        deliveries.c.digest_id.in_(lately),
        deliveries.c.state == DeliveryState.SENT,
        deliveries.c.finished_at > now - COMPLAINT_WINDOW,
        deliveries.c.finished_at <= now,
    )
    return ComplaintShare(complaints=complaints, messages=connection.execute(accepted).scalar_one())


def count_complaints(connection: Connection, *, since: datetime, until: datetime) -> int:
    """Complaints that ended a subscription."""
    counted = (
        select(func.count())
        .select_from(inbound_recipients.join(inbound_messages, _M.id == _R.message_id))
        .where(
            _M.received_at > since,
            _M.received_at <= until,
            _M.kind == InboundClass.COMPLAINT.value,
            _R.done.in_(_ACTED),
        )
    )
    return connection.execute(counted).scalar_one()


def count_waiting(connection: Connection, *, since: datetime, until: datetime) -> int:
    """Bounces, complaints and requests to leave that lie for a look."""
    counted = select(func.count()).where(
        _M.received_at > since,
        _M.received_at <= until,
        _M.kind.in_(_WAITING_KINDS),
        _M.done == Effect.LOOK.value,
    )
    return connection.execute(counted).scalar_one()


def count_held(connection: Connection, *, now: datetime) -> int:
    """Bounces of the last 30 days whose suppression waits for an admin."""
    held = select(func.count()).where(_M.received_at > now - OLDEST, _M.done == Effect.HELD.value)
    return connection.execute(held).scalar_one()


def by_class(connection: Connection, *, since: datetime, until: datetime) -> dict[str, int]:
    """Messages that came back, by class; every class is there."""
    rows = connection.execute(
        select(_M.kind, func.count().label("n")).where(_M.received_at.between(since, until)).group_by(_M.kind)
    )
    return {**{kind.value: 0 for kind in InboundClass}, **{row.kind: row.n for row in rows}}


def bounces_by(connection: Connection, column: str, *, since: datetime, until: datetime) -> dict[str, int]:
    """Failed recipients by `reason` or `domain`; those that changed nothing do not count."""
    of = _R[column]
    rows = connection.execute(
        select(of.label("name"), func.count().label("n"))
        .join(inbound_messages, _M.id == _R.message_id)
        .where(
            _M.received_at.between(since, until),
            _M.kind == InboundClass.BOUNCE.value,
            _R.done.not_in([Effect.NOTHING.value, Effect.LOOK.value]),
        )
        .group_by(of)
        .order_by(func.count().desc(), of)
    )
    return {row.name or "unknown": row.n for row in rows}


def history(connection: Connection, subscriber_id: int) -> list[dict[str, Any]]:
    """What came back about a reader, oldest first, in the form of consent events."""
    rows = connection.execute(
        select(inbound_recipients, _M.received_at, _M.kind.label("class_"))
        .join(inbound_messages, _M.id == _R.message_id)
        .where(_R.subscriber_id == subscriber_id)
        .order_by(_M.received_at, _R.id)
    )
    return [
        {
            "at": row.received_at.isoformat(),
            "what": row.class_,
            "how": row.found_by,
            "topics": [],
            "detail": {
                "done": row.done,
                "why": row.why,
                **({"reason": row.reason, "reply": row.diagnostic} if row.reason else {}),
                "message": row.message_id,
                "delivery": row.delivery_id,
            },
        }
        for row in rows
    ]


def of_reader(connection: Connection, subscriber_id: int) -> list[dict[str, Any]]:
    """All that is stored of what came back about a reader, oldest first; with the message, while it is kept.

    The message of a report about several recipients is left out: it is theirs, too.
    """
    rows = connection.execute(
        select(inbound_recipients, _M.received_at, _M.kind.label("class_"), _M.body, _M.source)
        .join(inbound_messages, _M.id == _R.message_id)
        .where(_R.subscriber_id == subscriber_id)
        .order_by(_M.received_at, _R.id)
    ).all()
    shared = _naming_several(connection, {row.message_id for row in rows})
    return [
        {
            "received_at": row.received_at.isoformat(),
            "class": row.class_,
            "by": row.source,
            **{key: value for key, value in _about(row._mapping).items() if key != "subscriber"},
            "message": None
            if row.body is None or row.message_id in shared
            else zlib.decompress(row.body).decode("utf-8", "replace"),
        }
        for row in rows
    ]


def _naming_several(connection: Connection, ids: Collection[int]) -> set[int]:
    several = (
        select(_R.message_id).where(_R.message_id.in_(ids)).group_by(_R.message_id).having(func.count() > 1)
    )
    return set(connection.execute(several).scalars())


def listed(
    connection: Connection, *, kind: str | None = None, done: str | None = None, limit: int = 100
) -> list[dict[str, Any]]:
    """The latest messages that came back, the newest first, each with its recipients."""
    chosen = select(inbound_messages).order_by(_M.id.desc()).limit(limit)
    if kind is not None:
        chosen = chosen.where(_M.kind == kind)
    if done is not None:
        chosen = chosen.where(_M.done == done)
    rows = connection.execute(chosen).all()
    return _as_rows(connection, rows)


def shown(connection: Connection, message_id: int) -> tuple[dict[str, Any], bytes | None] | None:
    """One message and its compressed bytes, as far as they are kept; None when there is no such message."""
    row = connection.execute(select(inbound_messages).where(_M.id == message_id)).one_or_none()
    return None if row is None else (_as_rows(connection, [row])[0], row.body)


def _as_rows(connection: Connection, rows: Collection[Row[Any]]) -> list[dict[str, Any]]:
    about: dict[int, list[dict[str, Any]]] = {row.id: [] for row in rows}
    for one in connection.execute(
        select(inbound_recipients).where(_R.message_id.in_(list(about))).order_by(_R.id)
    ):
        about[one.message_id].append(_about(one._mapping))
    return [
        {
            "id": row.id,
            "class": row.kind,
            "form": row.form,
            "feedback": row.feedback,
            "source": row.source,
            "received_at": row.received_at.isoformat(),
            "size": row.size,
            "recipient": row.recipient,
            "done": row.done,
            "why": row.why,
            "recipients": about[row.id],
        }
        for row in rows
    ]


def _about(one: Any) -> dict[str, Any]:
    names = ("status", "reason", "diagnostic", "domain", "found_by", "done", "why")
    return {
        "subscriber": one["subscriber_id"],
        "delivery": one["delivery_id"],
        # As `bounces parse` prints it: what is ours may work later.
        "kind": (one["kind"] if one["kind"] in ("", "hard") else "soft") or None,
        **{name: one[name] or None for name in names},
    }


def delete_old_bodies(connection: Connection, *, now: datetime) -> None:
    """Delete the bytes of messages that are older than BODY_KEPT; what was done stays."""
    connection.execute(
        update(inbound_messages)
        .where(_M.received_at < now - BODY_KEPT, _M.body.is_not(None))
        .values(body=None)
    )


def erase_address(connection: Connection, address_hash: str) -> None:
    """Delete what messages said that named this address and could not be assigned to its reader."""
    theirs = and_(_R.address_hash == address_hash, _R.address_hash != "")
    connection.execute(
        update(inbound_messages)
        .where(_M.id.in_(select(_R.message_id).where(theirs)), _M.body.is_not(None))
        .values(body=None)
    )
    connection.execute(
        update(inbound_recipients).where(theirs).values(diagnostic="", address_hash="", domain="")
    )


def erase(connection: Connection, subscriber_ids: Collection[int]) -> None:
    """Delete what messages about these readers said; that they came, and what was done, stays."""
    ids = sorted(subscriber_ids)
    for start in range(0, len(ids), _IDS_AT_ONCE):
        theirs = _R.subscriber_id.in_(ids[start : start + _IDS_AT_ONCE])
        connection.execute(
            update(inbound_messages)
            .where(_M.id.in_(select(_R.message_id).where(theirs)), _M.body.is_not(None))
            .values(body=None)
        )
        connection.execute(
            update(inbound_recipients).where(theirs).values(diagnostic="", address_hash="", domain="")
        )
