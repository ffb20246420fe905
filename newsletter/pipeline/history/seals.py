"""Computes the checksums of rolled-up months again, and compares them with their seals. Changes nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select

from newsletter.core import months
from newsletter.core.debts.packed_bytes import NO_CHECKSUM, row_checksum, total
from newsletter.core.debts.packed_reader import is_sound
from newsletter.db.schema import history_contents, history_months, history_readers

READERS, CONTENTS = "readers", "contents"  # name the table in the hash of a row
MAX_DAMAGED = 100  # readers that a check names
ROWS_AT_ONCE = 1_000


@dataclass(slots=True, kw_only=True)
class SealCheck:
    """A rolled-up month and whether its rows are those that were sealed."""

    month: int
    sealed_at: datetime | None  # None: its roll-up is not done
    readers: int
    deliveries: int
    given: int
    matches: bool = True
    damaged: list[int] = field(default_factory=list)  # readers whose row was changed, the first ones
    lost: int = 0  # rows that are missing

    @property
    def name(self) -> str:
        """The month as people read it."""
        return months.shown(self.month)

    @property
    def what_is_wrong(self) -> str:
        """A clause that says which rows are damaged; empty when nobody can tell, or nothing is."""
        named = ", ".join(map(str, self.damaged[:5])) + (" and others" if len(self.damaged) > 5 else "")
        rows = f"; rows of subscribers {named} are damaged" if self.damaged else ""
        return rows + (f"; {self.lost} rows are missing" if self.lost else "")

    def as_json(self) -> dict[str, Any]:
        """The JSON of `audit` and `history verify`."""
        return {
            "month": self.name,
            "sealed_at": self.sealed_at.isoformat() if self.sealed_at else None,
            "readers": self.readers,
            "deliveries": self.deliveries,
            "given": self.given,
            "matches": self.matches,
            "damaged_readers": self.damaged,
            "lost_rows": self.lost,
        }


def listed(connection: Connection) -> list[Row[Any]]:
    """The rows of `history_months`, the oldest first."""
    return list(connection.execute(select(history_months).order_by(history_months.c.month)))


def check(connection: Connection) -> list[SealCheck]:
    """Check every month, the oldest first. Reads each packed row once; memory does not grow with them."""
    rows = listed(connection)
    if not rows:
        return []
    contents = _sum_contents(connection)
    return [_check_month(connection, row, *contents.get(row.month, (NO_CHECKSUM, 0))) for row in rows]


def last_sealed(connection: Connection) -> int | None:
    """The newest month that is sealed; None without one."""
    chosen = select(history_months.c.month).where(history_months.c.sealed_at.is_not(None))
    found: int | None = connection.execute(
        chosen.order_by(history_months.c.month.desc()).limit(1)
    ).scalar_one_or_none()
    return found


def _check_month(connection: Connection, row: Row[Any], checksum: str, contents: int) -> SealCheck:
    found = SealCheck(
        month=row.month,
        sealed_at=row.sealed_at,
        readers=row.readers,
        deliveries=row.deliveries,
        given=row.given,
    )
    readers = 0
    chosen = select(history_readers.c.subscriber_id, history_readers.c.body).where(
        history_readers.c.month == row.month
    )
    for page in connection.execute(chosen.execution_options(yield_per=ROWS_AT_ONCE)).partitions():
        readers += len(page)
        checksum = total(checksum, add=(row_checksum(READERS, row.month, key, body) for key, body in page))
        if len(found.damaged) < MAX_DAMAGED:
            found.damaged += [key for key, body in page if not is_sound(body)]
    found.lost = max(0, row.readers - row.erased_readers - readers) + max(0, row.contents - contents)
    found.matches = total(checksum, add=[int(row.erased_checksum, 16)]) == row.checksum and not found.lost
    found.damaged = [] if found.matches else found.damaged[:MAX_DAMAGED]
    return found


def _sum_contents(connection: Connection) -> dict[int, tuple[str, int]]:
    """By month: the checksum of its contents, and how many they are."""
    found: dict[int, tuple[str, int]] = {}
    rows = connection.execute(select(history_contents).execution_options(yield_per=ROWS_AT_ONCE))
    for page in rows.partitions():
        for row in page:
            checksum, number = found.get(row.month, (NO_CHECKSUM, 0))
            added = row_checksum(CONTENTS, row.month, row.digest_id, row.body)
            found[row.month] = (total(checksum, add=[added]), number + 1)
    return found
