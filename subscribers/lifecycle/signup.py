"""Signing up: adds people and confirms them.

Never commits. What a request changes is decided in `subscribers.lifecycle.transitions`. Leaving, suppression
and rosters are elsewhere.
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
    """What `add` did."""

    person: SubscriberView  # as they stand now
    what: str  # added, updated, unchanged
    starts: bool  # consent is new with this
    first: bool  # and they had never been confirmed before


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
    """Add a person, or give one who is there more topics and other preferences.

    address: `a@b` or `Name <a@b>`. given: preferences by name, as typed; what is absent stays, or is the
    default. confirmed: consent was given elsewhere, says the admin; without it the person is pending. An
    admin's word also brings back who has unsubscribed. how: admin, or web for the person's own request,
    which changes nothing of who is confirmed. origin: what the consent ledger keeps of the request (which
    form, which method, from where as a keyed hash).

    Raises AddressError, UnknownTopicError, PreferenceError; SuppressedError for an address that may not be
    mailed and, unless they ask themselves, for somebody who asked to be forgotten.
    """
    wish = ChangeRequest(
        address=addresses.parse(address),
        name=addresses.clean_name(name),
        topics=topic_slugs.checked(topics_wanted, known_topics),
        given=given,
        confirmed=confirmed,
        origin=origin or {},
    )
    key = wish.address.key
    standing = suppression.in_force(connection, [key], key=suppression_key).get(key)
    if standing is not None and not (standing.reason == suppression.ERASED and how == "web"):
        raise suppression.refusal(wish.address.address, standing)
    # Twice at most: when another process adds the same address in between, they are there the second time.
    for _ in range(2):
        person = by_keys(connection, [key], lock=True).get(key)
        step = decide(person, wish, how=how, now=now, defaults=defaults, default_topics=default_topics)
        if step is None and person is not None:
            return SignupResult(person=person, what="unchanged", starts=False, first=False)
        assert step is not None
        subscriber_id = apply_transitions(connection, [step], how=how, now=now).get(key)
        if subscriber_id is not None:
            return SignupResult(
                person=by_id(connection, subscriber_id),
                what="added" if person is None else "updated",
                starts=step.starts,
                first=step.starts and (person is None or person.confirmed_at is None),
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
    """A pending person consents: what they asked for starts now, and an erasure of theirs is lifted.

    asked_at: when the link was signed that they follow. origin: for the consent ledger. Returns the person,
    and whether they consented with this call: a repeat changes nothing. Raises SubscriberError when there is
    nothing to confirm any more, or when the link was used before: each works once.
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
    # Suppressed by another process while the sign-up was being stored: the state does not show it.
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
    connection: Connection, steps: Sequence[Transition], *, how: str, now: datetime
) -> dict[str, int]:
    """Store decided steps, many at a time. Returns the ids by address key; a newcomer whom somebody else
    added in between is missing from it, and nothing of them was stored."""
    ids = {step.key: step.before.id for step in steps if step.before is not None}
    ids |= _insert(connection, [step for step in steps if step.before is None], now=now)
    done = [step for step in steps if step.key in ids]
    _update(connection, [step for step in done if step.before is not None])
    subscriptions.confirm(
        connection, [ids[step.key] for step in done if step.starts and step.before is not None], now=now
    )
    subscriptions.open_(
        connection,
        (
            (ids[step.key], topic, now if step.state is State.CONFIRMED else None)
            for step in done
            for topic in step.follow
        ),
    )
    consent.record(
        connection, ((ids[step.key], event) for step in done for event in step.events), how=how, now=now
    )
    return ids


def _insert(connection: Connection, steps: Sequence[Transition], *, now: datetime) -> dict[str, int]:
    if not steps:
        return {}
    rows = [
        {
            "ref": random_id(),
            "leave_id": random_id(),
            "address": step.address,
            "address_key": step.key,
            "created_at": now,
            "version": 1,
            **_columns(step),
        }
        for step in steps
    ]
    connection.execute(insert_unless_there(connection, subscribers, unique="address_key"), rows)
    ids: dict[str, int] = {}
    for page in paged([str(row["ref"]) for row in rows]):  # ours only: a ref is nobody else's
        found = select(subscribers.c.address_key, subscribers.c.id).where(subscribers.c.ref.in_(page))
        ids |= {row.address_key: row.id for row in connection.execute(found)}
    return ids


def _update(connection: Connection, steps: Sequence[Transition]) -> None:
    if not steps:
        return
    rows = [
        {"known_id": step.before.id, **{f"new_{name}": value for name, value in _columns(step).items()}}
        for step in steps
        if step.before is not None
    ]
    values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in _columns(steps[0])}
    connection.execute(
        update(subscribers)
        .where(subscribers.c.id == bindparam("known_id"))
        .values({**values, "version": subscribers.c.version + 1}),
        rows,
    )


def _columns(step: Transition) -> dict[str, object]:
    return {
        "state": str(step.state),
        "name": step.name,
        **as_columns(step.preferences),
        "slots_done_to": step.slots_done_to,
        "cadence_since": step.cadence_since,
        "confirmed_at": step.confirmed_at,
    }
