"""Reads notices of Amazon SES that Amazon SNS sends as mail: JSON in the text.

The same JSON comes by webhook. https://docs.aws.amazon.com/ses/latest/dg/notification-contents.html
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from newsletter.inbound.addresses import first_address
from newsletter.inbound.limits import MOST_RECIPIENTS
from newsletter.inbound.message import InboundMessage, clean
from newsletter.inbound.reports.delivery_status import StatusOfRecipient

_START = re.compile(r"\A\s*\{\s*\"(?:notificationType|eventType|Type)\"")


@dataclass(frozen=True, slots=True)
class AmazonNotice:
    """One notice. Recipients of a complaint have no status."""

    kind: str  # bounce, complaint, delivery
    recipients: tuple[StatusOfRecipient, ...]
    feedback: str
    message_id: str
    sender: str


def read_amazon_notice(message: InboundMessage) -> AmazonNotice | None:
    """The notice that a message holds; None when it holds none."""
    text = message.text
    if not _START.match(text):
        return None
    try:
        notice, _ = json.JSONDecoder().raw_decode(text.lstrip().replace("\n", ""))
        if isinstance(notice.get("Message"), str):
            notice = json.loads(notice["Message"])
    except (ValueError, AttributeError, RecursionError):
        return None
    return notice_of(notice) if isinstance(notice, dict) else None


def notice_of(notice: dict[str, Any]) -> AmazonNotice | None:
    """The notice that is this JSON; None when it is about something else."""
    kind = str(notice.get("notificationType") or notice.get("eventType")).lower()
    mail = _dict(notice.get("mail"))
    about = _dict(notice.get(kind))
    if kind not in ("bounce", "complaint", "delivery"):
        return None
    rows = about.get(
        {"bounce": "bouncedRecipients", "complaint": "complainedRecipients"}.get(kind, "recipients")
    )
    recipients = (
        tuple(filter(None, map(_recipient, rows[:MOST_RECIPIENTS]))) if isinstance(rows, list) else ()
    )
    if kind == "bounce":
        soft = about.get("bounceType") == "Transient"
        recipients = tuple(_with_type(one, soft, str(about.get("bounceSubType"))) for one in recipients)
    headers = _dict(mail.get("commonHeaders"))
    return AmazonNotice(
        kind,
        recipients,
        clean(str(about.get("complaintFeedbackType") or "abuse"))[:50].lower(),
        clean(str(headers.get("messageId") or ""))[:500].strip("<> "),
        first_address(str(mail.get("source") or "")),
    )


def _recipient(row: Any) -> StatusOfRecipient | None:
    fields = {"emailAddress": row} if isinstance(row, str) else _dict(row)
    address = first_address(str(fields.get("emailAddress") or ""))
    if not address:
        return None
    return StatusOfRecipient(
        address,
        "",
        str(fields.get("action") or ""),
        str(fields.get("status") or ""),
        str(fields.get("diagnosticCode") or ""),
    )


def _with_type(one: StatusOfRecipient, soft: bool, subtype: str) -> StatusOfRecipient:
    """The recipient with what SES calls the bounce, where no server said anything."""
    if one.diagnostic or one.status:
        return one
    words = {
        "MailboxFull": "mailbox full",
        "Suppressed": "address is on the suppression list",
        "NoEmail": "no such user",
    }
    status = "4.0.0" if soft else ("5.1.1" if subtype == "General" else "5.0.0")
    return StatusOfRecipient(one.address, "", one.action, status, words.get(subtype, ""))


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
