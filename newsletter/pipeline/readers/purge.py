"""Housekeeping: drops what is not to be kept. Idempotent; whoever runs for long calls it now and then."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Engine

from newsletter.db.engine import writing
from subscribers import limits, requests
from subscribers.lifecycle.purge import PURGED_AT_ONCE, purge


def tidy(engine: Engine, *, now: datetime) -> int:
    """Purge people who asked and never confirmed, old requests that failed, and counts of limits gone by;
    how many people."""
    with writing(engine) as connection:
        limits.delete_ended(connection, now=now)
        requests.delete_old_failed(connection, now=now)
    gone = 0
    while True:
        with writing(engine) as connection:
            some = purge(connection, now=now)
        gone += some
        if some < PURGED_AT_ONCE:
            return gone
