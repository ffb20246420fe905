"""Defines the recurring jobs of a newsletter as steps that return whether there was work. Keeps no time.

Each step checks first and opens a transaction only for work. Steps may run at the same time, in this process
or in another one. `newsletter.scheduler.job_runner` repeats them and handles their failures.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection, Engine

from newsletter.core.errors import StorageError
from newsletter.core.reader_range import ReaderRange, Shard, ranges_up_to
from newsletter.core.topics.topic_match import TopicMatcher
from newsletter.db.engine import reading
from newsletter.pipeline import pending_work
from newsletter.pipeline.compose.options import SendOptions
from newsletter.pipeline.deliver.options import DeliveryOptions
from newsletter.pipeline.deliver.run import deliver
from newsletter.pipeline.explain.audit import prove
from newsletter.pipeline.history.roll_up import roll_up
from newsletter.pipeline.history.seal_watch import check_seals
from newsletter.pipeline.intake.dump_report import DumpReport
from newsletter.pipeline.intake.fetch import FetchReport
from newsletter.pipeline.intake.inbox import Inbox
from newsletter.pipeline.intake.ingest import ingest_bytes
from newsletter.pipeline.readers.purge import tidy
from newsletter.pipeline.send import SendReport, compose_due, prepare, publish_news
from subscribers import audience

READERS_IN_A_RANGE = 50_000  # composed in some seconds; each range puts its readers in line once
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
    keep_days: int = 90  # for which mail is kept as it was sent
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
        if not self.digests_are_due():
            return False
        _log_composed(prepare(self.engine, self.options, self.delivery, now=self.clock()))
        return False  # nothing more is due now

    def digests_are_due(self) -> bool:
        """Whether there is something to publish or to compose."""
        now = self.clock()
        with reading(self.engine) as connection:
            return (
                pending_work.has_news(connection)
                or pending_work.has_due_slots(connection, now=now)
                or pending_work.has_due_canaries(connection, self.options.edition_schedule.canaries, now=now)
            )

    def reader_ranges(self, connection: Connection) -> list[ReaderRange]:
        """The ranges of readers that are composed for one by one."""
        return ranges_up_to(audience.newest(connection), at_once=READERS_IN_A_RANGE)

    def publish(self, alongside: Callable[[Connection], None]) -> None:
        """Publish what is new. alongside: called at the end of the transaction."""
        publish_news(self.engine, self.options, self.delivery, now=self.clock(), alongside=alongside)

    def compose_range(self, within: ReaderRange, alongside: Callable[[Connection], None]) -> None:
        """Compose for those of a range of readers who are due. alongside: see `compose`."""
        report = compose_due(self.engine, self.options, now=self.clock(), within=within, alongside=alongside)
        _log_composed(report)

    def mail_is_due(self, *, since: timedelta = timedelta(0), shard: Shard | None = None) -> bool:
        """Whether a message is due since so long (to a reader of `shard`), or a dead sender held one."""
        with reading(self.engine) as connection:
            return pending_work.has_due_deliveries(
                connection, locks_dir=self.delivery.locks_dir, now=self.clock() - since, shard=shard
            )

    def deliver(self, stop: Callable[[], bool], *, shard: Shard | None = None) -> bool:
        """Send the deliveries that are due. stop: see `deliver`. Raises NewsletterError without a server."""
        if not self.mail_is_due(shard=shard):
            return False
        report = deliver(self.engine, self.delivery, now=self.clock(), shard=shard, stop=stop)
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

    def roll_up(self, stop: Callable[[], bool]) -> bool:
        """Pack months that are old enough, and check the seals of packed ones. stop: see `roll_up`."""
        now = self.clock()
        report = roll_up(self.engine, keep_days=self.keep_days, now=now, prove=prove, stop=stop)
        if report.months:
            log.info("packed months=%s mails=%d", ",".join(report.months), report.deliveries)
        broken = [check.name for check in check_seals(self.engine, now=now) if not check.matches]
        if broken:
            log.error("packed months=%s do not match their seals", ",".join(broken))
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


def _log_composed(report: SendReport) -> None:
    log.info(
        "composed edition=%s mails=%d waiting=%d%s",
        report.edition,
        report.composed,
        report.due,
        "".join(f" {reason.replace(' ', '_')}={n}" for reason, n in sorted(report.closed.items())),
    )


def inbox_ingester(
    engine: Engine, *, archive: Path, matcher: TopicMatcher
) -> Callable[[bytes, str, datetime], DumpReport]:
    """A function that ingests bytes of the inbox. archive: the folder of raw bytes."""

    def take(data: bytes, name: str, now: datetime) -> DumpReport:
        return ingest_bytes(engine, data, name=name, archive=archive, matcher=matcher, now=now)

    return take
