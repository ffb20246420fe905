"""Keeps the log of what came back: each message once, whom it was about, and what was done and why.

Opens no transaction. Bodies hold addresses: they go after a while, and with the reader.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Row, delete, insert, select

from newsletter.core.mail.bounce_policy import Effect
from newsletter.core.mail.inbound import InboundClass, InboundReport
from newsletter.db.schema import inbound_messages, inbound_recipients
from newsletter.delivery.addresses import domain_of, without_addresses
from newsletter.delivery.message.verp import signed_ids
from newsletter.pipeline.inbound.effects import words_of
from subscribers.suppression_key import address_hash

if TYPE_CHECKING:
    from newsletter.pipeline.inbound.judge import Judgement

MOST_KEPT = 64 * 1024  # octets of a message that are kept; what says why stands at its beginning
LONGEST = 320  # characters of an address or a reason
LONGEST_DIAGNOSTIC = 500
# The weightiest effect on a recipient is that of the message.
_WEIGHT = (
    Effect.SUPPRESSED,
    Effect.HELD,
    Effect.LEFT,
    Effect.STRIKE,
    Effect.RETURNED,
    Effect.LOOK,
    Effect.NOTHING,
)


def find(connection: Connection, digest: str) -> Row[Any] | None:
    """The entry of the message with this hash."""
    return connection.execute(
        select(inbound_messages).where(inbound_messages.c.sha256 == digest)
    ).one_or_none()


def complained(connection: Connection, delivery_id: int) -> bool:
    """Whether a complaint about this delivery ended a subscription before."""
    r, m = inbound_recipients.c, inbound_messages.c
    found = connection.execute(
        select(r.id)
        .join(inbound_messages, m.id == r.message_id)
        .where(
            r.delivery_id == delivery_id,
            m.kind == InboundClass.COMPLAINT.value,
            r.done.in_([Effect.SUPPRESSED.value, Effect.LEFT.value]),
        )
        .limit(1)
    )
    return found.first() is not None


def forget(connection: Connection, message_id: int) -> None:
    """Delete an entry that is judged again."""
    connection.execute(delete(inbound_recipients).where(inbound_recipients.c.message_id == message_id))
    connection.execute(delete(inbound_messages).where(inbound_messages.c.id == message_id))


def keep(
    connection: Connection,
    digest: str,
    report: InboundReport,
    data: bytes,
    judged: Iterable[Judgement],
    *,
    source: str,
    recipient: str,
    now: datetime,
    suppression_key: bytes,
) -> tuple[int, Effect, str]:
    """Write a message down; returns its id, the weightiest effect and its reason."""
    rows = [_recipient(one, suppression_key) for one in judged]
    weightiest = min(rows, key=lambda row: _WEIGHT.index(row["done"]))
    done, why = Effect(weightiest["done"]), weightiest["why"]
    message = {
        "sha256": digest,
        "source": _plain(source),
        # Another address than a signed return path is somebody's: the body has it, as long as that is kept.
        "recipient": _plain(recipient) if signed_ids(recipient) else "",
        "received_at": now,
        "size": len(data),
        "kind": report.kind.value,
        "form": report.form,
        "feedback": _plain(report.feedback),
        "done": done.value,
        "why": why,
        "body": zlib.compress(data[:MOST_KEPT]),
    }
    message_id: int = connection.execute(
        insert(inbound_messages).values(message).returning(inbound_messages.c.id)
    ).scalar_one()
    connection.execute(
        insert(inbound_recipients),
        [{**row, "done": row["done"].value, "message_id": message_id} for row in rows],
    )
    return message_id, done, why


def _recipient(one: Judgement, suppression_key: bytes) -> dict[str, Any]:
    failed, link = one.failed, one.link
    return {
        "kind": failed.kind.value if failed else "",
        "status": _plain(failed.status) if failed else "",
        "reason": failed.reason.value if failed else "",
        "diagnostic": _plain(words_of(failed), LONGEST_DIAGNOSTIC) if failed else "",
        "domain": _plain(domain_of(one.address)) if one.address else "",
        "address_hash": address_hash(one.address, key=suppression_key) if one.address else "",
        "subscriber_id": link.subscriber_id,
        "delivery_id": link.delivery.id if link.delivery is not None else None,
        "found_by": link.found_by.value,
        "done": one.ruling.effect,
        "why": _plain(without_addresses(one.ruling.why)),
    }


def _plain(text: str, longest: int = LONGEST) -> str:
    """Text that every database takes: of printable characters, on one line, cut."""
    return "".join(character if character.isprintable() else " " for character in text[:longest])
