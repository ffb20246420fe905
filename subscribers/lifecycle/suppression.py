"""Suppresses addresses, lifts suppressions, and erases people. Does not judge refusals or bounces.

Addresses are stored as keyed hashes (HMAC-SHA256). A suppression beats every state and survives erasure. The
key never rotates: with another key no address would be recognised.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from subscribers import addresses, consent, requests
from subscribers.addresses import Address
from subscribers.consent import ConsentChange, EventKind
from subscribers.errors import SubscriberError, SuppressedError
from subscribers.lifecycle import signup_choices, strikes, subscriptions
from subscribers.lifecycle.purge import remove_address_changes
from subscribers.preferences import Preferences, as_columns
from subscribers.queries import State, SubscriberView, by_id, by_keys, paged, subscribers
from subscribers.suppression_key import hashed, store_fingerprint, suppressions

REASONS = ("admin", "bounce", "complaint", "erased")
ERASED = "erased"  # erased at their own request; only their own confirmed sign-up lifts it


@dataclass(frozen=True, slots=True, kw_only=True)
class ActiveSuppression:
    """A suppression in force."""

    reason: str  # one of REASONS
    at: datetime


def in_force(
    connection: Connection, address_keys: Collection[str], *, key: bytes
) -> dict[str, ActiveSuppression]:
    """The suppressions in force, by address key. An erasure counts only where there is no other reason."""
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
    """Whether the address may not be mailed even at its owner's request: an erasure alone permits it."""
    active = in_force(connection, [address.key], key=key).get(address.key)
    return active is not None and active.reason != ERASED


def refusal(address: str, active: ActiveSuppression) -> SuppressedError:
    """The error for an attempt to add a suppressed address."""
    since = active.at.date().isoformat()
    if active.reason == ERASED:
        return SuppressedError(
            f"the person at {address} asked on {since} to be forgotten",
            reason=ERASED,
            hint="Only their own confirmed sign-up brings them back.",
        )
    return SuppressedError(
        f"{address} is suppressed since {since} ({active.reason})",
        reason=active.reason,
        hint=f"If that is wrong, run `newsletter subscribers unsuppress {address}` first.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedAddresses:
    """Addresses that a server's refusals suppressed in some time."""

    number: int
    note: str  # the server's words about the latest; no address


def refused_lately(connection: Connection, *, since: datetime, now: datetime) -> RefusedAddresses:
    """Addresses that refusals suppressed from `since` to `now`, and are still suppressed."""
    row = connection.execute(
        select(func.count().over().label("number"), suppressions.c.note)
        .where(
            suppressions.c.reason == "bounce",
            suppressions.c.lifted_at.is_(None),
            suppressions.c.at.between(since, now),
        )
        .order_by(suppressions.c.at.desc(), suppressions.c.id.desc())
        .limit(1)
    ).one_or_none()
    return RefusedAddresses(number=row.number, note=row.note) if row else RefusedAddresses(number=0, note="")


def suppress(
    connection: Connection, *, address: str, reason: str, how: str, now: datetime, key: bytes, note: str = ""
) -> SubscriberView | None:
    """Suppress an address, also one that no subscriber has. A repeat changes nothing.

    reason: admin, bounce or complaint. For an unknown one only the hash is kept. Returns the person or None.
    """
    if reason not in REASONS or reason == ERASED:
        raise SubscriberError(
            f"there is no reason {reason!r} to suppress", hint="It is admin, bounce or complaint."
        )
    wanted = addresses.parse(address)
    _insert_suppression(connection, address_key=wanted.key, reason=reason, note=note, now=now, key=key)
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
    """Lift a suppression: the person gets the earlier state back, and their topics start now.

    A person who unsubscribed in the meantime stays unsubscribed. Returns the person, if any. Raises
    SubscriberError when the address is not suppressed, SuppressedError when its owner was erased.
    """
    wanted = addresses.parse(address)
    active = in_force(connection, [wanted.key], key=key).get(wanted.key)
    if active is None:
        raise SubscriberError(
            f"{wanted.address} is not suppressed",
            hint="`newsletter subscribers list --state suppressed` shows who is.",
        )
    if active.reason == ERASED:
        raise refusal(wanted.address, active)
    lift(connection, wanted, reasons=[r for r in REASONS if r != ERASED], how=how, now=now, key=key)
    person = by_keys(connection, [wanted.key], lock=True).get(wanted.key)
    if person is None or person.state is not State.SUPPRESSED:
        return person
    strikes.clear(connection, [person.id])
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
        subscriptions.close(connection, person.id, now=now)  # topics chosen while pending
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
    """Erase a person: address, name and preferences are deleted, events stay, a keyed hash blocks imports.

    Only their own confirmed sign-up lifts that. A repeat changes nothing.
    """
    person = by_id(connection, subscriber_id, lock=True)
    if person.state is State.ERASED:
        return person
    address_key = addresses.parse(person.address).key
    _insert_suppression(connection, address_key=address_key, reason=ERASED, note="", now=now, key=key)
    connection.execute(  # a server's words, or an admin's, may name the person
        update(suppressions).where(suppressions.c.address_hash == hashed(address_key, key)).values(note="")
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
    strikes.clear(connection, [person.id])
    signup_choices.remove(connection, person.id)
    requests.delete_of(connection, person.address)
    remove_address_changes(connection, person.ref)
    event = ConsentChange(what=EventKind.ERASED, topics=person.topics, detail={"from": str(person.state)})
    consent.record(connection, [(person.id, event)], how=how, now=now)
    return by_id(connection, person.id)


def _insert_suppression(
    connection: Connection, *, address_key: str, reason: str, note: str, now: datetime, key: bytes
) -> None:
    store_fingerprint(connection, key, now=now)
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
