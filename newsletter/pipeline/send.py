"""Publishes, composes and delivers, in this order. It decides nothing; a second run repeats nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, func, select

from newsletter.core.errors import NewsletterError
from newsletter.core.reader_range import EVERY_READER, ReaderRange
from newsletter.core.states import SkipReason
from newsletter.db.engine import reading, rolled_back, writing
from newsletter.db.schema import deliveries
from newsletter.delivery.outbox.claims import expire, expire_all
from newsletter.delivery.outbox.held_mail import WAITING
from newsletter.delivery.outbox.recovery import recover
from newsletter.papers import editions
from newsletter.pipeline.compose import canaries
from newsletter.pipeline.compose.compose import ComposeReport, compose, compose_in
from newsletter.pipeline.compose.options import SendOptions
from newsletter.pipeline.deliver.options import DeliveryOptions
from newsletter.pipeline.deliver.run import deliver
from newsletter.pipeline.publish import publish_in


@dataclass(slots=True, kw_only=True)
class SendReport:
    """The outcome of one run, in deliveries."""

    edition: int | None = None  # the newest one that goes out, so none that is held
    due: int = 0  # deliveries that were due in this run, those from earlier runs included
    composed: int = 0
    sent: int = 0
    deferred: int = 0
    failed: int = 0
    uncertain: int = 0
    skipped: dict[str, int] = field(default_factory=dict)
    closed: dict[str, int] = field(default_factory=dict)  # slots that passed without a digest, by reason
    stopped: NewsletterError | None = None  # why the run ended before its work did
    held: dict[int, str] = field(default_factory=dict)  # editions that the program held, and why
    relay_errors: list[NewsletterError] = field(default_factory=list)  # relays out of use while others worked
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
    options: SendOptions,
    delivery: DeliveryOptions,
    *,
    now: datetime,
    stop: Callable[[], bool] = lambda: False,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> SendReport:
    """Publish what is new, compose what is due at `now` (aware), deliver what waits.

    stop: see `deliver`. progress: called with the number of messages that have an outcome, and of those due.
    """
    report = prepare(engine, options, delivery, now=now)
    delivered = deliver(
        engine,
        delivery,
        now=now,
        only=options.only,
        stop=stop,
        settled=lambda done: progress(done, report.due),
    )
    report.sent = delivered.sent
    report.deferred = delivered.deferred
    report.failed = delivered.failed
    report.uncertain += delivered.uncertain
    for reason, number in delivered.skipped.items():
        report.skipped[reason] = report.skipped.get(reason, 0) + number
    report.stopped = delivered.stopped
    report.relay_errors = delivered.relay_errors
    report.held = delivered.held
    return report


def prepare(
    engine: Engine,
    options: SendOptions,
    delivery: DeliveryOptions,
    *,
    now: datetime,
    within: ReaderRange = EVERY_READER,
) -> SendReport:
    """Do all of `send` except delivering; returns the report so far. within: the readers to compose for."""
    uncertain = publish_news(engine, options, delivery, now=now)
    return compose_due(engine, options, now=now, within=within, uncertain=uncertain)


def publish_news(
    engine: Engine,
    options: SendOptions,
    delivery: DeliveryOptions,
    *,
    now: datetime,
    alongside: Callable[[Connection], None] = lambda _connection: None,
) -> int:
    """Recover messages of dead senders and publish what is new; returns how many messages became uncertain.

    alongside: called at the end of the transaction.
    """
    with writing(engine, exclusive=True) as connection:
        # First what earlier runs left behind: papers of expired messages belong in these digests.
        uncertain = recover(
            connection,
            locks_dir=delivery.locks_dir,
            now=now,
            wall=delivery.wall(),
            mode=delivery.uncertain,
        )
        schedule = options.edition_schedule
        if publish_in(connection, now=now, zone=schedule.zone, hold=schedule.hold) is not None:
            canaries.warn_of_unknown(connection, schedule.canaries)
        alongside(connection)
    return uncertain


def compose_due(
    engine: Engine,
    options: SendOptions,
    *,
    now: datetime,
    within: ReaderRange = EVERY_READER,
    uncertain: int = 0,
    alongside: Callable[[Connection], None] = lambda _connection: None,
) -> SendReport:
    """Compose what is due, and report with what waits. alongside: see `compose`."""
    expired = expire_all(engine, now=now)
    composed = compose(engine, options, now=now, within=within, alongside=alongside)
    with reading(engine) as connection:
        report = _report(connection, composed, now=now, only=options.only)
    report.uncertain = uncertain
    if expired:
        report.skipped[SkipReason.EXPIRED.value] = expired
    return report


def dry_run(engine: Engine, options: SendOptions, *, now: datetime) -> SendReport:
    """Report what `send` would compose: compose and roll back. Nothing is stored or sent."""
    with rolled_back(engine) as connection:
        expire(connection, now=now)
        schedule = options.edition_schedule
        publish_in(connection, now=now, zone=schedule.zone, hold=schedule.hold)
        composed = compose_in(connection, options, now=now)
        report = _report(connection, composed, now=now, only=options.only)
    report.dry_run = True
    return report


def _report(
    connection: Connection, composed: ComposeReport, *, now: datetime, only: int | None
) -> SendReport:
    waiting = select(func.count()).select_from(deliveries).where(WAITING, deliveries.c.next_attempt_at <= now)
    if only is not None:
        waiting = waiting.where(deliveries.c.subscriber_id == only)
    return SendReport(
        edition=editions.newest_ready(connection, now=now),
        due=connection.execute(waiting).scalar_one(),
        composed=composed.composed,
        closed=composed.closed,
    )
