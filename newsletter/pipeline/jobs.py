"""Defines the recurring jobs of a newsletter as steps that return whether there was work. Keeps no time.

Each step checks first and opens a transaction only for work. Steps may run at the same time, in this process
or in another one. `newsletter.scheduler.job_runner` repeats them and handles their failures.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Engine

from newsletter.core.errors import StorageError
from newsletter.core.topics.topic_match import TopicMatcher
from newsletter.db.engine import reading
from newsletter.pipeline import pending_work
from newsletter.pipeline.compose.options import SendOptions
from newsletter.pipeline.deliver.options import DeliveryOptions
from newsletter.pipeline.deliver.run import deliver
from newsletter.pipeline.intake.dump_report import DumpReport
from newsletter.pipeline.intake.fetch import FetchReport
from newsletter.pipeline.intake.inbox import Inbox
from newsletter.pipeline.intake.ingest import ingest_bytes
from newsletter.pipeline.readers.purge import tidy
from newsletter.pipeline.send import prepare

MIN_FREE_BYTES = 200 * 2**20  # on the disk of the state directory; the mail of a day takes a tenth of it

log = logging.getLogger("newsletter.scheduler")


@dataclass(frozen=True, slots=True, kw_only=True)
class Jobs:
    """The jobs of one newsletter."""

    engine: Engine
    state_dir: Path
    inbox: Inbox
    options: SendOptions
    delivery: DeliveryOptions
    clock: Callable[[], datetime]  # aware UTC
    fetch_due: Callable[[datetime], Sequence[FetchReport]] = lambda _now: ()

    def ingest_inbox(self) -> bool:
        """Ingest the complete files of the inbox."""
        return bool(self.inbox.scan(now=self.clock()))

    def fetch(self) -> bool:
        """Fetch the sources whose hour has come."""
        for report in self.fetch_due(self.clock()):
            new = sum(dump.new for dump in report.dumps)
            log.info("fetched source=%s dumps=%d new=%d", report.name, len(report.dumps), new)
        return False  # nothing more is due now

    def compose(self) -> bool:
        """Publish what is new, and compose for everybody who is due."""
        now = self.clock()
        with reading(self.engine) as connection:
            wanted = (
                pending_work.has_news(connection)
                or pending_work.has_due_slots(connection, now=now)
                or pending_work.has_due_canaries(connection, self.options.edition_schedule.canaries, now=now)
            )
        if not wanted:
            return False
        report = prepare(self.engine, self.options, self.delivery, now=now)
        log.info(
            "composed edition=%s mails=%d waiting=%d%s",
            report.edition,
            report.composed,
            report.due,
            "".join(f" {reason.replace(' ', '_')}={n}" for reason, n in sorted(report.closed.items())),
        )
        return False  # nothing more is due now

    def deliver(self, stop: Callable[[], bool]) -> bool:
        """Send the deliveries that are due. stop: see `deliver`. Raises NewsletterError without a server."""
        now = self.clock()
        with reading(self.engine) as connection:
            if not pending_work.has_due_deliveries(connection, locks_dir=self.delivery.locks_dir, now=now):
                return False
        report = deliver(self.engine, self.delivery, now=now, stop=stop)
        log.info(
            "delivered sent=%d deferred=%d failed=%d uncertain=%d skipped=%d",
            report.sent,
            report.deferred,
            report.failed,
            report.uncertain,
            sum(report.skipped.values()),
        )
        for trouble in report.relay_errors:
            log.warning("mail server out of use: %s", trouble.message)
        if report.stopped is not None:
            raise report.stopped
        return report.settled > 0 and not report.interrupted

    def purge(self) -> bool:
        """Delete data that must not be kept."""
        purged = tidy(self.engine, now=self.clock())
        if purged:
            log.info("purged people=%d", purged)
        return False

    def check_disk(self) -> bool:
        """Check the free space. Raises StorageError when the disk is nearly full."""
        free = shutil.disk_usage(self.state_dir).free
        if free < MIN_FREE_BYTES:
            raise StorageError(
                f"{free // 2**20} MiB are free on the disk of the state directory",
                hint="Make room: without it nothing can be ingested, composed or sent.",
            )
        return False


def inbox_ingester(
    engine: Engine, *, archive: Path, matcher: TopicMatcher
) -> Callable[[bytes, str, datetime], DumpReport]:
    """A function that ingests bytes of the inbox. archive: the folder of raw bytes."""

    def take(data: bytes, name: str, now: datetime) -> DumpReport:
        return ingest_bytes(engine, data, name=name, archive=archive, matcher=matcher, now=now)

    return take
