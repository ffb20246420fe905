"""Takes in one message that came back: the one door of every intake.

The same bytes act once. What cannot be read, or names nobody, is kept for a look; nothing is ever answered.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from sqlalchemy import Engine

from newsletter.core.mail.bounce_policy import Effect
from newsletter.core.mail.inbound import InboundClass, InboundReport
from newsletter.db.engine import writing
from newsletter.inbound.parse import parse
from newsletter.pipeline.inbound import log
from newsletter.pipeline.inbound.options import InboundOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What became of one message."""

    id: int  # in `bounces show`
    kind: InboundClass
    done: Effect
    why: str
    repeated: bool = False  # it was here before: nothing was done now


def take(
    engine: Engine,
    data: bytes,
    *,
    source: str,
    now: datetime,
    options: InboundOptions,
    recipient: str = "",
    sender: str | None = None,
) -> Taken:
    """Take in a message. source: the intake. recipient, sender: of the envelope (sender None: unknown).

    Raises StorageError when the database is busy or broken: the intake keeps the message, and tries again.
    """
    return take_report(
        engine,
        parse(data),
        data,
        source=source,
        now=now,
        options=options,
        recipient=recipient,
        sender=sender,
    )


def take_report(
    engine: Engine,
    report: InboundReport,
    data: bytes,
    *,
    source: str,
    now: datetime,
    options: InboundOptions,
    recipient: str = "",
    sender: str | None = None,
    authentic: bool = False,
    key: str = "",
) -> Taken:
    """Take in a report that was read elsewhere, such as a provider's notice; data: its bytes, for the log.

    key: what a repetition has in common with the first one, where that is not the bytes.
    authentic: its origin was checked, so that address and Message-ID name the delivery without our signature.
    """
    digest = sha256(key.encode() if key else data).hexdigest()
    with writing(engine) as connection:
        known = log.find(connection, digest)
        if known is not None:
            return Taken(
                id=known.id,
                kind=InboundClass(known.kind),
                done=Effect(known.done),
                why=known.why,
                repeated=True,
            )
        message_id = log.keep(connection, digest, report, data, source=source, recipient=recipient, now=now)
        return Taken(id=message_id, kind=report.kind, done=Effect.NOTHING, why=report.why)
