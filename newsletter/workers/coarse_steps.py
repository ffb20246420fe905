"""Names the steps of the pipeline that workers share out, and what each of them defers. Does none itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from newsletter.core.reader_range import ReaderRange, Shard, shard_of
from newsletter.workers.deferring import defer
from newsletter.workers.step import Step

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from newsletter.pipeline.jobs import Jobs

# Queues; the caller has more.
INGEST, COMPOSE, DELIVER, UPKEEP = "ingest", "compose", "deliver", "upkeep"

EVERY_TEN_SECONDS = "* * * * * */10"
EVERY_MINUTE = "* * * * *"
HOURLY = "17 * * * *"
NIGHTLY = "43 2 * * *"  # of UTC
OVERDUE = timedelta(seconds=30)  # after which every worker takes the mail of a shard


class WorkerSteps:
    """The steps of one newsletter, and the looks that defer them."""

    def __init__(
        self, jobs: Jobs, *, shard: Shard | None, stop: Callable[[], bool], upkeep: Sequence[Step] = ()
    ) -> None:
        """shard: of the readers to whom this worker sends first. upkeep: steps that nothing here defers."""
        self._jobs = jobs
        self._shard = shard
        self._stop = stop
        self._publish = Step(name="publish", queue=COMPOSE, run=self.publish, priority=1)
        self._compose = Step(name="compose", queue=COMPOSE, run=self.compose)
        self._deliver = Step(name="deliver", queue=DELIVER, run=self.deliver)
        self.all = (
            Step(name="ingest", queue=INGEST, run=self.ingest, cron=EVERY_TEN_SECONDS, priority=1),
            Step(name="fetch", queue=INGEST, run=jobs.fetch, cron=EVERY_MINUTE),
            self._publish,
            self._compose,
            self._deliver,
            Step(name="tidy", queue=UPKEEP, run=jobs.purge, cron=HOURLY),
            Step(name="history", queue=UPKEEP, run=self.pack, cron=NIGHTLY),
            *upkeep,
        )

    # steps

    def ingest(self) -> None:
        """Ingest what is in the inbox; what is new is published at once."""
        new = False
        while not self._stop() and self._jobs.ingest_inbox():
            new = True
        if new:
            self.look_for_digests()

    def publish(self) -> None:
        """Publish what is new; everybody who is due is composed for then."""
        self._jobs.publish(self._defer_composing)

    def compose(self, first: int, last: int | None) -> None:
        """Compose for those of a range of readers who are due; their mail is sent at once."""
        self._jobs.compose_range(ReaderRange(first, last), self._defer_delivering)

    def deliver(self, shard: str = "") -> None:
        """Send what is due (to the readers of a shard) until nothing is."""
        of = shard_of(shard) if shard else None
        while not self._stop() and self._jobs.deliver(self._stop, shard=of):
            pass

    def pack(self) -> None:
        """Pack months that are old enough."""
        while not self._stop() and self._jobs.roll_up(self._stop):
            pass

    # looks: what the rows say is due is deferred, whatever the engine knows

    def look_for_mail(self) -> bool:
        """Defer the sending of what is due to the readers of this worker's shard."""
        if self._jobs.mail_is_due(shard=self._shard):
            self._write(lambda connection: self._defer_shard(connection, self._shard))
        return False

    def look_for_overdue_mail(self) -> bool:
        """Let every worker send what no worker of its shard has sent."""
        if self._jobs.mail_is_due(since=OVERDUE):
            self._write(lambda connection: self._defer_shard(connection, None))
        return False

    def look_for_digests(self) -> bool:
        """Defer publishing, and composing with it, when something is due."""
        if self._jobs.digests_are_due():
            self._write(lambda connection: defer(connection, self._publish))
        return False

    def _write(self, deferring: Callable[[Connection], object]) -> None:
        from newsletter.db.engine import writing

        with writing(self._jobs.engine) as connection:
            deferring(connection)

    def _defer_composing(self, connection: Connection) -> None:
        for readers in self._jobs.reader_ranges(connection):
            defer(connection, self._compose, first=readers.first, last=readers.last)

    def _defer_delivering(self, connection: Connection) -> None:
        shards = (
            [None] if self._shard is None else [Shard(n + 1, self._shard.of) for n in range(self._shard.of)]
        )
        for shard in shards:
            self._defer_shard(connection, shard)

    def _defer_shard(self, connection: Connection, shard: Shard | None) -> None:
        if shard is None:
            defer(connection, self._deliver)
        else:
            defer(connection, self._deliver, queue=queue_of(shard), shard=str(shard))


def queue_of(shard: Shard) -> str:
    """The queue of the sending jobs of a shard."""
    return f"{DELIVER} {shard}"
