"""Says what messages to typed addresses, and requests, are counted by. Counts nothing and sends nothing."""

from __future__ import annotations

from newsletter.pipeline.readers.policy import ReaderPolicy, RequestLimits
from subscribers import addresses, counting
from subscribers.limits import CountedBy, multiplied
from subscribers.suppression_key import hashed


def by_client(client: str, limits: RequestLimits, policy: ReaderPolicy) -> list[CountedBy]:
    """The counts of a request: its network address, and the wider networks around it."""
    rates = limits.per_client
    return [
        CountedBy(rates=rates, scope="client", identifier=hashed_client(client, policy)),
        *(
            CountedBy(
                rates=multiplied(rates, factor), scope="network", identifier=hashed_client(network, policy)
            )
            for network, factor in counting.wider_networks(client)
        ),
    ]


def by_address(address: str, limits: RequestLimits, policy: ReaderPolicy) -> list[CountedBy]:
    """The counts of a message to an address that anybody may have typed: its mailbox."""
    return [
        CountedBy(
            rates=multiplied(limits.per_address, factor),
            scope="address",
            identifier=hashed(mailbox, policy.suppression_key),
        )
        for mailbox, factor in counting.mailboxes(addresses.parse(address).key)
    ]


def of_newsletter(limits: RequestLimits) -> list[CountedBy]:
    """The count of messages to people who have not confirmed, for the whole newsletter."""
    return [CountedBy(rates=limits.unconfirmed, scope="unconfirmed", identifier="all")]


def hashed_client(client: str, policy: ReaderPolicy) -> str:
    """The keyed hash of a network address, for limits and the consent ledger."""
    return hashed(f"client {client}", policy.suppression_key)
