"""Deletes what servers said about single readers: their words may name the mailbox. Deletes no delivery."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from sqlalchemy import Connection, update

from newsletter.db.schema import deliveries

IDS_PER_STATEMENT = 500  # far below any database's limit of parameters


def erase_replies(connection: Connection, subscriber_ids: Collection[int]) -> None:
    """Empty the reply texts of all deliveries to these subscribers; codes and states stay."""
    for ids in _paged(sorted(subscriber_ids)):
        connection.execute(
            update(deliveries)
            .where(deliveries.c.subscriber_id.in_(ids), deliveries.c.reply_text.is_not(None))
            .values(reply_text=None)
        )


def _paged(ids: list[int]) -> Iterator[list[int]]:
    for start in range(0, len(ids), IDS_PER_STATEMENT):
        yield ids[start : start + IDS_PER_STATEMENT]
