"""Queues a short note for each reader whose slot brought nothing new, where the settings ask for it.

A note gives no paper, settles no debt and skips no slot. Only readers who get digests get one.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, func, literal, select
from sqlmodel.sql.sqltypes import UTCDateTime

from newsletter.core.states import MailKind
from newsletter.delivery.outbox.content_store import store_transactional
from newsletter.delivery.outbox.enqueue import enqueue
from newsletter.pipeline.compose.batch import SlotClosing, batch, groups
from newsletter.pipeline.content.transactional import TransactionalRenderer


def enqueue_notes(connection: Connection, *, renderer: TransactionalRenderer, now: datetime) -> int:
    """Queue a note for each slot of the batch that closed with nothing new; returns how many. now: aware.

    Call it after composing, in the same transaction: the next run empties the batch.
    """
    quiet = (groups.c.closes == SlotClosing.NOTHING_NEW, ~batch.c.forced)
    to_them = batch.join(groups, groups.c.group_key == batch.c.group_key)
    count: int = connection.execute(select(func.count()).select_from(to_them).where(*quiet)).scalar_one()
    if not count:
        return 0
    instant = literal(now, UTCDateTime())
    content = renderer.content(MailKind.NOTHING_NEW, at=now.replace(microsecond=0))
    notes = (
        select(
            batch.c.subscriber_id,
            literal(MailKind.NOTHING_NEW.value).label("kind"),
            batch.c.delivery_key.label("key"),
            literal(store_transactional(connection, MailKind.NOTHING_NEW, content)).label("digest_id"),
            literal(0).label("stamp"),
            batch.c.slot_at,
            instant.label("composed_at"),
            instant.label("next_attempt_at"),
            batch.c.expires_at,
        )
        .select_from(to_them)
        .where(*quiet)
    )
    enqueue(
        connection, notes, signed_with=renderer.signed_with, skip_known=True
    )  # a date may have had its note
    return count
