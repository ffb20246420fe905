"""Reads webhooks of Postmark, which know a secret; it signs nothing.

https://postmarkapp.com/developer/webhooks/bounce-webhook
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from newsletter.core.mail.inbound import InboundReport
from newsletter.inbound.intakes.webhooks import said
from newsletter.inbound.intakes.webhooks.hook import (
    PostedNotice,
    ProviderEvent,
    as_data,
    check_secret,
    read_object,
    words,
)

NAME = "postmark"
# What is not here is no failure of the recipient: still tried, an answer of a program, or our own fault.
BOUNCES = {
    "HardBounce": said.NO_SUCH_MAILBOX,
    "BadEmailAddress": said.BAD_ADDRESS,
    "ManuallyDeactivated": said.SUPPRESSED,
    "SoftBounce": "",
    "DnsError": "",
    "Undeliverable": "",
    "Unknown": "",
    "Blocked": "",
    "DMARCPolicy": "",
    "SpamNotification": said.SPAM,
    "VirusNotification": said.VIRUS,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PostmarkHook:
    """The webhook of one Postmark server."""

    secret: str = field(repr=False)
    refusal: int = 403  # any 4xx is final there

    def events(self, notice: PostedNotice) -> Sequence[ProviderEvent]:
        """See Hook."""
        check_secret(notice, self.secret)
        event = read_object(notice.body)
        report = _report(event)
        if report is None:
            return ()
        what = ":".join((words(event, "RecordType"), words(event, "ID"), words(event, "MessageID")))
        key = f"{NAME}:{what}:{words(event, 'ChangedAt')}"
        return (ProviderEvent(key=key, report=report, data=as_data(event)),)


def _report(event: dict[str, Any]) -> InboundReport | None:
    kind, address, subject = (words(event, name) for name in ("RecordType", "Email", "Subject"))
    # With the header X-PM-KeepID our Message-ID stays, and comes back in the message that is dumped.
    names = said.named(ids=(_own_message_id(event),), senders=(words(event, "From"),))
    if kind == "SpamComplaint" or (kind == "Bounce" and words(event, "Type") == "SpamComplaint"):
        return said.complaint(NAME, names, [address], subject=subject)
    if kind == "SubscriptionChange":
        if event.get("SuppressSending") is not True:
            return None
        address, reason = words(event, "Recipient"), words(event, "SuppressionReason")
        if reason == "SpamComplaint":
            return said.complaint(NAME, names, [address])
        if reason == "HardBounce":
            return None  # the bounce itself has come
        return said.wish_to_leave(NAME, names, address) if words(event, "Origin") == "Recipient" else None
    type_ = words(event, "Type")
    if kind == "Bounce" and type_ == "Unsubscribe":
        return said.wish_to_leave(NAME, names, address, subject=subject)
    if kind != "Bounce" or type_ not in BOUNCES:
        return None
    return said.bounce(
        NAME,
        names,
        address,
        diagnostic=words(event, "Details"),
        meaning=BOUNCES[type_],
        subject=subject,
    )


def _own_message_id(event: dict[str, Any]) -> str:
    for line in words(event, "Content").splitlines():
        if line.lower().startswith("message-id:"):
            return line.partition(":")[2].strip()
    return ""
