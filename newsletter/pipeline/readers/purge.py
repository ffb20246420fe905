"""Deletes unconfirmed people, failed requests, old counts and inbound mail; nobody who ever consented."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Engine

from newsletter.db.engine import empty_log, writing
from newsletter.delivery.outbox import inbound_records
from newsletter.delivery.outbox.erase import erase_replies
from subscribers import limits, requests
from subscribers.lifecycle import signup_choices
from subscribers.lifecycle.purge import PURGED_AT_ONCE, purge


def tidy(engine: Engine, *, now: datetime) -> int:
    """Delete people who never confirmed, old failed requests and ended counts; returns how many people."""
    with writing(engine) as connection:
        limits.delete_ended(connection, now=now)
        requests.delete_old(connection, now=now)
        signup_choices.remove_old(connection, now=now)
        inbound_records.delete_old_bodies(connection, now=now)
    gone = 0
    while True:
        with writing(engine) as connection:
            some = purge(connection, now=now)
            erase_replies(connection, some)
        gone += len(some)
        if len(some) < PURGED_AT_ONCE:
            break
    empty_log(engine)
    return gone
