"""Builds the ways by which bounces, complaints and replies come in, from the settings. Opens none."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from newsletter.cli.wiring import Wiring
    from newsletter.inbound.intakes.intake import Intake, Take


def make_take(wiring: Wiring) -> Take:
    """The door for messages."""
    from newsletter.cli.wiring import inbound_options
    from newsletter.pipeline.inbound.take import take

    work = wiring.work
    door = partial(take, work.engine, options=inbound_options(wiring))
    return lambda data, *, recipient, source: door(
        data, recipient=recipient, source=source, now=datetime.now(UTC)
    )


def make_intakes(wiring: Wiring) -> tuple[Intake, ...]:
    """The configured intakes that a scheduler steps through; webhooks belong to the web pages."""
    settings = wiring.work.settings.inbound
    found: list[Intake] = []
    if settings.maildir.path:
        from newsletter.inbound.intakes.maildir import MaildirIntake

        folder = wiring.work.state_dir / settings.maildir.path
        found.append(MaildirIntake(folder, take=make_take(wiring), keep=settings.maildir.keep))
    if settings.lmtp.address:
        from newsletter.inbound.intakes.lmtp import LmtpAddress, LmtpIntake

        found.append(LmtpIntake(LmtpAddress.of(settings.lmtp.address), take=make_take(wiring)))
    return tuple(found)
