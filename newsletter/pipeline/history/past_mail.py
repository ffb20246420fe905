"""Reads what readers were sent in months that are rolled up. Changes nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

from sqlalchemy import ColumnElement, Connection, select

from newsletter.core.debts.packed_bytes import DamagedHistoryError
from newsletter.core.debts.packed_reader import PastDebt, PastMail, ReaderMonth, is_sound, shared_part, unpack
from newsletter.core.errors import StorageError
from newsletter.core.months import shown
from newsletter.core.states import MailKind
from newsletter.db.schema import history_months, history_readers


def months(connection: Connection) -> Sequence[int]:
    """The months of which any reader is packed, the oldest first."""
    return connection.execute(select(history_months.c.month).order_by(history_months.c.month)).scalars().all()


def bodies(
    connection: Connection, of_months: Iterable[int], readers: ColumnElement[bool]
) -> Iterator[tuple[int, int, bytes]]:
    """Yields (reader, month, packed body), month by month. readers: a condition on `history_readers`."""
    for month in of_months:
        chosen = select(history_readers.c.subscriber_id, history_readers.c.body)
        for row in connection.execute(chosen.where(history_readers.c.month == month, readers)):
            yield row.subscriber_id, month, row.body


def of_readers(
    connection: Connection,
    readers: Sequence[int],
    *,
    in_months: Iterable[int] | None = None,
    kinds: Collection[str] = (MailKind.DIGEST,),
) -> tuple[dict[int, list[PastMail]], dict[int, list[PastDebt]]]:
    """The packed mail of these readers, and their packed debts, in their order. in_months: None: of all.

    Raises StorageError for a row that was changed.
    """
    mails: dict[int, list[PastMail]] = {}
    debts: dict[int, list[PastDebt]] = {}
    if in_months is None:
        in_months = months(connection)
    for reader, of_month, body in bodies(connection, in_months, history_readers.c.subscriber_id.in_(readers)):
        month = unpacked(reader, of_month, body)
        mails.setdefault(reader, []).extend(mail for mail in month.mails if mail.kind in kinds)
        debts.setdefault(reader, []).extend(month.debts)
    return mails, debts


def unpacked(reader: int, month: int, body: bytes) -> ReaderMonth:
    """The packed month of a reader. Raises StorageError for a row that was changed."""
    try:
        return unpack(body)
    except DamagedHistoryError as error:
        raise StorageError(
            f"the packed mail of subscriber {reader} in {shown(month)} is damaged: {error}",
            hint="`newsletter history verify` looks at all of it; restore a backup whose seals match.",
        ) from None


def checked_shared_part(reader: int, month: int, body: bytes) -> bytes:
    """The part of a packed month that is equal for equal mail. Raises StorageError for a changed row."""
    if not is_sound(body):
        unpacked(reader, month, body)
    return shared_part(body)
