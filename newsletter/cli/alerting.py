"""Reads the thresholds of alarms and their receivers from the settings. Looks for no alarm."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from newsletter.cli.wiring import Wiring
    from newsletter.core.alarms import AlarmPolicy
    from newsletter.ops.alarms.notify import Notifier
    from newsletter.settings import Settings


def alarm_policy(settings: Settings) -> AlarmPolicy:
    """The thresholds of alarms."""
    from newsletter.core.alarms import AlarmPolicy

    watch = settings.watch
    return AlarmPolicy(
        max_quiet=timedelta(hours=watch.quiet_hours) if watch.quiet_hours else None,
        weekends=watch.weekends,
        zone=settings.default_timezone,
        max_wait=timedelta(hours=watch.waiting_hours),
    )


def make_notifier(wiring: Wiring) -> Notifier:
    """The mail address, webhook and ping that are notified of alarms."""
    from newsletter.ops.alarms.notify import Notifier

    settings = wiring.work.settings
    watch = settings.watch
    return Notifier(
        name=settings.brand.name,
        relays=wiring.relays if watch.mail else (),
        builder=wiring.builder if watch.mail else None,
        address=watch.mail,
        webhook=watch.webhook or "",
        ping_url=watch.ping or "",
    )
