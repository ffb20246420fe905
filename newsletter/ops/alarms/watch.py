"""Checks once for alarms and notifies the admin of changes. Does not repeat itself: the scheduler does."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Engine

from newsletter.core.alarms import AlarmPolicy, alarms_of
from newsletter.db.engine import writing
from newsletter.ops.alarms import store
from newsletter.ops.alarms.facts import gather
from newsletter.ops.alarms.notify import NotDeliveredError, Notifier
from newsletter.ops.alarms.store import OpenAlarm

log = logging.getLogger("newsletter.watch")


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchReport:
    """The result of one check."""

    open: list[OpenAlarm]  # the oldest first
    notified: int = 0  # alarms that began or ended and were reported
    error: str = ""  # why a notification failed; the next check repeats it


def watch(
    engine: Engine, *, state_dir: Path, policy: AlarmPolicy, notifier: Notifier | None, now: datetime
) -> WatchReport:
    """Check at `now` (aware) and report changes; without a notifier nobody is notified.

    No transaction is open during a notification. After a crash the same change may be reported twice.
    """
    with writing(engine) as connection:
        facts = gather(connection, state_dir=state_dir, now=now)
        store.update_open(connection, alarms_of(facts, policy), now=now)
        open_alarms = store.open_alarms(connection)
        changes = store.unreported(connection, now=now)
    if notifier is None:
        return WatchReport(open=open_alarms)
    errors = []
    notified = 0
    if changes:
        try:
            notifier.notify(changes, now=now)
            notified = len(changes.begun) + len(changes.ended)
            with writing(engine) as connection:
                store.mark_reported(connection, changes, now=now)
        except NotDeliveredError as error:
            errors.append(error.message)
    try:
        notifier.ping()
    except NotDeliveredError as error:
        errors.append(error.message)
    return WatchReport(open=open_alarms, notified=notified, error="; ".join(errors))


def watch_step(
    engine: Engine, *, state_dir: Path, policy: AlarmPolicy, notifier: Notifier, now: datetime
) -> bool:
    """`watch` as a step of the scheduler: logs the key of each open alarm. Raises NotDeliveredError."""
    report = watch(engine, state_dir=state_dir, policy=policy, notifier=notifier, now=now)
    for alarm in report.open:
        log.warning("alarm key=%r since=%s", alarm.key, alarm.since.isoformat())
    if report.error:
        raise NotDeliveredError(report.error, hint="It is tried again at the next look.")
    return False
