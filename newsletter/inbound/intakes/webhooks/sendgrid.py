"""Reads signed event webhooks of SendGrid: ECDSA over a time and the body.

https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/getting-started-event-webhook-security-features
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from newsletter.core.mail.inbound import InboundReport
from newsletter.inbound.intakes.webhooks import said
from newsletter.inbound.intakes.webhooks.hook import (
    MOST_EVENTS,
    PostedNotice,
    ProviderEvent,
    RefusedNoticeError,
    as_data,
    check_age,
    instant_of,
    read_json,
    words,
)

NAME = "sendgrid"
SIGNATURE = "x-twilio-email-event-webhook-signature"
TIMESTAMP = "x-twilio-email-event-webhook-timestamp"
# https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/troubleshooting
TRIED_FOR = timedelta(hours=24)
CLASSES = {  # bounce_classification
    "Invalid Address": said.NO_SUCH_MAILBOX,
    "Mailbox Unavailable": said.FULL,
    "Content": said.SPAM,
}
DROPPED = {  # reason of an event `dropped`: SendGrid did not try
    "Bounced Address": said.SUPPRESSED,
    "Invalid": said.BAD_ADDRESS,
    "Invalid SMTPAPI header": "",
    "Spam Content": said.SPAM,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SendGridHook:
    """The signed event webhook of one account."""

    public_key: str  # base64 of a SubjectPublicKeyInfo, as SendGrid shows it
    refusal: int = 403

    def events(self, notice: PostedNotice) -> Sequence[ProviderEvent]:
        """See Hook."""
        time = notice.headers.get(TIMESTAMP, "")
        self._verify(time.encode() + notice.body, notice.headers.get(SIGNATURE, ""))
        check_age(instant_of(time), notice.now, tried_for=TRIED_FOR)
        events = read_json(notice.body)
        if not isinstance(events, list) or len(events) > MOST_EVENTS:
            raise RefusedNoticeError("it is no list of events")
        found = []
        for event in events:
            report = _report(event) if isinstance(event, dict) else None
            if report is not None:
                key = words(event, "sg_event_id") or as_data(event).decode()
                found.append(
                    ProviderEvent(
                        key=f"{NAME}:{words(event, 'event')}:{words(event, 'email')}:{key}",
                        report=report,
                        data=as_data(event),
                    )
                )
        return found

    def _verify(self, signed: bytes, signature: str) -> None:
        from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.serialization import load_der_public_key

        try:
            key = load_der_public_key(base64.b64decode(self.public_key))
        except (ValueError, UnsupportedAlgorithm):
            raise RefusedNoticeError("inbound.webhooks.sendgrid_key is no public key") from None
        if not isinstance(key, EllipticCurvePublicKey):
            raise RefusedNoticeError("inbound.webhooks.sendgrid_key is no key for ECDSA")
        try:
            key.verify(base64.b64decode(signature, validate=True), signed, ECDSA(SHA256()))
        except (InvalidSignature, binascii.Error, ValueError):
            raise RefusedNoticeError("its signature is wrong") from None


def _report(event: dict[str, Any]) -> InboundReport | None:
    kind, address = words(event, "event"), words(event, "email")
    reason = words(event, "reason")
    names = said.named(ids=(words(event, "smtp-id"),))
    if kind == "spamreport" or (kind == "dropped" and reason == "Spam Reporting Address"):
        return said.complaint(NAME, names, [address])
    if kind in ("unsubscribe", "group_unsubscribe") or (
        kind == "dropped" and reason == "Unsubscribed Address"
    ):
        return said.wish_to_leave(NAME, names, address)
    if kind == "dropped":
        meaning = next((means for start, means in DROPPED.items() if reason.startswith(start)), "")
        return said.bounce(NAME, names, address, diagnostic=reason, meaning=meaning)
    if kind != "bounce":
        return None
    meaning = CLASSES.get(words(event, "bounce_classification"), "")
    if not meaning and words(event, "type") == "bounce" and "bounce_classification" not in event:
        meaning = said.NO_SUCH_MAILBOX  # of earlier days: “blocked” is the other type
    return said.bounce(
        NAME, names, address, status=words(event, "status"), diagnostic=reason, meaning=meaning
    )
