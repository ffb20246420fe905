"""What a row of a roster would change, for a dry run: where somebody stands, before and after. No storage."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from subscribers.lifecycle.transitions import Transition
from subscribers.preferences import as_columns
from subscribers.queries import State, SubscriberView


def before(person: SubscriberView) -> dict[str, Any]:
    """Where a person stands: state, topics, name, preferences, paused_until."""
    return _standing(
        str(person.state), person.topics, person.name, as_columns(person.preferences), person.paused_until
    )


def after(
    person: SubscriberView | None, step: Transition | None, *, then: str, paused: datetime | None
) -> dict[str, Any]:
    """The same after a row was taken in. then: leave, suppress, or empty."""
    if step is not None:
        followed = person.topics if person is not None else ()
        topics = tuple(sorted({*followed, *step.follow}))
        standing = _standing(str(step.state), topics, step.name, as_columns(step.preferences), None)
    else:
        assert person is not None
        standing = before(person)
    if person is not None:
        standing["paused_until"] = person.paused_until
    if paused is not None:
        standing["paused_until"] = paused
    if then:
        standing["state"] = str(State.UNSUBSCRIBED if then == "leave" else State.SUPPRESSED)
        standing["topics"] = []
    return standing


def told(change: Mapping[str, Any]) -> dict[str, Any]:
    """Instants of a change as text."""
    return {
        name: value.isoformat() if isinstance(value, datetime) else value for name, value in change.items()
    }


def _standing(
    state: str, topics: tuple[str, ...], name: str, preferences: Mapping[str, Any], paused: datetime | None
) -> dict[str, Any]:
    return {"state": state, "topics": list(topics), "name": name, **preferences, "paused_until": paused}
