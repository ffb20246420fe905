"""Makes an inbound report of what a provider says of one mail."""

from __future__ import annotations

from collections.abc import Iterable

from newsletter.core.mail.inbound import FailedRecipient, InboundClass, InboundReport, NamedDelivery
from newsletter.inbound.addresses import find_addresses, first_address
from newsletter.inbound.failures import failed_recipient
from newsletter.inbound.names import message_ids
from newsletter.inbound.parse import LONGEST_SUBJECT

# What a provider means by a kind of its own, in words that the table of replies knows. They count only where
# the quoted answer of the recipient's server says nothing.
NO_SUCH_MAILBOX = "no such user"
BAD_ADDRESS = "address syntax is invalid"
SUPPRESSED = "address is on the suppression list"
FULL = "mailbox full"
SPAM = "message refused as spam"
VIRUS = "message contains a virus"
TOO_LARGE = "message size exceeds limit"
NO_DOMAIN = "domain not found"


def named(*, ids: Iterable[str] = (), senders: Iterable[str] = ()) -> NamedDelivery:
    """What names the delivery. ids: Message-IDs, in brackets or not. senders: addresses of the envelope."""
    found = [each for text in ids for each in message_ids(text)]
    return NamedDelivery(
        message_ids=tuple(dict.fromkeys(found)),
        return_paths=tuple(dict.fromkeys(find_addresses(" ".join(senders)))),
    )


def bounce(
    provider: str,
    names: NamedDelivery,
    address: str,
    *,
    status: str = "",
    diagnostic: str = "",
    meaning: str = "",
    subject: str = "",
) -> InboundReport | None:
    """A mail that was not delivered; None when no address is named.

    diagnostic: the answer of the recipient's server. meaning: of the provider's own kind, see above.
    """
    found = first_address(address)
    if not found:
        return None
    # Who knows that there is no such mailbox heard it as the reply to RCPT, though a bare "user unknown"
    # without that knowledge may be a filter's.
    heard = "RCPT TO" if meaning == NO_SUCH_MAILBOX else ""
    failed = failed_recipient(found, status=status, diagnostic=diagnostic, context=meaning, transcript=heard)
    return of_recipients(provider, names, [failed], subject=subject)


def of_recipients(
    provider: str, names: NamedDelivery, failed: Iterable[FailedRecipient], *, subject: str = ""
) -> InboundReport:
    """A bounce of several recipients."""
    return InboundReport(
        kind=InboundClass.BOUNCE,
        form=provider,
        recipients=tuple(failed),
        subject=_one_line(subject),
        names=names,
    )


def complaint(
    provider: str,
    names: NamedDelivery,
    addresses: Iterable[str],
    *,
    feedback: str = "abuse",
    subject: str = "",
) -> InboundReport | None:
    """A reader pressed “spam”; None when no address is named."""
    concerned = tuple(filter(None, map(first_address, addresses)))
    if not concerned:
        return None
    return InboundReport(
        kind=InboundClass.COMPLAINT,
        form=provider,
        concerned=concerned,
        feedback=feedback,
        subject=_one_line(subject),
        names=names,
    )


def wish_to_leave(
    provider: str, names: NamedDelivery, address: str, *, subject: str = ""
) -> InboundReport | None:
    """A reader left through the provider; None when no address is named."""
    found = first_address(address)
    if not found:
        return None
    return InboundReport(
        kind=InboundClass.UNSUBSCRIBE,
        form=provider,
        concerned=(found,),
        sender=found,
        subject=_one_line(subject),
        names=names,
    )


def _one_line(subject: str) -> str:
    return "".join(c if c.isprintable() else " " for c in subject)[:LONGEST_SUBJECT]
