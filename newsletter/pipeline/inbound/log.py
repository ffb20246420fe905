"""Keeps the log of what came back: each message once, whom it was about, and what was done and why.

Opens no transaction. Bodies hold addresses: they go after a while, and with the reader.
"""

from __future__ import annotations

import zlib
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select

from newsletter.core.mail.bounce_policy import Effect
from newsletter.core.mail.inbound import InboundReport
from newsletter.db.schema import inbound_messages

MOST_KEPT = 64 * 1024  # octets of a message that are kept; what says why stands at its beginning
LONGEST_RECIPIENT = 320


def find(connection: Connection, digest: str) -> Row[Any] | None:
    """The log entry of the message with this hash."""
    return connection.execute(
        select(inbound_messages).where(inbound_messages.c.sha256 == digest)
    ).one_or_none()


def keep(
    connection: Connection,
    digest: str,
    report: InboundReport,
    data: bytes,
    *,
    source: str,
    recipient: str,
    now: datetime,
) -> int:
    """Write a message down; returns its id."""
    row = {
        "sha256": digest,
        "source": source,
        "recipient": recipient[:LONGEST_RECIPIENT],
        "received_at": now,
        "size": len(data),
        "kind": report.kind.value,
        "form": report.form,
        "feedback": report.feedback,
        "done": Effect.NOTHING.value,
        "why": report.why,
        "body": zlib.compress(data[:MOST_KEPT]),
    }
    found: int = connection.execute(
        insert(inbound_messages).values(row).returning(inbound_messages.c.id)
    ).scalar_one()
    return found
