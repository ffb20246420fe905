"""Mails a signed test bounce to the return path, and looks whether it comes back in by the configured way."""

from __future__ import annotations

import secrets
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from pathlib import Path

from sqlalchemy import Engine, select

from newsletter.core.mail.values import Envelope, Outcome, Verdict
from newsletter.db.engine import LEADER_LOCK, is_lock_held, reading
from newsletter.db.schema import inbound_messages
from newsletter.delivery.message.verp import TAG_DIGITS, ReturnPathId, sign
from newsletter.ops.doctor.finding import Finding, failed, ok, skipped, warning
from newsletter.ops.doctor.records import is_locked

CHECK = "return path"
HOW_TO = "see “Read bounces with your own Postfix” and the pages next to it"
NOBODY = 0  # the subscriber whom a test bounce names: no row has this number
MOST_LOOKED_AT = 50  # of the newest messages


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnPathTest:
    """A test bounce, on its way from us to us."""

    sender: str  # address
    return_path: Callable[[str], str]  # the address for a signed id
    secret_key: bytes
    now: datetime

    def envelope(self) -> Envelope:
        """The message and its envelope. It names nobody, and so changes nothing."""
        tag = secrets.token_hex(TAG_DIGITS // 2)
        signed = sign(ReturnPathId(subscriber_id=NOBODY, tag=tag), self.secret_key)
        address = self.return_path(signed)
        domain = self.sender.rpartition("@")[2]
        data = (
            f"From: {self.sender}\r\nTo: {address}\r\nSubject: Test of the return path\r\n"
            f"Date: {format_datetime(self.now)}\r\nMessage-ID: <{tag}.test@{domain}>\r\n"
            "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
            "Content-Type: multipart/report; report-type=delivery-status; boundary=part\r\n\r\n"
            "--part\r\nContent-Type: text/plain\r\n\r\n"
            "The command `newsletter doctor` sent this to see whether bounces arrive. It names no reader.\r\n"
            "--part\r\nContent-Type: message/delivery-status\r\n\r\n"
            f"Reporting-MTA: dns; doctor.invalid\r\nOriginal-Envelope-Id: {signed}\r\n\r\n"
            "Final-Recipient: rfc822; nobody@doctor.invalid\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n"
            "--part--\r\n"
        )
        return Envelope(
            sender=self.sender, recipient=address, data=data.encode(), envid=signed, delivery_id=0
        )


def check_return_path(
    engine: Engine,
    test: ReturnPathTest,
    *,
    intakes: str,
    leader_lock: Path,
    send: Callable[[Envelope], Outcome],
    patience: float,
    pause: Callable[[float], None] = time.sleep,
) -> Finding:
    """Send a test bounce, and wait until it is in the log.

    intakes: what is configured, in words; empty: nothing is. patience: seconds. Raises what `send` raises.
    """
    if not intakes:
        return skipped(CHECK, f"nothing takes bounces in; {HOW_TO}")
    with reading(engine) as connection:
        workers = is_lock_held(connection, LEADER_LOCK)
    if not (workers or is_locked(leader_lock)):
        return warning(
            CHECK,
            "bounces wait, and none was tried: nothing runs that takes them in",
            hint="Start `newsletter run`.",
        )
    envelope = test.envelope()
    outcome = send(envelope)
    if outcome.verdict is not Verdict.ACCEPTED:
        return failed(
            CHECK,
            f"a test to {envelope.recipient} was not taken: {outcome.code or ''} {outcome.text}".strip(),
            hint=f"That address must reach this newsletter; {HOW_TO}.",
        )
    waited = 0.0
    while (source := arrived(engine, envelope.envid)) is None and waited < patience:
        pause(1.0)
        waited += 1.0
    if source is None:
        return failed(
            CHECK,
            f"a test to {envelope.recipient} has not come back by {intakes} within {patience:.0f} seconds",
            hint=f"Find it in the logs of the mail server; {HOW_TO}.",
        )
    return ok(CHECK, f"a signed test came back by {source}")


def arrived(engine: Engine, signed: str) -> str | None:
    """The intake that brought the message with this signed id; None when none did yet."""
    columns = inbound_messages.c
    newest = select(columns.source, columns.body).order_by(columns.id.desc()).limit(MOST_LOOKED_AT)
    with reading(engine) as connection:
        for row in connection.execute(newest):
            if row.body is not None and signed.encode() in zlib.decompress(row.body):
                return str(row.source)
    return None
