"""One look at everything that an admin must hear of, and telling what is new: a step, to be repeated."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Engine

from newsletter.core.alarms import AlarmPolicy, alarms_of
from newsletter.db.engine import reading, writing
from newsletter.ops.alarms import store
from newsletter.ops.alarms.facts import gather
from newsletter.ops.alarms.notify import NotDeliveredError, Notifier
from newsletter.ops.alarms.store import OpenAlarm

log = logging.getLogger("newsletter.watch")


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchReport:
    """What one look found."""

    standing: list[OpenAlarm]  # alarms that stand now
    told: int = 0  # of what began or ended, so much was told
    untold: str = ""  # why somebody could not be told; it is tried again


def watch(
    engine: Engine, *, state_dir: Path, terms: AlarmPolicy, teller: Notifier | None, now: datetime
) -> WatchReport:
    """Look at `now` (aware) and tell what is new; without a teller nobody is told.

    No transaction is open while somebody is told. Who was told twice of the same after a crash is no harm.
    """
    with writing(engine) as connection:
        facts = gather(connection, state_dir=state_dir, now=now)
        store.settle(connection, alarms_of(facts, terms), now=now)
        standing = store.listed(connection)
        news = store.news(connection, now=now)
    if teller is None:
        return WatchReport(standing=standing)
    untold = ""
    told = 0
    if news:
        try:
            teller.tell(news, now=now)
            told = len(news.begun) + len(news.over)
            with writing(engine) as connection:
                store.told(connection, news, now=now)
        except NotDeliveredError as error:
            untold = error.message
    try:
        teller.ping()
    except NotDeliveredError as error:
        untold = "; ".join(filter(None, [untold, error.message]))
    return WatchReport(standing=standing, told=told, untold=untold)


def look_and_tell(
    engine: Engine, *, state_dir: Path, terms: AlarmPolicy, teller: Notifier, now: datetime
) -> bool:
    """The same as a step that is repeated: logs what stands, by its key. Raises NotDeliveredError."""
    found = watch(engine, state_dir=state_dir, terms=terms, teller=teller, now=now)
    for alarm in found.standing:
        log.warning("alarm key=%r since=%s", alarm.key, alarm.since.isoformat())
    if found.untold:
        raise NotDeliveredError(found.untold, hint="It is tried again at the next look.")
    return False


def standing_alarms(engine: Engine) -> list[OpenAlarm]:
    """The alarms that stand, as the last look left them."""
    with reading(engine) as connection:
        return store.listed(connection)
