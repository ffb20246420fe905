"""What somebody asks for an address, and what becomes of it. Decides only: no database, no clock.

Consent starts here: a wish without it makes a pending person. `subscribers.lifecycle.signup` carries
decisions out.
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
    """What is asked for one address."""

    address: Address
    name: str = ""  # cleaned; empty: not given
    topics: tuple[str, ...] = ()  # known slugs; empty: not given
    given: Mapping[str, object] = field(default_factory=dict)  # preferences as typed; absent: not given
    confirmed: bool = False  # consent was given elsewhere, says who asks
    signed: bool = False  # through a link that only its reader has
    origin: Mapping[str, Any] = field(default_factory=dict)  # for the ledger: form, method, from where


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """What is to be done for one wish."""

    key: str  # of the address
    before: SubscriberView | None  # None: a new person
    state: State  # after it
    address: str
    name: str
    preferences: Preferences
    follow: tuple[str, ...]  # topics whose intervals open
    starts: bool  # consent is new: what was asked for while pending starts, too
    slots_done_to: datetime | None
    cadence_since: datetime | None
    confirmed_at: datetime | None
    events: tuple[ConsentChange, ...]


def decide(
    person: SubscriberView | None,
    wish: ChangeRequest,
    *,
    how: str,
    now: datetime,
    defaults: Preferences,
    default_topics: tuple[str, ...],
) -> Transition | None:
    """The step from where the person stands to what is asked; None when nothing changes.

    how: admin, import or web. defaults, default_topics: of a new person who chose none. Topics are added,
    never taken away; an import does not add back what the person once left. Raises PreferenceError, and
    UnsubscribedError for an import of somebody who left. Whether the address is suppressed was checked
    before; the state is looked at here all the same.
    """
    if person is None:
        return _newcomer(wish, how=how, now=now, defaults=defaults, default_topics=default_topics)
    if person.state not in (State.PENDING, State.CONFIRMED, State.UNSUBSCRIBED):
        raise SuppressedError(f"{person.address} is {person.state}", reason=str(person.state))
    if how == "import" and person.state is State.UNSUBSCRIBED:
        raise UnsubscribedError(
            f"{person.address} has unsubscribed, and an import brings nobody back",
            hint="If they ask to come back, use `newsletter subscribers add ADDRESS --confirmed`.",
        )
    if how == "web" and not wish.signed and person.state is State.CONFIRMED:
        return None  # anybody may type anybody's address: only a signed link changes what is confirmed
    returns = person.state is State.UNSUBSCRIBED
    starts = wish.confirmed and person.state is not State.CONFIRMED
    state = State.CONFIRMED if starts or person.state is State.CONFIRMED else State.PENDING
    preferences = changed(person.preferences, wish.given)
    wanted = (wish.topics or default_topics) if returns else wish.topics
    kept_out = person.left if how == "import" else ()
    follow = tuple(t for t in wanted if t not in person.topics and t not in kept_out)
    before, after = as_columns(person.preferences), as_columns(preferences)
    details = {name: value for name, value in after.items() if value != before[name]}
    # On the public form anybody may type a name beside anybody's address.
    name = (person.name or wish.name) if how == "web" and not wish.signed else (wish.name or person.name)
    events: list[ConsentChange] = []
    if returns:
        events.append(ConsentChange(what=EventKind.CAME_BACK, topics=follow, detail=wish.origin))
    elif follow:
        events.append(ConsentChange(what=EventKind.FOLLOWED, topics=follow, detail=wish.origin))
    if details or name != person.name:
        told = {**details, **({"name": True} if name != person.name else {})}  # that it changed, not to what
        if details:  # what was chosen then explains days gone by (subscribers.past)
            told["was"] = {name: before[name] for name in details}
        events.append(ConsentChange(what=EventKind.CHANGED, detail=told))
    if starts:
        events.append(_consent(tuple(sorted({*person.topics, *follow}))))
    if not events:
        return None
    moves = starts or (state is State.CONFIRMED and preferences.schedule != person.preferences.schedule)
    asks_less = (
        preferences.minimum != person.preferences.minimum
    )  # too few for slots gone by, not for the next
    return Transition(
        key=wish.address.key,
        before=person,
        state=state,
        address=person.address,
        name=name,
        preferences=preferences,
        follow=follow,
        starts=starts,
        slots_done_to=now if moves else person.slots_done_to,
        cadence_since=now if moves or asks_less else person.cadence_since,
        confirmed_at=person.confirmed_at or (now if starts else None),
        events=tuple(events),
    )


def _newcomer(
    wish: ChangeRequest, *, how: str, now: datetime, defaults: Preferences, default_topics: tuple[str, ...]
) -> Transition:
    topics = wish.topics or default_topics
    preferences = changed(defaults, wish.given)
    asked = ConsentChange(what=EventKind.REQUESTED, topics=topics, detail=wish.origin)
    return Transition(
        key=wish.address.key,
        before=None,
        state=State.CONFIRMED if wish.confirmed else State.PENDING,
        address=wish.address.address,
        name=wish.name or wish.address.name,
        preferences=preferences,
        follow=topics,
        starts=wish.confirmed,
        slots_done_to=now if wish.confirmed else None,
        cadence_since=now if wish.confirmed else None,
        confirmed_at=now if wish.confirmed else None,
        events=(_consent(topics) if wish.confirmed else asked,),
    )


def left_elsewhere(wish: ChangeRequest, *, defaults: Preferences) -> Transition:
    """A new person of whom a roster says that they have left: known, and never to be mailed."""
    return Transition(
        key=wish.address.key,
        before=None,
        state=State.UNSUBSCRIBED,
        address=wish.address.address,
        name=wish.name or wish.address.name,
        preferences=changed(defaults, wish.given),
        follow=(),
        starts=False,
        slots_done_to=None,
        cadence_since=None,
        confirmed_at=None,
        events=(ConsentChange(what=EventKind.UNSUBSCRIBED, detail={"elsewhere": True}),),
    )


def _consent(topics: tuple[str, ...]) -> ConsentChange:
    return ConsentChange(what=EventKind.CONFIRMED, topics=topics, detail={"consent": "given elsewhere"})
