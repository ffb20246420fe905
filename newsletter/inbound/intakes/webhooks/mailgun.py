"""Reads webhooks of Mailgun, which sign a time and a token (HMAC-SHA256), but not the event.

So a token acts once, whatever event comes with it.
https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/securing-webhooks
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from newsletter.core.mail.inbound import InboundReport
from newsletter.inbound.intakes.webhooks import said
from newsletter.inbound.intakes.webhooks.hook import (
    PostedNotice,
    ProviderEvent,
    RefusedNoticeError,
    as_data,
    check_age,
    instant_of,
    read_object,
    table,
    words,
)

NAME = "mailgun"
TOKEN = re.compile(r"[0-9a-zA-Z_-]{1,100}")  # they have 50 hex digits
# https://documentation.mailgun.com/docs/mailgun/user-manual/events/webhooks
TRIED_FOR = timedelta(hours=8)
BEFORE = {"suppress-bounce": said.SUPPRESSED, "605": said.SUPPRESSED}  # reason or code: it failed before
COMPLAINED = {"suppress-complaint", "607"}
LEFT = {"suppress-unsubscribe", "606"}


@dataclass(frozen=True, slots=True, kw_only=True)
class MailgunHook:
    """The webhooks of one Mailgun account."""

    key: str = field(repr=False)  # the HTTP webhook signing key
    refusal: int = 406  # the only answer but 200 that Mailgun does not repeat

    def events(self, notice: PostedNotice) -> Sequence[ProviderEvent]:
        """See Hook."""
        posted = read_object(notice.body)
        signature = table(posted, "signature")
        time, token = words(signature, "timestamp"), words(signature, "token")
        if not TOKEN.fullmatch(token) or not re.fullmatch(r"\d{1,12}", time):
            raise RefusedNoticeError("it is not signed")
        made = hmac.new(self.key.encode(), f"{time}{token}".encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(made.encode(), words(signature, "signature").lower().encode()):
            raise RefusedNoticeError("its signature is wrong")
        check_age(instant_of(time), notice.now, tried_for=TRIED_FOR)
        event = table(posted, "event-data")
        report = _report(event)
        if report is None:
            return ()
        return (ProviderEvent(key=f"{NAME}:{token}", report=report, data=as_data(event)),)


def _report(event: dict[str, Any]) -> InboundReport | None:
    kind, address = words(event, "event"), words(event, "recipient")
    subject = words(event, "message", "headers", "subject")
    names = said.named(
        ids=(words(event, "message", "headers", "message-id"),), senders=(words(event, "envelope", "sender"),)
    )
    if kind == "complained":
        return said.complaint(NAME, names, [address], subject=subject)
    if kind == "unsubscribed":
        return said.wish_to_leave(NAME, names, address, subject=subject)
    if kind != "failed" or words(event, "severity") == "temporary":
        return None
    status = table(event, "delivery-status")
    reason, code = words(event, "reason"), words(status, "code")
    if reason in COMPLAINED or code in COMPLAINED:
        return said.complaint(NAME, names, [address], subject=subject)
    if reason in LEFT or code in LEFT:
        return said.wish_to_leave(NAME, names, address, subject=subject)
    answer = words(status, "message") or words(status, "description")
    if re.fullmatch(r"[45]\d\d", code) and not answer.startswith(code):
        answer = f"{code} {answer}"
    hard = words(status, "bounce-type") != "soft" and reason in ("bounce", "hardfail")
    return said.bounce(
        NAME,
        names,
        address,
        status=words(status, "enhanced-code"),
        diagnostic=answer,
        meaning=BEFORE.get(reason) or BEFORE.get(code) or (said.NO_SUCH_MAILBOX if hard else ""),
        subject=subject,
    )
