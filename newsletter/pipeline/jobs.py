"""What a newsletter needs done again and again, as steps that tell whether there was work. Keeps no time.

Each looks first and opens a transaction only for work; each may run beside any other, here or elsewhere. Who
repeats them, and what becomes of a step that fails, is `newsletter.scheduler.job_runner`.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
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
from newsletter.pipeline.intake.inbox import Inbox
from newsletter.pipeline.intake.ingest import ingest_bytes
from newsletter.pipeline.readers.purge import tidy
from newsletter.pipeline.send import prepare

LEAST_ROOM = 200 * 2**20  # bytes free on the disk of the state directory; a day's mail takes a tenth of it

log = logging.getLogger("newsletter.scheduler")


@dataclass(frozen=True, slots=True, kw_only=True)
class Jobs:
    """One newsletter's standing work."""

    engine: Engine
    state_dir: Path
    inbox: Inbox
    options: SendOptions
    delivery: DeliveryOptions
    clock: Callable[[], datetime]  # aware UTC

    def take_in(self) -> bool:
        """Look into the inbox and ingest what is complete."""
        return bool(self.inbox.look(now=self.clock()))

    def compose(self) -> bool:
        """Publish what is new, and compose for everybody who is due."""
        now = self.clock()
        with reading(self.engine) as connection:
            wanted = (
                pending_work.news_wait(connection)
                or pending_work.slots_wait(connection, now=now)
                or pending_work.canaries_wait(connection, self.options.edition_schedule.canaries, now=now)
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
        return False  # what it left is not for now

    def deliver(self, stop: Callable[[], bool]) -> bool:
        """Send what waits; stop: see `deliver`. Raises NewsletterError when no server can be used."""
        now = self.clock()
        with reading(self.engine) as connection:
            if not pending_work.mails_wait(connection, locks_dir=self.delivery.locks_dir, now=now):
                return False
        counts = deliver(self.engine, self.delivery, now=now, stop=stop)
        log.info(
            "delivered sent=%d deferred=%d failed=%d uncertain=%d skipped=%d",
            counts.sent,
            counts.deferred,
            counts.failed,
            counts.uncertain,
            sum(counts.skipped.values()),
        )
        for trouble in counts.relay_errors:
            log.warning("mail server out of use: %s", trouble.message)
        if counts.stopped is not None:
            raise counts.stopped
        return counts.settled > 0 and not counts.interrupted

    def tidy(self) -> bool:
        """Drop what is not to be kept."""
        gone = tidy(self.engine, now=self.clock())
        if gone:
            log.info("purged people=%d", gone)
        return False

    def check(self) -> bool:
        """Look at the disk. Raises StorageError when it is nearly full."""
        free = shutil.disk_usage(self.state_dir).free
        if free < LEAST_ROOM:
            raise StorageError(
                f"{free // 2**20} MiB are free on the disk of the state directory",
                hint="Make room: without it nothing can be ingested, composed or sent.",
            )
        return False


def taker(
    engine: Engine, *, archive: Path, matcher: TopicMatcher
) -> Callable[[bytes, str, datetime], DumpReport]:
    """What ingests a dump of the inbox. archive: the folder of raw bytes."""

    def take(data: bytes, name: str, now: datetime) -> DumpReport:
        return ingest_bytes(engine, data, name=name, archive=archive, matcher=matcher, now=now)

    return take
