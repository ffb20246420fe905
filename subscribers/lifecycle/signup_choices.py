"""Stores what each sign-up asks for until the owner of the address confirms it. Confirms nothing.

Anybody can type any address. So nothing of a sign-up stands on the subscriber before its owner has seen it;
each confirmation link carries one of these rows. A sign-up for which no mail could go is shown by the link
that was mailed before it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, func, insert, select, update

from subscribers.link_purposes import CONFIRM, MAX_AGES
from subscribers.preferences import PREFERENCE_NAMES, Preferences, as_columns
from subscribers.queries import paged
from subscribers.tables import SignupChoice
from subscribers.tokens import random_id

signup_choices = SignupChoice.__table__  # type: ignore[attr-defined]

KEEP_CHOICES = timedelta(days=7)  # as long as people who never confirm; docs/explanation/web-pages.md
MAX_UNMAILED = 3  # choices that one link shows besides its own


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedChoice:
    """What one sign-up asks for."""

    ref: str  # in the confirmation link; empty: what an admin stored with the person
    at: datetime
    name: str
    topics: tuple[str, ...]
    preferences: Preferences
    origin: Mapping[str, Any] = field(default_factory=dict)  # for the consent ledger
    mailed_at: datetime | None = None

    @property
    def wanted(self) -> tuple[object, ...]:
        """What would hold after a confirmation."""
        return self.name, frozenset(self.topics), self.preferences


def store(
    connection: Connection,
    subscriber_id: int,
    *,
    name: str,
    topics: Sequence[str],
    preferences: Preferences,
    origin: Mapping[str, Any],
    now: datetime,
) -> AskedChoice:
    """Store a choice that was not mailed yet. A repeat of the latest one stores nothing new."""
    asked = AskedChoice(
        ref=random_id(), at=now, name=name, topics=tuple(topics), preferences=preferences, origin=origin
    )
    known = _of(connection, subscriber_id)
    if known and known[0].wanted == asked.wanted:
        return known[0]
    connection.execute(
        insert(signup_choices),
        {
            "ref": asked.ref,
            "subscriber_id": subscriber_id,
            "at": now,
            "name": name,
            "topics": list(topics),
            "preferences": as_columns(preferences),
            "origin": dict(origin),
        },
    )
    surplus = _surplus(_unmailed([asked, *known]))
    if surplus:
        connection.execute(
            delete(signup_choices).where(signup_choices.c.ref.in_([choice.ref for choice in surplus]))
        )
    return asked


def mark_mailed(connection: Connection, ref: str, *, now: datetime) -> None:
    """Record that the confirmation of a choice was queued."""
    connection.execute(update(signup_choices).where(signup_choices.c.ref == ref).values(mailed_at=now))


def shown_by(connection: Connection, subscriber_id: int, ref: str) -> tuple[AskedChoice, ...]:
    """The choices that the link with that ref may confirm, the latest first; none when it was used.

    They are its own, and later ones for which no mail went out. Of equal ones only the latest counts.
    """
    choices = _of(connection, subscriber_id)
    at = next((place for place, choice in enumerate(choices) if choice.ref == ref), None)
    if at is None:
        return ()
    found: dict[tuple[object, ...], AskedChoice] = {}
    for choice in [*reversed(_unmailed(list(reversed(choices[:at])))), choices[at]]:
        found.setdefault(choice.wanted, choice)
    return tuple(found.values())


def latest(connection: Connection, subscriber_ids: Collection[int]) -> dict[int, AskedChoice]:
    """The latest choice of each of these people who has one, by subscriber id."""
    found: dict[int, AskedChoice] = {}
    for page in paged(subscriber_ids):
        newest = (
            select(func.max(signup_choices.c.id))
            .where(signup_choices.c.subscriber_id.in_(page))
            .group_by(signup_choices.c.subscriber_id)
        )
        rows = connection.execute(select(signup_choices).where(signup_choices.c.id.in_(newest)))
        found |= {row.subscriber_id: _choice(row) for row in rows}
    return found


def asked_since(subscriber_id: ColumnElement[int], since: datetime) -> ColumnElement[bool]:
    """Whether somebody asked, or was mailed, for this person at `since` or later."""
    c = signup_choices.c
    lately = func.coalesce(c.mailed_at, c.at) >= since
    return select(c.id).where(c.subscriber_id == subscriber_id, lately).exists()


def has_open_link(connection: Connection, subscriber_id: int, *, now: datetime) -> bool:
    """Whether a confirmation link that was mailed to the person still works."""
    c = signup_choices.c
    mailed = select(c.id).where(c.subscriber_id == subscriber_id, c.mailed_at > now - MAX_AGES[CONFIRM])
    return connection.execute(mailed.limit(1)).first() is not None


def remove(connection: Connection, subscriber_id: int) -> None:
    """Delete all choices of a person."""
    connection.execute(delete(signup_choices).where(signup_choices.c.subscriber_id == subscriber_id))


def remove_old(connection: Connection, *, now: datetime) -> None:
    """Delete the choices whose links expired long ago."""
    last = func.coalesce(signup_choices.c.mailed_at, signup_choices.c.at)
    connection.execute(delete(signup_choices).where(last < now - KEEP_CHOICES))


def _of(connection: Connection, subscriber_id: int) -> list[AskedChoice]:
    """All choices of a person, the latest first."""
    of = select(signup_choices).where(signup_choices.c.subscriber_id == subscriber_id)
    return [_choice(row) for row in connection.execute(of.order_by(signup_choices.c.id.desc()))]


def _unmailed(choices: list[AskedChoice]) -> list[AskedChoice]:
    """The choices before the first one that was mailed."""
    end = next((place for place, choice in enumerate(choices) if choice.mailed_at), len(choices))
    return choices[:end]


def _surplus(unmailed: Sequence[AskedChoice]) -> list[AskedChoice]:
    """Which of too many choices go: the oldest of the client that asked most."""
    kept, gone = list(unmailed), []
    while len(kept) > MAX_UNMAILED:
        asked = Counter(choice.origin.get("from") for choice in kept)
        most = max(asked.values())
        gone.append(next(choice for choice in reversed(kept) if asked[choice.origin.get("from")] == most))
        kept.remove(gone[-1])
    return gone


def _choice(row: Row[Any]) -> AskedChoice:
    kept = {name: value for name, value in row.preferences.items() if name in PREFERENCE_NAMES}
    return AskedChoice(
        ref=row.ref,
        at=row.at,
        name=row.name,
        topics=tuple(row.topics),
        preferences=Preferences(**kept),
        origin=row.origin,
        mailed_at=row.mailed_at,
    )
