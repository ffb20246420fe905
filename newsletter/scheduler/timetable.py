"""Runs each job at its interval with APScheduler until it is told to stop. Does not decide what is due.

APScheduler plans by the wall clock. When that clock jumps back by two days, no job would run for two days;
`_watch_clock` notices the jump and lets every job run immediately.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

from newsletter.core.errors import StorageError
from newsletter.scheduler.job_runner import JobRunner
from newsletter.scheduler.leader_lock import Leadership

# Seconds between two runs of a job.
INBOX_INTERVAL = 10.0
FETCH_INTERVAL = 60.0  # a look at which source is due; each has its hours
COMPOSE_INTERVAL = 30.0  # a digest that comes so much after its hour is not late for anybody
DELIVER_INTERVAL = 5.0
CHECK_INTERVAL = 60.0
WATCH_INTERVAL = 300.0
PURGE_INTERVAL = 3600.0
HISTORY_INTERVAL = 24 * 3600.0
POLL_INTERVAL = 1.0  # seconds between two checks of the clock and of the request to stop
CLOCK_JUMP = 30.0  # seconds that the wall clock may gain or lose between two checks before jobs are replanned

log = logging.getLogger("newsletter.scheduler")


class Timetable:
    """Several jobs, each in a thread of its own."""

    def __init__(
        self,
        jobs: Sequence[JobRunner],
        *,
        leader: Leadership,
        stopping: threading.Event,
        at_end: Sequence[Callable[[], None]] = (),
        wall: Callable[[], float] = time.time,
    ) -> None:
        """stopping: set at the end; the jobs look at it too. at_end: called when no job runs any more.

        wall: the wall clock, which may jump.
        """
        self._at_end = at_end
        self._wall = wall
        self._leader = leader
        self._stopping = stopping
        self._scheduler = BackgroundScheduler(
            timezone=UTC,
            executors={"default": ThreadPoolExecutor(max_workers=len(jobs))},
            # A late run is not skipped, and one run makes up for several missed ones.
            job_defaults={"coalesce": True, "misfire_grace_time": None, "max_instances": 1},
        )
        # A delivery may take hours. APScheduler warns at each interval that the job still runs.
        logging.getLogger("apscheduler").setLevel(logging.ERROR)
        for job in jobs:
            self._scheduler.add_job(
                job.run, IntervalTrigger(seconds=job.interval), id=job.name, next_run_time=datetime.now(UTC)
            )

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run the jobs during the block; at its end, wait for those in progress."""
        watcher = threading.Thread(target=self._watch_clock, name="clock watcher")
        self._scheduler.start()
        watcher.start()
        log.info("scheduler started")
        if self._another_leads():
            log.info(
                "another scheduler of this newsletter works; this one waits, and takes over when it ends"
            )
        try:
            yield
        finally:
            self._stopping.set()
            watcher.join()
            self._scheduler.shutdown(wait=True)
            for end in self._at_end:
                end()
            self._leader.release()
            log.info("scheduler stopped")

    def _another_leads(self) -> bool:
        try:
            return not self._leader.acquire()
        except StorageError:  # each job tells of it
            return False

    def wait(self, stop: Callable[[], bool]) -> None:
        """Return when `stop` returns True."""
        while not stop():
            time.sleep(POLL_INTERVAL)

    def _watch_clock(self) -> None:
        ahead = self._wall() - time.monotonic()
        while not self._stopping.wait(POLL_INTERVAL):
            now = self._wall() - time.monotonic()
            if abs(now - ahead) > CLOCK_JUMP:
                log.warning("the clock jumped by seconds=%d", now - ahead)
                ahead = now
                for job in self._scheduler.get_jobs():
                    job.modify(next_run_time=datetime.now(UTC))
