"""APScheduler's wiring: every step gets its turns, until told to stop. No logic of what is due.

Its timetable is by the wall clock, so a clock that jumps back by two days would stop it for two days: `watch`
notices and lets every turn come at once.
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

from newsletter.scheduler.job_runner import JobRunner
from newsletter.scheduler.leader_lock import LeaderLock

WATCH = 1.0  # seconds between two looks at the clock and at whether to stop
JUMP = 30.0  # seconds that the wall clock may gain or lose between two looks before the timetable is redone

log = logging.getLogger("newsletter.scheduler")


class Timetable:
    """Several steps with their turns."""

    def __init__(
        self,
        steps: Sequence[JobRunner],
        *,
        leader: LeaderLock,
        leaving: threading.Event,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """leaving: set when it is to stop; the steps ask it too. wall: a clock that may jump."""
        self._wall = wall
        self._leader = leader
        self._leaving = leaving
        self._jobs = BackgroundScheduler(
            timezone=UTC,
            executors={"default": ThreadPoolExecutor(max_workers=len(steps))},
            # A turn that comes late is no reason to skip it, and one makes up for many.
            job_defaults={"coalesce": True, "misfire_grace_time": None, "max_instances": 1},
        )
        # A delivery may run for hours while its next turns come and find it busy: that is no news.
        logging.getLogger("apscheduler").setLevel(logging.ERROR)
        for step in steps:
            self._jobs.add_job(
                step.turn, IntervalTrigger(seconds=step.every), id=step.name, next_run_time=datetime.now(UTC)
            )

    @contextmanager
    def running(self) -> Iterator[None]:
        """The steps get their turns as long as the block runs; at its end what is under way is finished."""
        watcher = threading.Thread(target=self._watch, name="clock watcher")
        self._jobs.start()
        watcher.start()
        log.info("scheduler started")
        try:
            yield
        finally:
            self._leaving.set()
            watcher.join()
            self._jobs.shutdown(wait=True)
            self._leader.resign()
            log.info("scheduler stopped")

    def wait(self, stop: Callable[[], bool]) -> None:
        """Return when `stop` says so."""
        while not stop():
            time.sleep(WATCH)

    def _watch(self) -> None:
        ahead = self._wall() - time.monotonic()
        while not self._leaving.wait(WATCH):
            now = self._wall() - time.monotonic()
            if abs(now - ahead) > JUMP:
                log.warning("the clock jumped by seconds=%d", now - ahead)
                ahead = now
                for job in self._jobs.get_jobs():
                    job.modify(next_run_time=datetime.now(UTC))
