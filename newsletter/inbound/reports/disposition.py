"""Reads disposition notifications (RFC 8098): read receipts, and the refusals of Sieve and Dovecot."""

from __future__ import annotations

import re
from dataclasses import dataclass

from newsletter.inbound.addresses import first_address, typed_address
from newsletter.inbound.message import InboundMessage, read_header

TYPE = "message/disposition-notification"
_REFUSED = re.compile(
    r"automatically rejected|was rejected|has been (?:rejected|refused)|refused", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Disposition:
    """What became of a message behind its delivery."""

    action: str  # displayed, deleted, …
    recipient: str
    is_refusal: bool  # nobody will see the message (RFC 5429, section 2.1)


def read_disposition(message: InboundMessage) -> Disposition | None:
    """The notification that a message is; None when it is none."""
    parts = message.of_type(TYPE)
    if not parts:
        return None
    block = read_header(re.sub(rb"\n+", b"\n", parts[0].text.encode("utf-8", "replace")))
    done = block.get("disposition").rpartition(";")[2].strip().lower()
    action = (re.match(r"[a-z]+", done) or [""])[0]
    recipient = typed_address(block.get("final-recipient")) or typed_address(block.get("original-recipient"))
    refused = action in ("deleted", "denied", "failed") and _REFUSED.search(message.text) is not None
    return Disposition(action or "displayed", recipient or first_address(message.text), refused)
