"""The intervals during which people follow topics: opening and closing. Who may is decided elsewhere."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime

from sqlalchemy import Connection, insert, update

from subscribers.people import subscriptions


def open_(connection: Connection, opened: Iterable[tuple[int, str, datetime | None]]) -> None:
    """Open intervals: subscriber's id, topic, and since when; None while the person is pending."""
    rows = [
        {"subscriber_id": subscriber_id, "topic": topic, "since": since}
        for subscriber_id, topic, since in opened
    ]
    if rows:
        connection.execute(insert(subscriptions), rows)


def confirm(connection: Connection, subscriber_ids: Collection[int], *, now: datetime) -> None:
    """What these people asked for while pending starts now."""
    if subscriber_ids:
        connection.execute(
            update(subscriptions)
            .where(
                subscriptions.c.subscriber_id.in_(sorted(subscriber_ids)),
                subscriptions.c.since.is_(None),
                subscriptions.c.until.is_(None),
            )
            .values(since=now)
        )


def close(
    connection: Connection, subscriber_id: int, *, now: datetime, topics: Collection[str] | None = None
) -> None:
    """End what the person follows now: all of it, or these topics."""
    ended = update(subscriptions).where(
        subscriptions.c.subscriber_id == subscriber_id, subscriptions.c.until.is_(None)
    )
    if topics is not None:
        ended = ended.where(subscriptions.c.topic.in_(sorted(topics)))
    connection.execute(ended.values(until=now))
