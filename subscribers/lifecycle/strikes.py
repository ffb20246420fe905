"""Counts refusals and bounces that are about a recipient and not final by themselves; several suppress.

Whether a refusal is about the recipient is decided by whoever reads the server's reply. Never commits.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Select, delete, func, insert, select

from subscribers.queries import subscribers
from subscribers.tables import Strike

strikes: Any = Strike.__table__  # type: ignore[attr-defined]

MESSAGES = 3  # refused in a row
SPAN = timedelta(days=4)  # from the first to the last of them: a mailbox may be full for a weekend


@dataclass(frozen=True, slots=True, kw_only=True)
class StrikeCount:
    """The strikes of one subscriber since the last message that arrived."""

    messages: int
    first_at: datetime
    last_at: datetime
    reason: str  # of the latest
    note: str  # of the latest: the server's words

    @property
    def suppresses(self) -> bool:
        """Whether they are enough to stop mailing the address."""
        return self.messages >= MESSAGES and self.last_at - self.first_at >= SPAN


def add(
    connection: Connection, subscriber_id: int, *, message_key: str, reason: str, note: str, now: datetime
) -> StrikeCount | None:
    """Add a strike, once for each message; the count with it. note: without the address.

    A doubted refusal before it is forgotten. None when the subscriber was deleted or erased meanwhile.
    """
    if not _is_alive(connection, subscriber_id):
        return None
    mine = strikes.c.subscriber_id == subscriber_id
    connection.execute(delete(strikes).where(mine, strikes.c.doubted))
    known = select(strikes.c.id).where(mine, strikes.c.message_key == message_key)
    if connection.execute(known.limit(1)).first() is None:
        _insert(connection, subscriber_id, message_key=message_key, reason=reason, note=note, at=now)
    return count(connection, subscriber_id)


def doubt(
    connection: Connection,
    subscriber_id: int,
    *,
    relay: str,
    message_key: str,
    reason: str,
    note: str,
    now: datetime,
) -> None:
    """Note a refusal that is not believed, unless an earlier one of this server stands. It counts nowhere."""
    known = select(strikes.c.id).where(
        strikes.c.subscriber_id == subscriber_id, strikes.c.doubted, strikes.c.relay == relay
    )
    if connection.execute(known.limit(1)).first() is None and _is_alive(connection, subscriber_id):
        row = {"relay": relay, "message_key": message_key, "reason": reason, "note": note, "at": now}
        _insert(connection, subscriber_id, **row, doubted=True)


def doubted_since(connection: Connection) -> dict[str, dict[int, datetime]]:
    """By server the ids of subscribers whose refusal is not believed, each with its time."""
    found: dict[str, dict[int, datetime]] = {}
    chosen = select(strikes.c.relay, strikes.c.subscriber_id, strikes.c.at).where(strikes.c.doubted)
    for row in connection.execute(chosen):
        found.setdefault(row.relay or "", {})[row.subscriber_id] = row.at
    return found


def _is_alive(connection: Connection, subscriber_id: int) -> bool:
    alive = select(subscribers.c.id).where(
        subscribers.c.id == subscriber_id, subscribers.c.address.is_not(None)
    )
    return connection.execute(alive.with_for_update()).first() is not None


def _insert(connection: Connection, subscriber_id: int, **values: Any) -> None:
    connection.execute(insert(strikes), {"subscriber_id": subscriber_id, "doubted": False, **values})


def count(connection: Connection, subscriber_id: int) -> StrikeCount | None:
    """The strikes of a subscriber; None when there are none."""
    rows = connection.execute(
        select(strikes)
        .where(strikes.c.subscriber_id == subscriber_id, ~strikes.c.doubted)
        .order_by(strikes.c.at, strikes.c.id)
    ).all()
    if not rows:
        return None
    return StrikeCount(
        messages=len(rows),
        first_at=rows[0].at,
        last_at=rows[-1].at,
        reason=rows[-1].reason,
        note=rows[-1].note,
    )


def history(connection: Connection, subscriber_id: int) -> list[dict[str, Any]]:
    """The strikes of a subscriber that stand, oldest first, in the form of consent events."""
    rows = connection.execute(
        select(strikes).where(strikes.c.subscriber_id == subscriber_id).order_by(strikes.c.at, strikes.c.id)
    )
    return [
        {
            "at": row.at.isoformat(),
            "what": "doubted refusal" if row.doubted else "strike",
            "how": row.message_key,
            "topics": [],
            "detail": {"reason": row.reason, "reply": row.note},
        }
        for row in rows
    ]


def struck_ids() -> Select[Any]:
    """The ids of all subscribers with a strike, doubted ones too: few at any time."""
    return select(strikes.c.subscriber_id).distinct()


def struck(connection: Connection) -> set[int]:
    """The same, read."""
    return set(connection.execute(struck_ids()).scalars())


def clear(connection: Connection, subscriber_ids: Collection[int]) -> None:
    """Forget the strikes of these: a message arrived, or an admin says that the address works."""
    if subscriber_ids:
        connection.execute(delete(strikes).where(strikes.c.subscriber_id.in_(subscriber_ids)))


def last_at(connection: Connection, only: int | None = None) -> dict[int, datetime]:
    """When each subscriber with strikes got the last one. only: one subscriber's id."""
    chosen = (
        select(strikes.c.subscriber_id, func.max(strikes.c.at, type_=strikes.c.at.type).label("at"))
        .where(~strikes.c.doubted)
        .group_by(strikes.c.subscriber_id)
    )
    if only is not None:
        chosen = chosen.where(strikes.c.subscriber_id == only)
    found = connection.execute(chosen)
    return {row.subscriber_id: row.at for row in found}


def clear_before(connection: Connection, subscriber_id: int, before: datetime) -> None:
    """Forget the strikes of one that are older: a message arrived since."""
    connection.execute(delete(strikes).where(strikes.c.subscriber_id == subscriber_id, strikes.c.at < before))


def dispel(connection: Connection, subscriber_ids: Collection[int]) -> None:
    """Forget the doubted refusals of these: a server took a message to them."""
    if subscriber_ids:
        connection.execute(
            delete(strikes).where(strikes.c.doubted, strikes.c.subscriber_id.in_(sorted(subscriber_ids)))
        )


def by_reason(connection: Connection) -> dict[str, int]:
    """Strikes that stand now, by reason."""
    found = connection.execute(
        select(strikes.c.reason, func.count().label("messages"))
        .where(~strikes.c.doubted)
        .group_by(strikes.c.reason)
        .order_by(strikes.c.reason)
    )
    return {row.reason: row.messages for row in found}
