"""Puts deliveries into the outbox, to be claimed from then on. Stores no content and sends nothing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, String, bindparam, literal, select, true

from newsletter.core.states import DeliveryState
from newsletter.db.engine import dialect_insert
from newsletter.db.schema import deliveries

_IDENTITY = ["subscriber_id", "kind", "key"]


def enqueue(
    connection: Connection,
    mails: Select[Any],
    parameters: Mapping[str, Any] | None = None,
    *,
    signed_with: str | None = None,
    skip_known: bool = False,
) -> None:
    """Queue one delivery for each row of `mails`, in one statement.

    mails: labelled like columns of the deliveries table: subscriber_id, kind, key, digest_id, stamp,
    composed_at, next_attempt_at, and any others. parameters: of `mails`. signed_with: the id
    of the secret key that signs them. skip_known: pass over a row whose
    subscriber, kind and key have a delivery already; otherwise such a row raises IntegrityError.
    """
    signed = mails.add_columns(bindparam("signed_with", type_=String()).label("signed_with"))
    connection.execute(
        _insert(connection, signed, skip_known=skip_known), {**(parameters or {}), "signed_with": signed_with}
    )


def enqueue_one(
    connection: Connection,
    *,
    subscriber_id: int,
    kind: str,
    key: str,
    digest_id: int,
    values: Mapping[str, str],
    composed_at: datetime,
    next_attempt_at: datetime,
    expires_at: datetime | None,
    signed_with: str | None,
) -> int | None:
    """Queue one transactional mail; its id, or None when this subscriber, kind and key have one already.

    values: by name, what only this message prints. Times are aware; expires_at None: it never expires.
    """
    row = {
        "subscriber_id": subscriber_id,
        "kind": str(kind),
        "key": key,
        "digest_id": digest_id,
        "stamp": 0,  # no version of the subscriber: preferences do not change such a message
        "values": dict(values) or None,
        "composed_at": composed_at,
        "next_attempt_at": next_attempt_at,
        "expires_at": expires_at,
        "signed_with": signed_with,
    }
    columns = [literal(value, deliveries.c[name].type).label(name) for name, value in row.items()]
    mail = select(*columns).where(true())  # without WHERE, SQLite cannot read an ON CONFLICT behind a SELECT
    statement = _insert(connection, mail, skip_known=True).returning(deliveries.c.id)
    found: int | None = connection.execute(statement).scalar_one_or_none()
    return found


def _insert(connection: Connection, mails: Select[Any], *, skip_known: bool) -> Any:
    queued = mails.add_columns(
        literal(DeliveryState.QUEUED.value).label("state"), literal(0).label("attempts")
    )
    insert = dialect_insert(connection)(deliveries).from_select(list(queued.selected_columns.keys()), queued)
    return insert.on_conflict_do_nothing(index_elements=_IDENTITY) if skip_known else insert
