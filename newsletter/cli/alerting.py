"""When the settings call something wrong, and whom they tell of it. Looks at nothing and tells nobody."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from newsletter.cli.workspace import Workspace

if TYPE_CHECKING:
    from newsletter.core.alarms import Terms
    from newsletter.ops.alarms.notify import Teller


def terms_of(work: Workspace) -> Terms:
    """When something is wrong."""
    from newsletter.core.alarms import Terms

    told = work.settings.watch
    return Terms(
        quiet=timedelta(hours=told.quiet_hours) if told.quiet_hours else None,
        weekends=told.weekends,
        zone=work.settings.default_timezone,
        waiting=timedelta(hours=told.waiting_hours),
    )


def teller_of(work: Workspace) -> Teller:
    """Who is told of it."""
    from newsletter.ops.alarms.notify import Teller

    told = work.settings.watch
    return Teller(
        name=work.settings.brand.name,
        relays=work.relays if told.mail else (),
        builder=work.builder if told.mail else None,
        address=told.mail,
        webhook=told.webhook or "",
        ping_url=told.ping or "",
    )
