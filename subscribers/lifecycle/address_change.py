"""Moves a subscriber to a new address, once the new address has confirmed. Mails nothing.

Until then the new address is a pending person of its own, with the same limits and the same purge. The old
address knows about the change: the link to it was mailed there.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, update

from subscribers import addresses, consent
from subscribers.consent import ConsentChange, EventKind
from subscribers.errors import SubscriberError, SuppressedError
from subscribers.lifecycle import signup, strikes, suppression
from subscribers.lifecycle.purge import remove_person
from subscribers.preferences import as_columns
from subscribers.queries import State, SubscriberView, by_id, by_ref, subscribers


def ask(
    connection: Connection,
    *,
    subscriber_id: int,
    address: str,
    known_topics: Collection[str],
    now: datetime,
    suppression_key: bytes,
) -> SubscriberView | None:
    """Add a pending person at the new address; None when the address is in use or may not be mailed.

    Raises AddressError, and SubscriberError for a reader who is not confirmed.
    """
    person = by_id(connection, subscriber_id, lock=True)
    if person.state is not State.CONFIRMED:
        raise SubscriberError("this address gets no mail now", hint="Sign up with the new address.")
    given = {name: value for name, value in as_columns(person.preferences).items() if value is not None}
    try:
        newcomer = signup.add(
            connection,
            address=address,
            topics_wanted=[topic for topic in person.topics if topic in known_topics],
            known_topics=known_topics,
            given=given,
            confirmed=False,
            how="web",
            now=now,
            suppression_key=suppression_key,
            defaults=person.preferences,
            default_topics=person.topics,
            origin={"move": True, "of": person.ref},
        ).person
    except SuppressedError:
        return None
    return newcomer if newcomer.state is State.PENDING else None


def move(
    connection: Connection, *, ref: str, to_ref: str, now: datetime, suppression_key: bytes
) -> tuple[SubscriberView, bool]:
    """Move the reader `ref` to the address of the pending person `to_ref`, who consents with this call.

    Returns the reader, and whether they moved now: a repeat changes nothing. The reader keeps topics,
    preferences and deliveries. Raises SubscriberError when the move is not possible any more.
    """
    reader = by_ref(connection, ref, lock=True)
    newcomer = by_ref(connection, to_ref, lock=True)
    if reader is not None and has_moved(connection, reader, to_ref):
        return reader, False
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
    strikes.clear(connection, [reader.id])  # they were the old mailbox's
    connection.execute(
        update(subscribers)
        .where(subscribers.c.id == reader.id)
        .values(address=address.address, address_key=address.key, version=subscribers.c.version + 1)
    )
    moved = ConsentChange(what=EventKind.MOVED, detail={"to": to_ref})
    consent.record(connection, [(reader.id, moved)], how="web", now=now)
    return by_id(connection, reader.id), True


def has_moved(connection: Connection, reader: SubscriberView, to_ref: str) -> bool:
    """Whether the reader's last move was to the address of the pending person `to_ref`."""
    last = consent.last(connection, reader.id, [EventKind.MOVED])
    return last is not None and last.detail.get("to") == to_ref
