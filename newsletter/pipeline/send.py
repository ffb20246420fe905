"""Sending: publish, compose, deliver, in this order. Each step is idempotent; so is the whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, func, select

from newsletter.core.errors import NewsletterError
from newsletter.core.states import SkipReason
from newsletter.db.engine import rolled_back, writing
from newsletter.db.schema import deliveries
from newsletter.delivery.outbox.claims import WAITING, expire
from newsletter.delivery.outbox.recovery import recover
from newsletter.papers import editions
from newsletter.pipeline.compose import canaries
from newsletter.pipeline.compose.compose import ComposeReport, Renderer, compose_in
from newsletter.pipeline.compose.nothing_new_note import post_notes
from newsletter.pipeline.content.transactional import TransactionalRenderer
from newsletter.pipeline.deliver.options import DeliveryOptions
from newsletter.pipeline.deliver.run import deliver
from newsletter.pipeline.publish import publish_in


@dataclass(frozen=True, slots=True, kw_only=True)
class EditionSchedule:
    """How editions are dated and held back."""

    zone: str = "UTC"  # whose date an edition bears
    hold: timedelta = timedelta(0)  # between the last ingest and readiness, for an admin to look
    canaries: tuple[str, ...] = ()  # addresses of the readers who get an edition when it is published


@dataclass(slots=True, kw_only=True)
class SendReport:
    """What one run did, in mails."""

    edition: int | None = None  # the newest there is
    due: int = 0  # mails that this run had to send, waiting ones included
    composed: int = 0
    sent: int = 0
    deferred: int = 0
    failed: int = 0
    uncertain: int = 0
    skipped: dict[str, int] = field(default_factory=dict)
    closed: dict[str, int] = field(default_factory=dict)  # slots that passed without a mail, by reason
    stopped: NewsletterError | None = None  # why the run ended before its work did
    held: dict[int, str] = field(default_factory=dict)  # editions that were held by themselves, and why
    troubles: list[NewsletterError] = field(default_factory=list)  # relays out of use while others worked
    dry_run: bool = False

    @property
    def complete(self) -> bool:
        """Whether everything that was due was accepted."""
        return not (self.deferred or self.failed or self.uncertain or self.stopped)

    def as_json(self) -> dict[str, Any]:
        """The JSON of `newsletter send`."""
        return {
            "edition": self.edition,
            "due": self.due,
            "composed": self.composed,
            "sent": self.sent,
            "deferred": self.deferred,
            "failed": self.failed,
            "uncertain": self.uncertain,
            "skipped": self.skipped,
            "closed": self.closed,
            "held": sorted(self.held),
            "dry_run": self.dry_run,
        }


def send(
    engine: Engine,
    *,
    now: datetime,
    press: Renderer,
    post: DeliveryOptions,
    calendar: EditionSchedule,
    notes: TransactionalRenderer | None = None,
    everyone: bool = False,
    only: int | None = None,
    stop: Callable[[], bool] = lambda: False,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> SendReport:
    """Publish what is new, compose what is due at `now` (aware), deliver what waits.

    notes: what renders the note to whoever's slot brings nothing new; None: no note. everyone: all with
    debts, regardless of the hour. only: one subscriber's id. stop: see `deliver`.
    progress: told the mails that have an outcome, and those that were due.
    """
    report = prepare(
        engine, now=now, press=press, post=post, calendar=calendar, notes=notes, everyone=everyone, only=only
    )
    delivered = deliver(
        engine, post, now=now, only=only, stop=stop, settled=lambda mails: progress(mails, report.due)
    )
    report.sent = delivered.sent
    report.deferred = delivered.deferred
    report.failed = delivered.failed
    report.uncertain += delivered.uncertain
    for reason, number in delivered.skipped.items():
        report.skipped[reason] = report.skipped.get(reason, 0) + number
    report.stopped = delivered.stopped
    report.troubles = delivered.troubles
    report.held = delivered.held
    return report


def prepare(
    engine: Engine,
    *,
    now: datetime,
    press: Renderer,
    post: DeliveryOptions,
    calendar: EditionSchedule,
    notes: TransactionalRenderer | None = None,
    everyone: bool = False,
    only: int | None = None,
) -> SendReport:
    """All of `send` but the delivering, in one transaction; its report as far as it goes."""
    with writing(engine, alone=True) as connection:
        # First what earlier runs left behind: papers of dead or late mails belong into these digests.
        uncertain = recover(
            connection, locks_dir=post.locks_dir, now=now, wall=post.wall(), mode=post.uncertain
        )
        expired = expire(connection, now=now)
        if publish_in(connection, now=now, zone=calendar.zone, hold=calendar.hold) is not None:
            canaries.warn(connection, calendar.canaries)
        composed = compose_in(
            connection,
            now=now,
            press=press,
            everyone=everyone,
            only=only,
            canaries=calendar.canaries,
        )
        if notes is not None:
            post_notes(connection, press=notes, now=now)
        report = _report(connection, composed, now=now, only=only)
    report.uncertain = uncertain
    if expired:
        report.skipped[SkipReason.EXPIRED.value] = expired
    return report


def dry_run(
    engine: Engine,
    *,
    now: datetime,
    press: Renderer,
    calendar: EditionSchedule,
    everyone: bool = False,
    only: int | None = None,
) -> SendReport:
    """What `send` would compose, by doing it and taking it back; nothing is stored or sent."""
    with rolled_back(engine) as connection:
        expire(connection, now=now)
        publish_in(connection, now=now, zone=calendar.zone, hold=calendar.hold)
        composed = compose_in(
            connection,
            now=now,
            press=press,
            everyone=everyone,
            only=only,
            canaries=calendar.canaries,
        )
        report = _report(connection, composed, now=now, only=only)
    report.dry_run = True
    return report


def _report(
    connection: Connection, composed: ComposeReport, *, now: datetime, only: int | None
) -> SendReport:
    waiting = select(func.count()).select_from(deliveries).where(WAITING, deliveries.c.next_attempt_at <= now)
    if only is not None:
        waiting = waiting.where(deliveries.c.subscriber_id == only)
    return SendReport(
        edition=editions.newest(connection),
        due=connection.execute(waiting).scalar_one(),
        composed=composed.composed,
        closed=composed.closed,
    )
