"""Checks all seals and notes which month does not match, for `watch` and `doctor`. Mends nothing."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Engine, update

from newsletter.db.engine import reading, writing
from newsletter.db.schema import history_months
from newsletter.pipeline.history import seals
from newsletter.pipeline.history.seals import SealCheck


def check_seals(engine: Engine, *, now: datetime) -> list[SealCheck]:
    """Check every packed month, the oldest first; note since when one does not match."""
    with reading(engine) as connection:
        checks = seals.check(connection)
        noted = {row.month: row.broken_since for row in seals.listed(connection)}
    changed = [check for check in checks if check.matches == (noted[check.month] is not None)]
    if changed:
        with writing(engine) as connection:
            for check in changed:
                connection.execute(
                    update(history_months)
                    .where(history_months.c.month == check.month)
                    .values(broken_since=None if check.matches else now)
                )
    return checks
