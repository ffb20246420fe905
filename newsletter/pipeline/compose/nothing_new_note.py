"""Posts a short note to whoever's slot came and brought nothing new. Only where the settings ask for it.

A note is a letter: it gives no paper, settles no debt and passes over no slot; it is for who gets digests.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, func, literal, select
from sqlmodel.sql.sqltypes import UTCDateTime

from newsletter.core.states import DeliveryState, MailKind
from newsletter.db.engine import dialect_insert
from newsletter.db.schema import deliveries
from newsletter.pipeline.compose.batch import SlotClosing, batch, groups
from newsletter.pipeline.content.transactional import TransactionalRenderer, store_letter

COLUMNS = (
    "subscriber_id",
    "kind",
    "key",
    "digest_id",
    "state",
    "stamp",
    "slot_at",
    "composed_at",
    "next_attempt_at",
    "expires_at",
    "attempts",
)


def post_notes(connection: Connection, *, press: TransactionalRenderer, now: datetime) -> int:
    """A note for each slot of the batch that closed with nothing new; how many. now: aware.

    Call it after composing, in the same transaction: the batch is gone with it.
    """
    quiet = (groups.c.closes == SlotClosing.NOTHING_NEW, ~batch.c.forced)
    to_them = batch.join(groups, groups.c.group_key == batch.c.group_key)
    count: int = connection.execute(select(func.count()).select_from(to_them).where(*quiet)).scalar_one()
    if not count:
        return 0
    instant = literal(now, UTCDateTime())
    content = press.content(MailKind.NOTHING_NEW, at=now.replace(microsecond=0))
    chosen = (
        select(
            batch.c.subscriber_id,
            literal(MailKind.NOTHING_NEW.value),
            batch.c.delivery_key,
            literal(store_letter(connection, MailKind.NOTHING_NEW, content)),
            literal(DeliveryState.QUEUED.value),
            literal(0),
            batch.c.slot_at,
            instant,
            instant,
            batch.c.expires_at,
            literal(0),
        )
        .select_from(to_them)
        .where(*quiet)
    )
    insert = dialect_insert(connection)
    connection.execute(
        insert(deliveries)
        .from_select(COLUMNS, chosen)
        .on_conflict_do_nothing(index_elements=["subscriber_id", "kind", "key"])  # a date that had its note
    )
    return count
