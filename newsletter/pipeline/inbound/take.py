"""Takes in one message that came back: the one door of every intake.

The same message acts once, whatever its line ends. What cannot be read, or names nobody, is kept for a look;
nothing is ever answered.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256

from sqlalchemy import Engine

from newsletter.core.mail.bounce_policy import Effect
from newsletter.core.mail.inbound import InboundClass, InboundReport
from newsletter.db.engine import writing
from newsletter.delivery.message.verp import is_leave_address, signed_ids
from newsletter.inbound.addresses import first_address
from newsletter.inbound.message import UnreadableMessageError, read_message
from newsletter.inbound.parse import parse
from newsletter.pipeline.inbound import log
from newsletter.pipeline.inbound.judge import InboundEnvelope, Judge
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
        _read(data, recipient),
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
    digest = sha256(key.encode() if key else _with_plain_lines(data)).hexdigest()
    with writing(engine) as connection:
        known = log.find(connection, digest)
        if known is not None and (known.recipient or not signed_ids(recipient) or known.done != Effect.LOOK):
            return Taken(
                id=known.id,
                kind=InboundClass(known.kind),
                done=Effect(known.done),
                why=known.why,
                repeated=True,
            )
        if known is not None:  # it lay for a look; now its envelope says whom it is about
            log.forget(connection, known.id)
        envelope = InboundEnvelope(
            recipient=recipient,
            sender=_return_path(data) if sender is None else sender,
            authentic=authentic,
        )
        judged = Judge(connection, options, now=now).judge(report, envelope, digest=digest)
        message_id, done, why = log.keep(
            connection,
            digest,
            report,
            data,
            judged,
            source=source,
            recipient=recipient,
            now=now,
            suppression_key=options.suppression_key,
        )
    return Taken(id=message_id, kind=report.kind, done=done, why=why)


def _with_plain_lines(data: bytes) -> bytes:
    """The message as every intake brings it: LMTP and IMAP end lines with CRLF, a Maildir with LF."""
    return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").rstrip(b"\n")


def _read(data: bytes, recipient: str) -> InboundReport:
    """Read a message. Any letter to the address to leave by is a wish to leave, whatever it says."""
    report = parse(data)
    asks = report.kind is InboundClass.OTHER and bool(report.sender)
    if asks and any(is_leave_address(address) for address in (recipient, *report.names.return_paths)):
        return replace(report, kind=InboundClass.UNSUBSCRIBE, form="leave address", why="")
    return report


def _return_path(data: bytes) -> str:
    """The envelope's sender, as the server that took the message wrote it down (RFC 5321, 4.4)."""
    try:
        return first_address(read_message(data).header.get("return-path"))
    except UnreadableMessageError:
        return ""
