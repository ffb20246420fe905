"""Adds people and confirms them, and stores decided transitions. Never commits.

`subscribers.lifecycle.transitions` decides what a request changes. Leaving, suppression and rosters have
modules of their own.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from subscribers import addresses, consent, topic_slugs
from subscribers.consent import ConsentChange, EventKind
from subscribers.errors import SubscriberError
from subscribers.lifecycle import subscriptions, suppression
from subscribers.lifecycle.transitions import ChangeRequest, Transition, decide
from subscribers.preferences import Preferences, as_columns
from subscribers.queries import State, SubscriberView, by_id, by_keys, paged, subscribers
from subscribers.sql import insert_unless_there
from subscribers.tokens import random_id


@dataclass(frozen=True, slots=True, kw_only=True)
class SignupResult:
    """The result of `add`."""

    person: SubscriberView  # after the change
    what: str  # added, updated, unchanged
    starts: bool  # consent began with this call
    first: bool  # and it is their first consent


def add(
    connection: Connection,
    *,
    address: str,
    topics_wanted: Sequence[str],
    known_topics: Collection[str],
    given: Mapping[str, object],
    confirmed: bool,
    how: str,
    now: datetime,
    suppression_key: bytes,
    defaults: Preferences,
    default_topics: tuple[str, ...],
    name: str = "",
    origin: Mapping[str, Any] | None = None,
) -> SignupResult:
    """Add a person, or give a known one more topics and other preferences.

    address: `a@b` or `Name <a@b>`. given: preferences by name, as typed; absent ones keep their value or get
    the default. confirmed: an admin says that consent was given elsewhere; this also brings back people who
    unsubscribed. Without it the person is pending. how: admin, or web for the person's own request, which
    changes nothing for a confirmed person. origin: goes into the consent ledger (form, method, and the client
    as a keyed hash).

    Raises AddressError, UnknownTopicError, PreferenceError; SuppressedError for an address that may not be
    mailed, and for an erased person unless how is web.
    """
    request = ChangeRequest(
        address=addresses.parse(address),
        name=addresses.clean_name(name),
        topics=topic_slugs.checked(topics_wanted, known_topics),
        given=given,
        confirmed=confirmed,
        origin=origin or {},
    )
    key = request.address.key
    active = suppression.in_force(connection, [key], key=suppression_key).get(key)
    if active is not None and not (active.reason == suppression.ERASED and how == "web"):
        raise suppression.refusal(request.address.address, active)
    # Two attempts: if another process adds the same address in between, the second one finds the person.
    for _ in range(2):
        person = by_keys(connection, [key], lock=True).get(key)
        transition = decide(
            person, request, how=how, now=now, defaults=defaults, default_topics=default_topics
        )
        if transition is None and person is not None:
            return SignupResult(person=person, what="unchanged", starts=False, first=False)
        assert transition is not None
        subscriber_id = apply_transitions(connection, [transition], how=how, now=now).get(key)
        if subscriber_id is not None:
            return SignupResult(
                person=by_id(connection, subscriber_id),
                what="added" if person is None else "updated",
                starts=transition.starts,
                first=transition.starts and (person is None or person.confirmed_at is None),
            )
    raise SubscriberError("somebody else is adding the same address", hint="Try again.")


def confirm(
    connection: Connection,
    *,
    subscriber_id: int,
    how: str,
    now: datetime,
    suppression_key: bytes,
    asked_at: datetime | None = None,
    origin: Mapping[str, Any] | None = None,
) -> tuple[SubscriberView, bool]:
    """Confirm a pending person: their topics start now, and an earlier erasure is lifted.

    asked_at: when their link was signed. origin: for the consent ledger. Returns the person, and whether they
    consented with this call: a repeat changes nothing. Raises SubscriberError when nothing can be confirmed
    any more, or when the link was used before.
    """
    person = by_id(connection, subscriber_id, lock=True)
    if person.state is State.CONFIRMED:
        return person, False
    used = consent.last_at(connection, person.id, [EventKind.CONFIRMED, EventKind.UNSUBSCRIBED])
    is_used = asked_at is not None and used is not None and used.replace(microsecond=0) > asked_at
    if person.state is not State.PENDING or is_used:
        raise SubscriberError(
            "there is nothing to confirm here any more", hint="Sign up again to get the newsletter."
        )
    # Another process may have suppressed the address meanwhile; the state does not show that.
    if suppression.forbids(connection, addresses.parse(person.address), key=suppression_key):
        raise SubscriberError("this address is not mailed", hint="Sign up with another one.")
    connection.execute(
        update(subscribers)
        .where(subscribers.c.id == person.id)
        .values(
            state=State.CONFIRMED,
            confirmed_at=person.confirmed_at or now,
            slots_done_to=now,
            cadence_since=now,
            version=subscribers.c.version + 1,
        )
    )
    subscriptions.confirm(connection, [person.id], now=now)
    suppression.lift(
        connection,
        addresses.parse(person.address),
        reasons=[suppression.ERASED],
        how=how,
        now=now,
        key=suppression_key,
    )
    agreed = ConsentChange(what=EventKind.CONFIRMED, topics=person.topics, detail=origin or {})
    consent.record(connection, [(person.id, agreed)], how=how, now=now)
    return by_id(connection, person.id), True


def apply_transitions(
    connection: Connection, transitions: Sequence[Transition], *, how: str, now: datetime
) -> dict[str, int]:
    """Store decided transitions together; returns the ids by address key.

    A new person whom another process added in between is missing there, and nothing was stored for them.
    """
    ids = {
        transition.key: transition.before.id for transition in transitions if transition.before is not None
    }
    ids |= _insert(
        connection, [transition for transition in transitions if transition.before is None], now=now
    )
    done = [transition for transition in transitions if transition.key in ids]
    _update(connection, [transition for transition in done if transition.before is not None])
    subscriptions.confirm(
        connection,
        [ids[transition.key] for transition in done if transition.starts and transition.before is not None],
        now=now,
    )
    subscriptions.open_(
        connection,
        (
            (ids[transition.key], topic, now if transition.state is State.CONFIRMED else None)
            for transition in done
            for topic in transition.follow
        ),
    )
    consent.record(
        connection,
        ((ids[transition.key], event) for transition in done for event in transition.events),
        how=how,
        now=now,
    )
    return ids


def _insert(connection: Connection, transitions: Sequence[Transition], *, now: datetime) -> dict[str, int]:
    if not transitions:
        return {}
    rows = [
        {
            "ref": random_id(),
            "leave_id": random_id(),
            "address": transition.address,
            "address_key": transition.key,
            "created_at": now,
            "version": 1,
            **_columns(transition),
        }
        for transition in transitions
    ]
    connection.execute(insert_unless_there(connection, subscribers, unique="address_key"), rows)
    ids: dict[str, int] = {}
    for page in paged([str(row["ref"]) for row in rows]):  # by ref, which only our own rows have
        found = select(subscribers.c.address_key, subscribers.c.id).where(subscribers.c.ref.in_(page))
        ids |= {row.address_key: row.id for row in connection.execute(found)}
    return ids


def _update(connection: Connection, transitions: Sequence[Transition]) -> None:
    if not transitions:
        return
    rows = [
        {
            "known_id": transition.before.id,
            **{f"new_{name}": value for name, value in _columns(transition).items()},
        }
        for transition in transitions
        if transition.before is not None
    ]
    values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in _columns(transitions[0])}
    connection.execute(
        update(subscribers)
        .where(subscribers.c.id == bindparam("known_id"))
        .values({**values, "version": subscribers.c.version + 1}),
        rows,
    )


def _columns(transition: Transition) -> dict[str, object]:
    return {
        "state": str(transition.state),
        "name": transition.name,
        **as_columns(transition.preferences),
        "slots_done_to": transition.slots_done_to,
        "cadence_since": transition.cadence_since,
        "confirmed_at": transition.confirmed_at,
    }
