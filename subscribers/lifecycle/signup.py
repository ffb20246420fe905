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
from subscribers.lifecycle import signup_choices, subscriptions, suppression
from subscribers.lifecycle.signup_choices import AskedChoice
from subscribers.lifecycle.transitions import ChangeRequest, Transition, decide
from subscribers.preference_history import OLD_VALUES
from subscribers.preferences import Preferences, as_columns, changed
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
    asked: AskedChoice | None = None  # of a pending person: what their confirmation would begin


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
    for_move: bool = False,
) -> SignupResult:
    """Add a person, or give a known one more topics and other preferences.

    address: `a@b` or `Name <a@b>`. given: preferences by name, as typed; absent ones keep their value or get
    the default. confirmed: an admin says that consent was given elsewhere; this also brings back people who
    unsubscribed. Without it the person is pending, and what is asked for is stored as a choice of its own,
    which a confirmation link carries. how: admin, or web for the public form, where anybody can type any
    address: nothing of it stands on the person before they confirm. origin: goes into the consent ledger
    (form, method, and the client as a keyed hash). for_move: the person is only a new address of a reader.

    Raises AddressError, NameRefusedError, UnknownTopicError, PreferenceError; SuppressedError for an address
    that may not be mailed, and for an erased person unless how is web.
    """
    parsed = addresses.parse(address)
    request = ChangeRequest(
        address=parsed,
        name=addresses.checked_name(name or parsed.name, address=parsed.address),
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
            after, what, starts = person, "unchanged", False
        else:
            assert transition is not None
            subscriber_id = apply_transitions(connection, [transition], how=how, now=now).get(key)
            if subscriber_id is None:
                continue
            after, starts = by_id(connection, subscriber_id), transition.starts
            what = "added" if person is None else "updated"
        asked = None
        if after.state is State.PENDING and not for_move:
            by_form = how == "web"
            # Of the form alone: what others typed before must not come along with it.
            before = defaults if by_form and after.confirmed_at is None else after.preferences
            asked = signup_choices.store(
                connection,
                after.id,
                name=request.name if by_form else request.name or after.name,
                topics=(request.topics or default_topics) if by_form else after.topics,
                preferences=changed(before, given),
                origin=request.origin,
                now=now,
            )
        first = starts and (person is None or person.confirmed_at is None)
        return SignupResult(person=after, what=what, starts=starts, first=first, asked=asked)
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
    chosen: AskedChoice | None = None,
) -> tuple[SubscriberView, bool]:
    """Confirm a pending person: their topics start now, and an earlier erasure is lifted.

    asked_at: when their link was signed. origin: for the consent ledger. chosen: exactly this holds from now
    on; None: the topics, preferences and name that an admin stored. Returns the person, and whether they
    consented with this call: a repeat changes nothing. Raises SubscriberError when nothing can be confirmed
    any more, or when the link was used before.
    """
    person = by_id(connection, subscriber_id, lock=True)
    if person.state is State.CONFIRMED:
        return person, False
    used = consent.last_at(connection, person.id, [EventKind.CONFIRMED, EventKind.UNSUBSCRIBED])
    is_used = asked_at is not None and used is not None and used.replace(microsecond=0) > asked_at
    nothing = SubscriberError(
        "there is nothing to confirm here any more", hint="Sign up again to get the newsletter."
    )
    if person.state is not State.PENDING or is_used:
        raise nothing
    # Another process may have suppressed the address meanwhile; the state does not show that.
    if suppression.forbids(connection, addresses.parse(person.address), key=suppression_key):
        raise SubscriberError("this address is not mailed", hint="Sign up with another one.")
    if chosen is None and not person.topics:
        raise nothing
    if chosen is not None:
        _adopt(connection, person, chosen, how=how, now=now)
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
    signup_choices.remove(connection, person.id)
    suppression.lift(
        connection,
        addresses.parse(person.address),
        reasons=[suppression.ERASED],
        how=how,
        now=now,
        key=suppression_key,
    )
    after = by_id(connection, person.id)
    detail = dict(origin or {})
    if chosen is not None and chosen.origin:
        detail["asked"] = {"at": chosen.at.isoformat(), **chosen.origin}
    agreed = ConsentChange(what=EventKind.CONFIRMED, topics=after.topics, detail=detail)
    consent.record(connection, [(person.id, agreed)], how=how, now=now)
    return after, True


def _adopt(
    connection: Connection, person: SubscriberView, chosen: AskedChoice, *, how: str, now: datetime
) -> None:
    """Give a pending person exactly what was chosen, in place of what stood there."""
    subscriptions.drop_pending(connection, person.id)
    subscriptions.open_(connection, [(person.id, topic, None) for topic in chosen.topics])
    before, after = as_columns(person.preferences), as_columns(chosen.preferences)
    connection.execute(
        update(subscribers).where(subscribers.c.id == person.id).values({**after, "name": chosen.name})
    )
    details: dict[str, Any] = {name: value for name, value in after.items() if value != before[name]}
    if details and person.confirmed_at is not None:  # earlier values explain the days before they left
        details[OLD_VALUES] = {name: before[name] for name in details}
        event = ConsentChange(what=EventKind.CHANGED, detail=details)
        consent.record(connection, [(person.id, event)], how=how, now=now)


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
