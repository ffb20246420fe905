"""When the settings call something wrong, and whom they tell of it. Looks at nothing and tells nobody."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from newsletter.cli.workspace import Workspace

if TYPE_CHECKING:
    from newsletter.core.alarms import AlarmPolicy
    from newsletter.ops.alarms.notify import Notifier


def terms_of(work: Workspace) -> AlarmPolicy:
    """When something is wrong."""
    from newsletter.core.alarms import AlarmPolicy

    told = work.settings.watch
    return AlarmPolicy(
        quiet=timedelta(hours=told.quiet_hours) if told.quiet_hours else None,
        weekends=told.weekends,
        zone=work.settings.default_timezone,
        waiting=timedelta(hours=told.waiting_hours),
    )


def teller_of(work: Workspace) -> Notifier:
    """Who is told of it."""
    from newsletter.ops.alarms.notify import Notifier

    told = work.settings.watch
    return Notifier(
        name=work.settings.brand.name,
        relays=work.relays if told.mail else (),
        builder=work.builder if told.mail else None,
        address=told.mail,
        webhook=told.webhook or "",
        ping_url=told.ping or "",
    )
