"""Deliveries as `deliveries list` and `show` print them. Changes nothing.

Addresses come from a selectable of the package `subscribers`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, func, select

from newsletter.core.errors import NotFoundError
from newsletter.core.states import DeliveryState
from newsletter.db.schema import deliveries, digests
from newsletter.delivery.outbox.digest_contents import DigestPapers, contents_of
from newsletter.delivery.outbox.held_mail import WAITING

# (subscriber id, kind, key, signed_with) to the Message-ID; None when its key was retired
MessageId = Callable[[int, str, str, str | None], str | None]


def listed(
    connection: Connection,
    *,
    addresses: Select[Any],
    message_id: MessageId,
    state: DeliveryState | None = None,
    subscriber_id: int | None = None,
    ids: Sequence[int] | None = None,
    limit: int | None = None,
) -> list[dict[str, Any]]:
    """Deliveries as JSON objects, newest first. addresses: columns subscriber_id, address."""
    people = addresses.subquery()
    d = deliveries.c
    chosen = (
        select(deliveries, people.c.address, digests.c.edition, digests.c.subject)
        .join(digests, digests.c.id == d.digest_id)
        .outerjoin(people, people.c.subscriber_id == d.subscriber_id)
        .order_by(d.id.desc())
    )
    if state is not None:
        chosen = chosen.where(d.state == state.value)
    if subscriber_id is not None:
        chosen = chosen.where(d.subscriber_id == subscriber_id)
    if ids is not None:
        chosen = chosen.where(d.id.in_(ids))
    if limit is not None:
        chosen = chosen.limit(limit)
    rows = connection.execute(chosen).all()
    contents = contents_of(connection, {row.digest_id for row in rows})
    return [_shown(row, contents.get(row.digest_id, DigestPapers()), message_id) for row in rows]


def shown(
    connection: Connection, delivery_id: int, *, addresses: Select[Any], message_id: MessageId
) -> dict[str, Any]:
    """One delivery as a JSON object. Raises NotFoundError."""
    found = listed(connection, addresses=addresses, message_id=message_id, ids=[delivery_id])
    if not found:
        raise no_such_delivery(delivery_id)
    return found[0]


def deferred(connection: Connection, *, limit: int) -> list[dict[str, Any]]:
    """What waits for another try, as JSON objects: the mails of each kind of reply, and from when to when.

    limit: kinds of replies; those of most mails come first.
    """
    d = deliveries.c
    found = connection.execute(
        select(
            func.count().label("mails"),
            d.reply_code,
            d.reply_status,
            func.min(d.reply_text).label("reply_text"),
            func.min(d.next_attempt_at).label("first_at"),
            func.max(d.next_attempt_at).label("last_at"),
        )
        .where(WAITING, d.state == DeliveryState.DEFERRED)
        .group_by(d.reply_code, d.reply_status)
        .order_by(func.count().desc(), func.min(d.next_attempt_at))
        .limit(limit)
    )
    return [
        {
            "mails": row.mails,
            "reply": _reply(row),
            "first_at": row.first_at.isoformat(),
            "last_at": row.last_at.isoformat(),
        }
        for row in found
    ]


def no_such_delivery(delivery_id: int) -> NotFoundError:
    """The error for an id that no delivery has."""
    return NotFoundError(
        f"no such delivery: {delivery_id}",
        hint="`newsletter deliveries list` shows them; older mail is packed: `newsletter why`.",
    )


def _shown(row: Row[Any], contents: DigestPapers, message_id: MessageId) -> dict[str, Any]:
    return {
        "id": row.id,
        "address": row.address,
        "kind": row.kind,
        "key": row.key,
        "edition": row.edition,
        "subject": row.subject,
        "state": row.state,
        "reason": row.reason,
        "attempts": row.attempts,
        "message_id": message_id(row.subscriber_id, row.kind, row.key, row.signed_with),
        "reply": _reply(row),
        "composed_at": row.composed_at.isoformat(),
        "next_attempt_at": _when(row.next_attempt_at)
        if row.state in (DeliveryState.QUEUED, DeliveryState.DEFERRED)
        else None,
        "finished_at": _when(row.finished_at),
        "bounced_at": _when(row.bounced_at),
        "papers": [
            {"id": card.id, "title": card.title, "topic": card.topic, "form": card.form, "role": card.role}
            for card in contents.papers
        ],
        "maybe": [{"id": card.id, "title": card.title, "topic": card.topic} for card in contents.maybe],
        "new_versions": [version.as_json() for version in contents.new_versions],
    }


def _reply(row: Row[Any]) -> str | None:
    return " ".join(str(part) for part in (row.reply_code, row.reply_status, row.reply_text) if part) or None


def _when(instant: datetime | None) -> str | None:
    return None if instant is None else instant.isoformat()
