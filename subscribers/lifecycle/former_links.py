"""Keeps the ids that subscribers had at earlier addresses: links in old mail can leave, and nothing else.

Moves nobody: `subscribers.lifecycle.address_change` does.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, insert, select

from subscribers.queries import SubscriberView
from subscribers.tables import FormerLink

former_links: Any = FormerLink.__table__  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True, kw_only=True)
class FormerIds:
    """The ids of a subscriber at an earlier address."""

    subscriber_id: int
    ref: str
    leave_id: str


def keep(connection: Connection, person: SubscriberView, *, now: datetime) -> None:
    """Keep the present ids of a person who gets new ones."""
    connection.execute(
        insert(former_links),
        {"subscriber_id": person.id, "ref": person.ref, "leave_id": person.leave_id, "moved_at": now},
    )


def by_ref(connection: Connection, ref: str) -> FormerIds | None:
    """The ids of an old signed link; None when nobody had that ref."""
    return _one(connection, former_links.c.ref == ref)


def by_leave_id(connection: Connection, leave_id: str) -> FormerIds | None:
    """The ids of an old unsubscribe link; None when nobody had that id."""
    return _one(connection, former_links.c.leave_id == leave_id)


def _one(connection: Connection, chosen: ColumnElement[bool]) -> FormerIds | None:
    row = connection.execute(select(former_links).where(chosen)).first()
    if row is None:
        return None
    return FormerIds(subscriber_id=row.subscriber_id, ref=row.ref, leave_id=row.leave_id)
