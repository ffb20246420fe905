"""Defines the options of a delivery run and its report: values, no behaviour."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from newsletter.core.errors import NewsletterError
from newsletter.core.mail.retry import Fate
from newsletter.core.mail.values import Builder
from newsletter.core.states import SkipReason
from newsletter.delivery.outbox.claims import ClaimedMail
from newsletter.delivery.outbox.rate_counters import Limits
from newsletter.delivery.outbox.recovery import Uncertain
from newsletter.delivery.smtp.relay import Relay
from newsletter.pipeline.deliver.edition_guard import NO_GUARD, GuardPolicy


@dataclass(slots=True, kw_only=True)
class DeliveryReport:
    """The result of one run, in messages."""

    sent: int = 0
    deferred: int = 0
    failed: int = 0
    uncertain: int = 0  # includes those found after a crash
    skipped: dict[str, int] = field(default_factory=dict)  # by SkipReason
    stopped: NewsletterError | None = None  # why the run ended early
    relay_errors: list[NewsletterError] = field(default_factory=list)  # relays out of use while others worked
    held: dict[int, str] = field(default_factory=dict)  # editions that the guard held, with the reason
    interrupted: bool = False  # it was asked to stop

    @property
    def settled(self) -> int:
        """Messages that were tried and have an outcome."""
        return self.sent + self.deferred + self.failed + self.uncertain

    def add(self, fate: Fate) -> None:
        """Count one message's outcome."""
        if fate is Fate.SENT:
            self.sent += 1
        elif fate is Fate.RETRY:
            self.deferred += 1
        elif fate is Fate.UNCERTAIN:
            self.uncertain += 1
        elif fate is Fate.EXPIRED:
            self.skip(SkipReason.EXPIRED, 1)
        else:
            self.failed += 1

    def refuse(self, mails: int) -> None:
        """Move messages from deferred to failed: they are refused after all."""
        self.deferred -= mails
        self.failed += mails

    def skip(self, reason: SkipReason, number: int) -> None:
        """Count skipped messages."""
        if number:
            self.skipped[reason.value] = self.skipped.get(reason.value, 0) + number


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryOptions:
    """What a run needs and does not decide."""

    relays: Sequence[Relay]
    builder: Builder
    links: Callable[[ClaimedMail], Mapping[str, str]]  # the values that only this message prints, by slot
    locks_dir: Path
    suppression_key: bytes  # hashes an address that a hard refusal suppresses
    wall: Callable[[], datetime]  # the real time, for leases and limits; never simulated
    uncertain: Uncertain = Uncertain.MEND
    limits: Limits = field(default_factory=Limits)
    guard_policy: GuardPolicy = NO_GUARD  # when an edition is held automatically
    jitter: Callable[[], float] = random.random  # 0 to 1
