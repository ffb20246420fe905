"""Opens and closes the intervals in which people follow topics. Does not decide who may follow."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime

from sqlalchemy import Connection, delete, insert, literal, select, update

from subscribers.queries import paged, subscribers, subscriptions


def open_(connection: Connection, opened: Iterable[tuple[int, str, datetime | None]]) -> None:
    """Open intervals: (subscriber id, topic, since); since is None while the person is pending."""
    ids_by_topic: dict[tuple[str, datetime | None], list[int]] = {}
    for subscriber_id, topic, since in opened:
        ids_by_topic.setdefault((topic, since), []).append(subscriber_id)
    instant = subscriptions.c.since.type
    for (topic, since), ids in ids_by_topic.items():
        for page in paged(ids):
            # One statement for all followers of a topic: the rows of a roster differ little.
            rows = select(subscribers.c.id, literal(topic), literal(since, instant))
            connection.execute(
                insert(subscriptions).from_select(
                    ["subscriber_id", "topic", "since"], rows.where(subscribers.c.id.in_(page))
                )
            )


def confirm(connection: Connection, subscriber_ids: Collection[int], *, now: datetime) -> None:
    """Start the topics that these people chose while pending."""
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


def drop_pending(connection: Connection, subscriber_id: int) -> None:
    """Delete the topics that never started: they were never followed, so nothing of them stays."""
    connection.execute(
        delete(subscriptions).where(
            subscriptions.c.subscriber_id == subscriber_id, subscriptions.c.since.is_(None)
        )
    )


def close(
    connection: Connection, subscriber_id: int, *, now: datetime, topics: Collection[str] | None = None
) -> None:
    """Close the open intervals of a person: all, or those of these topics."""
    ended = update(subscriptions).where(
        subscriptions.c.subscriber_id == subscriber_id, subscriptions.c.until.is_(None)
    )
    if topics is not None:
        ended = ended.where(subscriptions.c.topic.in_(sorted(topics)))
    connection.execute(ended.values(until=now))
