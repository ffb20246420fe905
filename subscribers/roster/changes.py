"""Describes a subscriber before and after an import of one row, for dry runs. Stores nothing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from subscribers.lifecycle.transitions import Transition
from subscribers.preferences import as_columns
from subscribers.queries import State, SubscriberView


def before(person: SubscriberView) -> dict[str, Any]:
    """A person now: state, topics, name, preferences, paused_until."""
    return _fields(
        str(person.state), person.topics, person.name, as_columns(person.preferences), person.paused_until
    )


def after(
    person: SubscriberView | None, transition: Transition | None, *, then: str, paused: datetime | None
) -> dict[str, Any]:
    """The same fields after the import of a row. then: leave, suppress, or empty."""
    if transition is not None:
        followed = person.topics if person is not None else ()
        topics = tuple(sorted({*followed, *transition.follow}))
        fields = _fields(
            str(transition.state), topics, transition.name, as_columns(transition.preferences), None
        )
    else:
        assert person is not None
        fields = before(person)
    if person is not None:
        fields["paused_until"] = person.paused_until
    if paused is not None:
        fields["paused_until"] = paused
    if then:
        fields["state"] = str(State.UNSUBSCRIBED if then == "leave" else State.SUPPRESSED)
        fields["topics"] = []
    return fields


def as_json(change: Mapping[str, Any]) -> dict[str, Any]:
    """A change with its datetimes as text."""
    return {
        name: value.isoformat() if isinstance(value, datetime) else value for name, value in change.items()
    }


def _fields(
    state: str, topics: tuple[str, ...], name: str, preferences: Mapping[str, Any], paused: datetime | None
) -> dict[str, Any]:
    return {"state": state, "topics": list(topics), "name": name, **preferences, "paused_until": paused}
