"""Moves a subscriber to a new address, once the new address has confirmed. Mails nothing.

Until then the new address is a pending person of its own, with the same limits and the same purge. The old
address knows about the change: the link to it was mailed there. A move gives the reader new ids, so that the
links in the old mailbox can only leave.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, update

from subscribers import addresses, consent
from subscribers.consent import ConsentChange, EventKind
from subscribers.errors import SubscriberError, SuppressedError
from subscribers.lifecycle import former_links, signup, strikes, suppression
from subscribers.lifecycle.purge import remove_address_changes, remove_person
from subscribers.queries import State, SubscriberView, by_id, by_ref, subscribers
from subscribers.tokens import random_id


def ask(
    connection: Connection,
    *,
    subscriber_id: int,
    address: str,
    now: datetime,
    suppression_key: bytes,
) -> SubscriberView | None:
    """Add a pending person at the new address; None when the address is in use or may not be mailed.

    Raises AddressError, and SubscriberError for a reader who is not confirmed.
    """
    person = by_id(connection, subscriber_id, lock=True)
    if person.state is not State.CONFIRMED:
        raise SubscriberError("this address gets no mail now", hint="Sign up with the new address.")
    origin = {"move": True, "of": person.ref}
    try:
        added = signup.add(
            connection,
            address=address,
            topics_wanted=(),
            known_topics=(),
            given={},
            confirmed=False,
            how="web",
            now=now,
            suppression_key=suppression_key,
            defaults=person.preferences,
            default_topics=(),
            origin=origin,
            for_move=True,
        )
    except SuppressedError:
        return None
    if added.person.state is not State.PENDING:
        return None
    if added.what == "unchanged":  # pending for another reason as well
        event = ConsentChange(what=EventKind.REQUESTED, detail=origin)
        consent.record(connection, [(added.person.id, event)], how="web", now=now)
    return added.person


def move(
    connection: Connection, *, ref: str, to_ref: str, now: datetime, suppression_key: bytes
) -> tuple[SubscriberView, bool]:
    """Move the reader `ref` to the address of the pending person `to_ref`, who consents with this call.

    Returns the reader, and whether they moved now: a repeat changes nothing. The reader keeps topics,
    preferences and deliveries. Raises SubscriberError when the move is not possible any more.
    """
    reader = by_ref(connection, ref, lock=True)
    if reader is None and (moved := moved_from(connection, ref, to_ref)) is not None:
        return moved, False
    newcomer = by_ref(connection, to_ref, lock=True)
    if (
        reader is None
        or newcomer is None
        or reader.state is not State.CONFIRMED
        or newcomer.state is not State.PENDING
        or suppression.forbids(connection, addresses.parse(newcomer.address), key=suppression_key)
    ):
        raise SubscriberError(
            "there is no change of address to confirm here any more",
            hint="Open your preferences from a mail, and ask again.",
        )
    address = addresses.parse(newcomer.address)
    suppression.lift(  # their own consent lifts it, as at sign-up
        connection, address, reasons=[suppression.ERASED], how="web", now=now, key=suppression_key
    )
    remove_person(connection, newcomer)
    remove_address_changes(connection, reader.ref)  # links to other new addresses cannot be used any more
    former_links.keep(connection, reader, now=now)
    strikes.clear(connection, [reader.id])  # they were the old mailbox's
    connection.execute(
        update(subscribers)
        .where(subscribers.c.id == reader.id)
        .values(
            address=address.address,
            address_key=address.key,
            ref=random_id(),
            leave_id=random_id(),
            version=subscribers.c.version + 1,
        )
    )
    event = ConsentChange(what=EventKind.MOVED, detail={"to": to_ref})
    consent.record(connection, [(reader.id, event)], how="web", now=now)
    return by_id(connection, reader.id), True


def moved_from(connection: Connection, ref: str, to_ref: str) -> SubscriberView | None:
    """The reader who had that ref until they moved to the address of the pending person `to_ref`."""
    former = former_links.by_ref(connection, ref)
    if former is None:
        return None
    last = consent.last(connection, former.subscriber_id, [EventKind.MOVED])
    return (
        by_id(connection, former.subscriber_id)
        if last is not None and last.detail.get("to") == to_ref
        else None
    )
