"""Gathers what a message that came back says of the delivery that it is about. Nothing is verified here.

Only structured places count: never the words of a report, in which anybody can quote another reader's id.
"""

from __future__ import annotations

import re

from newsletter.core.mail.inbound import NamedDelivery
from newsletter.inbound.addresses import find_addresses
from newsletter.inbound.message import HeaderFields, InboundMessage

_MESSAGE_ID = re.compile(r"<([^\s<>]{1,250}@[^\s<>]{1,250})>")
_SENDER_IN_RECEIVED = re.compile(r"envelope-from\s+<?([^\s<>()]{1,320}@[^\s<>();]{1,255})")
_OUTER = ("delivered-to", "x-original-to", "x-envelope-to", "envelope-to", "x-rcpt-to", "to")
_KEPT = frozenset(
    {
        "subject",
        "date",
        "to",
        "delivered-to",
        "list-id",
        "list-unsubscribe",
        "feedback-id",
        "x-ses-message-id",
    }
)
_OWN = "x-newsletter"  # begins the fields of ours
MOST = 10  # values of a kind


def named_delivery(
    message: InboundMessage,
    returned: HeaderFields,
    *,
    envelope_ids: tuple[str, ...] = (),
    senders: tuple[str, ...] = (),
    ids: tuple[str, ...] = (),
) -> NamedDelivery:
    """What names the delivery.

    returned: header of the message that is reported on; empty when none is. envelope_ids, senders and
    Message-IDs (ids): those that the report's own fields gave.
    """
    paths = find_addresses(" ".join(message.header.all(*_OUTER)))
    paths += [sender for sender in senders if sender]
    paths += find_addresses(" ".join(returned.all("return-path", "x-return-path", "errors-to")))
    paths += [sender for value in returned.all("received") for sender in _SENDER_IN_RECEIVED.findall(value)]
    found = [
        *filter(None, ids),
        *message_ids(" ".join(returned.all("message-id", "x-message-id", "x-original-message-id"))),
    ]
    found += message_ids(" ".join(message.header.all("in-reply-to", "references")[:5]))
    headers = [(name, value) for name, value in returned.fields if name in _KEPT or name.startswith(_OWN)]
    return NamedDelivery(
        envelope_ids=tuple(dict.fromkeys(filter(None, envelope_ids)))[:MOST],
        return_paths=tuple(dict.fromkeys(paths))[:MOST],
        headers=tuple(headers[: MOST * 2]),
        message_ids=tuple(dict.fromkeys(found))[:MOST],
    )


def message_ids(text: str) -> list[str]:
    """The Message-IDs of a field, without brackets; one without brackets as well."""
    found: list[str] = _MESSAGE_ID.findall(text)
    bare = text.strip()
    return found or ([bare] if "@" in bare and " " not in bare and len(bare) <= 500 else [])
