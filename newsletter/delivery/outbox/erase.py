"""Deletes what servers said about single readers, and the packed mail of erased ones. Deletes no delivery."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from sqlalchemy import Connection, delete, or_, select, update

from newsletter.core.debts.packed_bytes import row_checksum, total
from newsletter.db.schema import alarms, deliveries, history_months, history_readers
from newsletter.delivery.outbox import inbound_records

QUOTING_ALARMS = ("refused", "suppressed")  # keys; alarms of relays quote too
QUOTE_DELETED = "a mail server refused mail; its words were deleted with a reader's data"
IDS_PER_STATEMENT = 500  # far below any database's limit of parameters


def erase_replies(connection: Connection, subscriber_ids: Collection[int]) -> None:
    """Empty the reply texts of deliveries to these subscribers, and what came back; codes and states stay.

    An alarm may quote any of them, so each quotation goes; the next check words open alarms again.
    """
    for ids in _paged(sorted(subscriber_ids)):
        connection.execute(
            update(deliveries)
            .where(deliveries.c.subscriber_id.in_(ids), deliveries.c.reply_text.is_not(None))
            .values(reply_text=None)
        )
    inbound_records.erase(connection, subscriber_ids)
    if subscriber_ids:
        quoting = or_(alarms.c.key.in_(QUOTING_ALARMS), alarms.c.key.startswith("relay "))
        connection.execute(update(alarms).where(quoting).values(words=QUOTE_DELETED))


def erase_packed(connection: Connection, subscriber_ids: Collection[int]) -> None:
    """Delete the packed mail of these subscribers. The seals keep the sum of its hashes, and still match."""
    for ids in _paged(sorted(subscriber_ids)):
        own = history_readers.c.subscriber_id.in_(ids)
        gone: dict[int, list[int]] = {}
        for row in connection.execute(select(history_readers).where(own)):
            hashed = row_checksum("readers", row.month, row.subscriber_id, row.body)
            gone.setdefault(row.month, []).append(hashed)
        for month, hashes in sorted(gone.items()):
            seal = connection.execute(
                select(history_months).where(history_months.c.month == month).with_for_update()
            ).one()
            connection.execute(
                update(history_months)
                .where(history_months.c.month == month)
                .values(
                    erased_readers=seal.erased_readers + len(hashes),
                    erased_checksum=total(seal.erased_checksum, add=hashes),
                )
            )
        connection.execute(delete(history_readers).where(own))


def _paged(ids: list[int]) -> Iterator[list[int]]:
    for start in range(0, len(ids), IDS_PER_STATEMENT):
        yield ids[start : start + IDS_PER_STATEMENT]
