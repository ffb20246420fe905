"""Defines what comes back by mail as values: bounces, complaints, replies, reports, and what they name.

It reads no message: `newsletter.inbound` does. Nothing here is verified; the caller checks signed ids.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from newsletter.core.mail.reply_verdict import About, Reason, ReplyKind, ReplyVerdict


class InboundClass(StrEnum):
    """What a message that came back is. docs/explanation/what-comes-back.md describes each."""

    BOUNCE = "bounce"  # at least one recipient did not get the message, for good
    COMPLAINT = "complaint"  # a reader pressed "spam", or asked a provider to leave (RFC 5965)
    AUTO_REPLY = "auto-reply"  # a vacation reply, a challenge, or another answer of a program (RFC 3834)
    UNSUBSCRIBE = "unsubscribe"  # a reader asks by mail to leave
    DELIVERY_REPORT = "delivery-report"  # delivered, relayed or still tried: nobody failed
    OTHER = "other"  # anything else, and what cannot be read


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedRecipient:
    """One recipient who did not get the message, and why."""

    address: str  # where it failed (RFC 3464's Final-Recipient); never empty
    original: str = ""  # as we mailed to it, when it was forwarded (Original-Recipient); empty: the same
    status: str = ""  # RFC 3463, "5.1.1"; empty: neither given nor found in the words
    code: int | None = None  # the SMTP reply code that the report quotes
    diagnostic: str = ""  # the words, on one line, printable, at most 500 characters
    verdict: ReplyVerdict

    @property
    def kind(self) -> ReplyKind:
        """hard, soft or ours: the same three as of a reply at SMTP time."""
        return self.verdict.kind

    @property
    def reason(self) -> Reason:
        """Why, in a word of the same list as a reply's."""
        return self.verdict.reason

    @property
    def about(self) -> About:
        """Whom the failure is about."""
        return self.verdict.about


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedDelivery:
    """What a message says of the delivery that it is about, surest first. All of it is unverified text."""

    envelope_ids: tuple[str, ...] = ()  # Original-Envelope-Id of the report's own part (RFC 3464, 2.2.1)
    return_paths: tuple[str, ...] = ()  # addresses that the report was sent to, or the mail was sent from
    headers: tuple[tuple[str, str], ...] = ()  # (name in lower case, value) of the returned message
    message_ids: tuple[
        str, ...
    ] = ()  # without brackets: the returned message's, then In-Reply-To, References

    def header(self, name: str) -> str:
        """The first value of a header of the returned message; empty when there is none."""
        return next((value for key, value in self.headers if key == name.lower()), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundReport:
    """One message that came back, read."""

    kind: InboundClass
    form: str  # the form that it was recognised by: "rfc3464", "qmail", "arf", …; empty for other
    recipients: tuple[FailedRecipient, ...] = ()  # only of a bounce, an address once
    concerned: tuple[str, ...] = ()  # who complains, or whose mail was delivered or is delayed
    action: str = ""  # of a delivery report: delivered, relayed, expanded, delayed
    feedback: str = ""  # of a complaint, its type: abuse, opt-out, fraud, … (RFC 5965, 7.3)
    why: str = ""  # of `other`: what it is, or why it could not be read
    sender: str = ""  # address in From: the reader, where a person wrote
    subject: str = ""  # printable, at most 200 characters
    message_id: str = ""  # of the message itself, without brackets; may be missing or forged
    names: NamedDelivery = NamedDelivery()

    @property
    def failed(self) -> bool:
        """Whether somebody did not get the message."""
        return self.kind is InboundClass.BOUNCE
