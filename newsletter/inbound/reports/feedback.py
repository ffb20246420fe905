"""Reads complaints: the Abuse Reporting Format (RFC 5965), and older forms of providers.

The types: https://www.iana.org/assignments/marf-parameters. `abuse` and its kin are complaints; `not-spam` says
the contrary, and `auth-failure` (RFC 6591) and `dmarc` are about forged mail: none of these is one.
"""
# ruff: noqa: E501 - a pattern is read as a whole

from __future__ import annotations

import re
from dataclasses import dataclass

from newsletter.inbound.addresses import find_addresses, first_address
from newsletter.inbound.message import HeaderFields, InboundMessage, read_header

TYPE = "message/feedback-report"
NO_COMPLAINT = frozenset({"not-spam", "auth-failure", "dmarc", "dkim", "virus"})
_OLD_SUBJECT = re.compile(
    r"^(?:complaint about message from|(?:e-?mail )?feedback report for (?:ip)?|spam complaint|abuse report (?:for|about|:))|"
    r"^(?:\[[^\]]{1,40}\] )?(?:abuse complaint|junk mail report)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Feedback:
    """One report of a provider about one message."""

    kind: str  # Feedback-Type, lower case
    recipients: tuple[str, ...]  # who complains, where the report says so
    envelope_id: str = ""
    sender: str = ""  # Original-Mail-From

    @property
    def is_complaint(self) -> bool:
        return self.kind not in NO_COMPLAINT


def read_feedback(message: InboundMessage, returned: HeaderFields) -> Feedback | None:
    """The feedback that a message reports; None when it is no such report."""
    parts = message.of_type(TYPE)
    if parts:
        block = read_header(re.sub(rb"\n+", b"\n", parts[0].text.encode("utf-8", "replace")))
        kind = re.match(r"[\w-]+", block.get("feedback-type"))
        return Feedback(
            kind[0].lower() if kind else "abuse",
            _complaining(block, returned),
            block.get("original-envelope-id"),
            first_address(block.get("original-mail-from")),
        )
    if message.report_type == "feedback-report" or "x-hmxmroriginalrecipient" in message.header:
        return Feedback("abuse", _complaining(message.header, returned))
    if _OLD_SUBJECT.search(message.header.get("subject")) and message.returned is not None:
        return Feedback("abuse", _complaining(message.header, returned))
    return None


def _complaining(block: HeaderFields, returned: HeaderFields) -> tuple[str, ...]:
    named = block.all("original-rcpt-to", "removal-recipient", "x-hmxmroriginalrecipient")
    found = find_addresses(" ".join(named)) or find_addresses(" ".join(returned.all("to", "delivered-to")))
    return tuple(found)
