"""Reads delivery status notifications: RFC 3464, and RFC 6533 for addresses that are not ASCII.

It takes the fields wherever they stand: in a part of their type, or pasted into the text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from newsletter.inbound.addresses import find_addresses, first_address, from_xtext, typed_address
from newsletter.inbound.limits import MOST_RECIPIENTS
from newsletter.inbound.message import RETURNED, HeaderFields, InboundMessage, MessagePart, read_header

TYPES = ("message/delivery-status", "message/global-delivery-status")
FAILED = "failed"
_NOT_FIELDS = RETURNED | {"text/html", "message/disposition-notification"}
_FINISHED = frozenset({"delivered", "relayed", "expanded", "deliverable"})
_ABOUT_RECIPIENT = ("final-recipient", "original-recipient", "action", "status", "diagnostic-code")
_PASTED = re.compile(r"^(?:Final|Original)-Recipient:", re.IGNORECASE | re.MULTILINE)
_BLOCK = re.compile(rb"\n(?:[ \t]*\n)+")


@dataclass(frozen=True, slots=True)
class StatusOfRecipient:
    """What a report says of one recipient (RFC 3464, 2.3)."""

    address: str
    original: str
    action: str  # failed, delayed, delivered, relayed or expanded
    status: str
    diagnostic: str


@dataclass(frozen=True, slots=True)
class DeliveryStatus:
    """A whole report."""

    envelope_id: str
    sender: str  # of the returned message, where the report names it
    recipients: tuple[StatusOfRecipient, ...]


def read_delivery_status(message: InboundMessage) -> DeliveryStatus | None:
    """The report that a message holds; None when it holds none with a recipient."""
    parts = message.of_type(*TYPES)
    blocks = [block for part in parts for block in _blocks(part)]
    if not parts:
        other = [part for part in message.parts if part.content_type not in _NOT_FIELDS]
        pasted = next((part for part in other if _PASTED.search(part.text)), None)
        if pasted is None:
            return None
        blocks = _blocks(pasted)
    envelope_id = sender = ""
    found: list[StatusOfRecipient] = []
    for block in blocks:
        envelope_id = envelope_id or block.get("original-envelope-id")
        sender = sender or typed_address(block.get("x-postfix-sender"))
        if _is_about_recipient(block) and len(found) < MOST_RECIPIENTS:
            recipient = _recipient(block, message)
            if recipient is not None:
                found.append(recipient)
    return DeliveryStatus(envelope_id, sender, tuple(found)) if found else None


def _blocks(part: MessagePart) -> list[HeaderFields]:
    """The groups of fields between empty lines. Some reports have one between each two fields of a group."""
    groups = [read_header(block) for block in _BLOCK.split(part.text.encode("utf-8", "replace"))]
    blocks: list[HeaderFields] = []
    for group in groups:
        torn = (
            blocks
            and _is_about_recipient(group)
            and _is_about_recipient(blocks[-1])
            and not any(key in blocks[-1] for key, _ in group.fields)
        )
        if torn:
            blocks[-1] = HeaderFields(blocks[-1].fields + group.fields)
        elif group:
            blocks.append(group)
    return blocks


def _is_about_recipient(block: HeaderFields) -> bool:
    return any(name in block for name in _ABOUT_RECIPIENT)


def _recipient(block: HeaderFields, message: InboundMessage) -> StatusOfRecipient | None:
    original = from_xtext(typed_address(block.get("original-recipient")))
    final = typed_address(block.get("final-recipient")) or typed_address(block.get("x-actual-recipient"))
    if "@" not in final or "." not in final.rpartition("@")[2]:
        final = original or final  # a name inside the receiving system
    address = final or original or _named_elsewhere(block, message)
    if not address:
        return None
    diagnostics = block.all("diagnostic-code")
    diagnostic = max(diagnostics, key=len) if diagnostics else ""
    return StatusOfRecipient(
        address=address,
        original=original,
        action=_action(block),
        status=block.get("status"),
        diagnostic=diagnostic or block.get("x-supplementary-info") or block.get("x-display-name"),
    )


def _named_elsewhere(block: HeaderFields, message: InboundMessage) -> str:
    """The recipient of a group that names none in the form of an address."""
    name = block.get("final-recipient").rpartition(";")[2].strip(" <>").casefold()
    told = find_addresses(message.header.get("x-failed-recipients")) + find_addresses(
        block.get("diagnostic-code")
    )
    told += find_addresses(message.text[:5000])
    fitting = [address for address in told if name and address.casefold().startswith(f"{name}@")]
    if fitting:
        return fitting[0]
    returned = message.returned
    to = first_address(read_header(returned.body.partition(b"\n\n")[0]).get("to")) if returned else ""
    return to or ("" if name else next(iter(told), ""))


def _action(block: HeaderFields) -> str:
    """One of RFC 3464's five, from Action or else from the class of Status."""
    said = re.match(r"[A-Za-z]+", block.get("action"))
    word = said[0].lower() if said else ""
    if word == "delayed":
        return word
    if word in _FINISHED:
        return "delivered" if word == "deliverable" else word
    if word:
        return FAILED  # also "failure", "expired", "error", …
    return {"2": "delivered", "4": "delayed"}.get(block.get("status")[:1], FAILED)
