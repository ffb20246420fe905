"""Decides what a request changes for a subscriber. No database and no clock.

A request without consent makes a pending person. Nothing that the public form asks for changes the subscriber
before its owner confirms; no unconfirmed request changes the preferences of somebody who once agreed.
`subscribers.lifecycle.signup` stores the decisions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from subscribers.addresses import Address
from subscribers.consent import ConsentChange, EventKind
from subscribers.errors import SuppressedError, UnsubscribedError
from subscribers.preferences import Preferences, as_columns, changed
from subscribers.queries import State, SubscriberView


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeRequest:
    """A request for one address."""

    address: Address
    name: str = ""  # cleaned; empty: not given
    topics: tuple[str, ...] = ()  # known slugs; empty: not given
    given: Mapping[str, object] = field(default_factory=dict)  # preferences as typed; absent: not given
    confirmed: bool = False  # consent was given elsewhere, according to the admin
    signed: bool = False  # made through a signed link from the reader's own mail
    origin: Mapping[str, Any] = field(default_factory=dict)  # for the consent ledger: form, method, client


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """The change that a request makes."""

    key: str  # address key
    before: SubscriberView | None  # None: a new person
    state: State  # after the change
    address: str
    name: str
    preferences: Preferences
    follow: tuple[str, ...]  # topics whose intervals open
    starts: bool  # consent begins: topics chosen while pending start as well
    slots_done_to: datetime | None
    cadence_since: datetime | None
    confirmed_at: datetime | None
    events: tuple[ConsentChange, ...]


def decide(
    person: SubscriberView | None,
    request: ChangeRequest,
    *,
    how: str,
    now: datetime,
    defaults: Preferences,
    default_topics: tuple[str, ...],
) -> Transition | None:
    """The change for a person (None: new) by a request; None when nothing changes.

    how: admin, import or web. defaults, default_topics: for a new person who chose none. Topics are added,
    never removed; an import does not add a topic that the person left. Raises PreferenceError, and
    UnsubscribedError for an import of a person who left. The caller has checked suppressions by address; a
    suppressed or erased state raises SuppressedError here.
    """
    if person is None:
        return _newcomer(request, how=how, now=now, defaults=defaults, default_topics=default_topics)
    if person.state not in (State.PENDING, State.CONFIRMED, State.UNSUBSCRIBED):
        raise SuppressedError(f"{person.address} is {person.state}", reason=str(person.state))
    if how == "import" and person.state is State.UNSUBSCRIBED:
        raise UnsubscribedError(
            f"{person.address} has unsubscribed, and an import brings nobody back",
            hint="If they ask to come back, use `newsletter subscribers add ADDRESS --confirmed`.",
        )
    is_agreed = request.confirmed and person.state is not State.CONFIRMED
    if how == "web" and not request.signed and not is_agreed:
        return _asked_by_anybody(person, request, default_topics=default_topics)
    returns = person.state is State.UNSUBSCRIBED
    starts = request.confirmed and person.state is not State.CONFIRMED
    state = State.CONFIRMED if starts or person.state is State.CONFIRMED else State.PENDING
    waits = state is State.PENDING and person.confirmed_at is not None  # until they confirm
    preferences = person.preferences if waits else changed(person.preferences, request.given)
    begins = returns or (person.state is State.PENDING and not person.topics)
    wanted = (request.topics or default_topics) if begins else request.topics
    kept_out = person.left if how == "import" else ()
    follow = tuple(t for t in wanted if t not in person.topics and t not in kept_out)
    before, after = as_columns(person.preferences), as_columns(preferences)
    details = {name: value for name, value in after.items() if value != before[name]}
    name = person.name if waits else (request.name or person.name)
    events: list[ConsentChange] = []
    if returns:
        events.append(ConsentChange(what=EventKind.CAME_BACK, topics=follow, detail=request.origin))
    elif follow:
        events.append(ConsentChange(what=EventKind.FOLLOWED, topics=follow, detail=request.origin))
    if details or name != person.name:
        detail = {
            **details,
            **({"name": True} if name != person.name else {}),
        }  # that it changed, not the new name
        if details:  # earlier values explain past days: subscribers.preference_history
            detail["was"] = {name: before[name] for name in details}
        events.append(ConsentChange(what=EventKind.CHANGED, detail=detail))
    if starts:
        events.append(_consent(tuple(sorted({*person.topics, *follow}))))
    if not events:
        return None
    restarts_slots = starts or (
        state is State.CONFIRMED and preferences.schedule != person.preferences.schedule
    )
    # A new minimum holds for the slots to come; past slots had too few papers for the old one.
    new_minimum = preferences.minimum != person.preferences.minimum
    return Transition(
        key=request.address.key,
        before=person,
        state=state,
        address=person.address,
        name=name,
        preferences=preferences,
        follow=follow,
        starts=starts,
        slots_done_to=now if restarts_slots else person.slots_done_to,
        cadence_since=now if restarts_slots or new_minimum else person.cadence_since,
        confirmed_at=person.confirmed_at or (now if starts else None),
        events=tuple(events),
    )


def _asked_by_anybody(
    person: SubscriberView, request: ChangeRequest, *, default_topics: tuple[str, ...]
) -> Transition | None:
    """Somebody typed the address into the public form: who left is asked, and nothing else changes."""
    if person.state is not State.UNSUBSCRIBED:
        return None
    topics = request.topics or default_topics
    event = ConsentChange(what=EventKind.CAME_BACK, topics=topics, detail=request.origin)
    return Transition(
        key=request.address.key,
        before=person,
        state=State.PENDING,
        address=person.address,
        name=person.name,
        preferences=person.preferences,
        follow=(),
        starts=False,
        slots_done_to=person.slots_done_to,
        cadence_since=person.cadence_since,
        confirmed_at=person.confirmed_at,
        events=(event,),
    )


def _newcomer(
    request: ChangeRequest, *, how: str, now: datetime, defaults: Preferences, default_topics: tuple[str, ...]
) -> Transition:
    topics = request.topics or default_topics
    preferences = changed(defaults, request.given)
    typed_by_anybody = how == "web" and not request.confirmed
    asked = ConsentChange(what=EventKind.REQUESTED, topics=topics, detail=request.origin)
    return Transition(
        key=request.address.key,
        before=None,
        state=State.CONFIRMED if request.confirmed else State.PENDING,
        address=request.address.address,
        name="" if typed_by_anybody else request.name,
        preferences=defaults if typed_by_anybody else preferences,
        follow=() if typed_by_anybody else topics,
        starts=request.confirmed,
        slots_done_to=now if request.confirmed else None,
        cadence_since=now if request.confirmed else None,
        confirmed_at=now if request.confirmed else None,
        events=(_consent(topics) if request.confirmed else asked,),
    )


def left_elsewhere(request: ChangeRequest, *, defaults: Preferences) -> Transition:
    """A new person who left according to a roster: stored as unsubscribed, and never mailed."""
    return Transition(
        key=request.address.key,
        before=None,
        state=State.UNSUBSCRIBED,
        address=request.address.address,
        name=request.name,
        preferences=changed(defaults, request.given),
        follow=(),
        starts=False,
        slots_done_to=None,
        cadence_since=None,
        confirmed_at=None,
        events=(ConsentChange(what=EventKind.UNSUBSCRIBED, detail={"elsewhere": True}),),
    )


def _consent(topics: tuple[str, ...]) -> ConsentChange:
    return ConsentChange(what=EventKind.CONFIRMED, topics=topics, detail={"consent": "given elsewhere"})
