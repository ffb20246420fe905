"""The intervals during which people follow topics: opening and closing. Who may is decided elsewhere."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime

from sqlalchemy import Connection, insert, literal, select, update

from subscribers.queries import paged, subscribers, subscriptions


def open_(connection: Connection, opened: Iterable[tuple[int, str, datetime | None]]) -> None:
    """Open intervals: subscriber's id, topic, and since when; None while the person is pending."""
    alike: dict[tuple[str, datetime | None], list[int]] = {}
    for subscriber_id, topic, since in opened:
        alike.setdefault((topic, since), []).append(subscriber_id)
    instant = subscriptions.c.since.type
    for (topic, since), ids in alike.items():
        for page in paged(ids):
            # One statement for all who follow the same topic: a roster's rows differ little.
            rows = select(subscribers.c.id, literal(topic), literal(since, instant))
            connection.execute(
                insert(subscriptions).from_select(
                    ["subscriber_id", "topic", "since"], rows.where(subscribers.c.id.in_(page))
                )
            )


def confirm(connection: Connection, subscriber_ids: Collection[int], *, now: datetime) -> None:
    """What these people asked for while pending starts now."""
    for page in paged(subscriber_ids):
        connection.execute(
            update(subscriptions)
            .where(
                subscriptions.c.subscriber_id.in_(page),
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
