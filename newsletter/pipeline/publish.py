"""Publishes all news as the next edition; without news there is none. It composes nothing.

An edition is held when too many readers complain.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine, insert

from newsletter.db.engine import lock_exclusively, writing
from newsletter.db.schema import runs
from newsletter.delivery.outbox import inbound_records
from newsletter.papers import editions

NO_HOLD = timedelta(0)


def publish(engine: Engine, *, now: datetime, zone: str = "UTC", hold: timedelta = NO_HOLD) -> int | None:
    """Freeze all news into an edition; returns its number, or None when nothing was new.

    now: aware. zone: of the edition's date. hold: time for an admin to look before it is ready.
    """
    with writing(engine, exclusive=True) as connection:
        return publish_in(connection, now=now, zone=zone, hold=hold)


def publish_in(connection: Connection, *, now: datetime, zone: str, hold: timedelta) -> int | None:
    """The same inside the caller's transaction (a preview rolls it back)."""
    lock_exclusively(connection)
    number = editions.freeze(connection, now=now, day=now.astimezone(ZoneInfo(zone)).date(), hold=hold)
    if number is not None:
        _hold_for_complaints(connection, number, now=now)
        connection.execute(insert(runs), {"verb": "publish", "at": now, "done": 1, "everyone": False})
    return number


def _hold_for_complaints(connection: Connection, number: int, *, now: datetime) -> None:
    """Hold an edition when so many readers complained that providers block; once for each new complaint."""
    share = inbound_records.complaint_share(connection, now=now)
    if not share.is_too_high:
        return
    since = editions.published_before(connection, number)
    if since is None or inbound_records.count_complaints(connection, since=since, until=now):
        editions.hold_for(connection, number, f"too many readers complain: {share.words}")
