"""Suppression: addresses that may not be mailed, as keyed hashes. It beats every state and survives erasure.

The key (HMAC-SHA256, bytes) never rotates: with another one nobody on this list would be recognised.
Bounces are not judged here; whoever judges them calls `suppress`.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select, update

from subscribers import addresses, consent
from subscribers.addresses import Address
from subscribers.consent import ConsentChange, EventKind
from subscribers.errors import SubscriberError, SuppressedError
from subscribers.lifecycle import subscriptions
from subscribers.lifecycle.purge import remove_address_changes
from subscribers.preferences import Preferences, as_columns
from subscribers.queries import State, SubscriberView, by_id, by_keys, paged, subscribers
from subscribers.suppression_key import hashed, remember, suppressions

REASONS = ("admin", "bounce", "complaint", "erased")
ERASED = "erased"  # the person asked to be forgotten: lifted by their own confirmed sign-up only


@dataclass(frozen=True, slots=True, kw_only=True)
class ActiveSuppression:
    """A suppression in force."""

    reason: str  # one of REASONS
    at: datetime


def in_force(
    connection: Connection, address_keys: Collection[str], *, key: bytes
) -> dict[str, ActiveSuppression]:
    """The suppressions of these addresses, by address key. A reason that an admin can lift comes last: where
    there are several, the erasure is named only when it stands alone."""
    by_hash = {hashed(address_key, key): address_key for address_key in address_keys}
    found: dict[str, ActiveSuppression] = {}
    for page in paged(by_hash):
        rows = connection.execute(
            select(suppressions.c.address_hash, suppressions.c.reason, suppressions.c.at)
            .where(
                suppressions.c.address_hash.in_(page),
                suppressions.c.lifted_at.is_(None),
            )
            .order_by(suppressions.c.id)
        )
        for row in rows:
            address_key = by_hash[row.address_hash]
            if row.reason != ERASED or address_key not in found:
                found[address_key] = ActiveSuppression(reason=row.reason, at=row.at)
    return found


def forbids(connection: Connection, address: Address, *, key: bytes) -> bool:
    """Whether the address may not be mailed even if its owner asks: suppressed, and not by erasure alone."""
    standing = in_force(connection, [address.key], key=key).get(address.key)
    return standing is not None and standing.reason != ERASED


def refusal(address: str, standing: ActiveSuppression) -> SuppressedError:
    """The error for somebody who wants to bring in an address that may not be mailed."""
    since = standing.at.date().isoformat()
    if standing.reason == ERASED:
        return SuppressedError(
            f"the person at {address} asked on {since} to be forgotten",
            reason=ERASED,
            hint="Only their own confirmed sign-up brings them back.",
        )
    return SuppressedError(
        f"{address} is suppressed since {since} ({standing.reason})",
        reason=standing.reason,
        hint=f"If that is wrong, run `newsletter subscribers unsuppress {address}` first.",
    )


def suppress(
    connection: Connection, *, address: str, reason: str, how: str, now: datetime, key: bytes, note: str = ""
) -> SubscriberView | None:
    """Never mail this address again, whether or not anybody here has it. Repeating changes nothing.

    reason: admin, bounce or complaint. Of somebody unknown only the hash is kept. Returns the person, if any.
    """
    if reason not in REASONS or reason == ERASED:
        raise SubscriberError(
            f"there is no reason {reason!r} to suppress", hint="It is admin, bounce or complaint."
        )
    wanted = addresses.parse(address)
    _impose(connection, address_key=wanted.key, reason=reason, note=note, now=now, key=key)
    person = by_keys(connection, [wanted.key], lock=True).get(wanted.key)
    if person is None or person.state is State.SUPPRESSED:
        return person
    connection.execute(
        update(subscribers)
        .where(subscribers.c.id == person.id)
        .values(state=State.SUPPRESSED, version=subscribers.c.version + 1)
    )
    if person.state is State.CONFIRMED:
        subscriptions.close(connection, person.id, now=now)
    event = ConsentChange(
        what=EventKind.SUPPRESSED, topics=person.topics, detail={"reason": reason, "from": str(person.state)}
    )
    consent.record(connection, [(person.id, event)], how=how, now=now)
    return by_id(connection, person.id)


def unsuppress(
    connection: Connection, *, address: str, how: str, now: datetime, key: bytes
) -> SubscriberView | None:
    """Take back a wrongful suppression: the person stands where they stood, their topics starting now.

    Who asked to leave in the meantime stays out. Returns the person, if any. Raises SubscriberError when the
    address is not suppressed, SuppressedError when its owner asked to be forgotten.
    """
    wanted = addresses.parse(address)
    standing = in_force(connection, [wanted.key], key=key).get(wanted.key)
    if standing is None:
        raise SubscriberError(
            f"{wanted.address} is not suppressed",
            hint="`newsletter subscribers list --state suppressed` shows who is.",
        )
    if standing.reason == ERASED:
        raise refusal(wanted.address, standing)
    lift(connection, wanted, reasons=[r for r in REASONS if r != ERASED], how=how, now=now, key=key)
    person = by_keys(connection, [wanted.key], lock=True).get(wanted.key)
    if person is None or person.state is not State.SUPPRESSED:
        return person
    before = consent.last(connection, person.id, [EventKind.SUPPRESSED, EventKind.UNSUBSCRIBED])
    state = State.UNSUBSCRIBED
    topics: tuple[str, ...] = ()
    if before is not None and before.what is EventKind.SUPPRESSED:
        state, topics = State(before.detail.get("from", State.UNSUBSCRIBED)), before.topics
    values: dict[str, Any] = {"state": state, "version": subscribers.c.version + 1}
    if state is State.CONFIRMED:
        values |= {"slots_done_to": now, "cadence_since": now}
        subscriptions.open_(connection, [(person.id, topic, now) for topic in topics])
    elif state is State.UNSUBSCRIBED:
        subscriptions.close(connection, person.id, now=now)  # what they had asked for while pending
    connection.execute(update(subscribers).where(subscribers.c.id == person.id).values(values))
    event = ConsentChange(what=EventKind.UNSUPPRESSED, topics=tuple(topics), detail={"to": str(state)})
    consent.record(connection, [(person.id, event)], how=how, now=now)
    return by_id(connection, person.id)


def lift(
    connection: Connection, address: Address, *, reasons: Collection[str], how: str, now: datetime, key: bytes
) -> None:
    """Mark the suppressions of an address for these reasons as lifted; the record stays."""
    connection.execute(
        update(suppressions)
        .where(
            suppressions.c.address_hash == hashed(address.key, key),
            suppressions.c.reason.in_(sorted(reasons)),
            suppressions.c.lifted_at.is_(None),
        )
        .values(lifted_at=now, lifted_how=how)
    )


def forget(
    connection: Connection, *, subscriber_id: int, how: str, now: datetime, key: bytes
) -> SubscriberView:
    """Erase a person: address, name and preferences go, the events stay, and a keyed hash keeps imports out.

    Only their own confirmed sign-up lifts that. Repeating changes nothing.
    """
    person = by_id(connection, subscriber_id, lock=True)
    if person.state is State.ERASED:
        return person
    _impose(
        connection,
        address_key=addresses.parse(person.address).key,
        reason=ERASED,
        note="",
        now=now,
        key=key,
    )
    subscriptions.close(connection, person.id, now=now)
    connection.execute(
        update(subscribers)
        .where(subscribers.c.id == person.id)
        .values(
            {
                **as_columns(Preferences()),
                "address": None,
                "address_key": None,
                "name": "",
                "paused_until": None,
                "state": State.ERASED,
                "version": subscribers.c.version + 1,
            }
        )
    )
    remove_address_changes(connection, person.ref)
    event = ConsentChange(what=EventKind.ERASED, topics=person.topics, detail={"from": str(person.state)})
    consent.record(connection, [(person.id, event)], how=how, now=now)
    return by_id(connection, person.id)


def _impose(
    connection: Connection, *, address_key: str, reason: str, note: str, now: datetime, key: bytes
) -> None:
    remember(connection, key, now=now)
    address_hash = hashed(address_key, key)
    there = select(suppressions.c.id).where(
        suppressions.c.address_hash == address_hash,
        suppressions.c.reason == reason,
        suppressions.c.lifted_at.is_(None),
    )
    if connection.execute(there).first() is None:
        connection.execute(
            insert(suppressions),
            {"address_hash": address_hash, "reason": reason, "note": note.strip(), "at": now},
        )
