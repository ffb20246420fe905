"""Answers requests of the web pages, sends the mail that people wait for, and purges. Sends no digest.

It is a thread of the web process; each of several processes may have one. Requests and deliveries are rows,
so that a restart loses nothing.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import Engine

from newsletter.db.engine import reading
from newsletter.delivery.outbox.claims import transactional_waits
from newsletter.pipeline.content.transactional import TransactionalRenderer
from newsletter.pipeline.deliver.options import DeliveryOptions
from newsletter.pipeline.deliver.run import deliver
from newsletter.pipeline.readers import signup_requests
from newsletter.pipeline.readers.policy import ReaderPolicy, RequestLimits
from newsletter.pipeline.readers.purge import tidy
from newsletter.scheduler.job_runner import BackOff, JobRunner

POLL_INTERVAL = 5.0  # seconds between two queries for rows of other processes
GATHER_DELAY = 0.25  # seconds after a request: requests that come together are answered together, and the
# time that an answer takes does not show in the next page
BATCHES = 20  # of requests that are answered before their mail is sent
BACK_OFF = BackOff(first=2.0, longest=30.0)  # seconds: a person waits while the mail server is restarted
PURGE_INTERVAL = 3600.0  # seconds


class RequestMailer:
    """One thread that answers requests and sends their mail."""

    def __init__(
        self,
        engine: Engine,
        *,
        options: DeliveryOptions,
        renderer: TransactionalRenderer,
        policy: ReaderPolicy,
        request_limits: RequestLimits,
        clock: Callable[[], datetime],
    ) -> None:
        self._engine = engine
        self._options = options
        self._renderer = renderer
        self._policy = policy
        self._request_limits = request_limits
        self._clock = clock
        self._asked = threading.Event()
        self._stopping = threading.Event()
        self._purged_at = time.monotonic() - PURGE_INTERVAL
        self._job = JobRunner(
            "requests",
            self.step,
            engine=engine,
            interval=POLL_INTERVAL,
            back_off=BACK_OFF,
            stop=self._stopping.is_set,
            log=logging.getLogger("newsletter.postman"),
        )

    def wake(self) -> None:
        """Answer soon: a request was stored."""
        self._asked.set()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run the thread during the block; at its end, wait for messages that are being sent."""
        thread = threading.Thread(target=self._run, name="request mailer")
        thread.start()
        try:
            yield
        finally:
            self._stopping.set()
            self._asked.set()
            thread.join()

    def step(self) -> bool:
        """Answer some requests and send the transactional mail that is due. Returns whether more may be due.

        Raises NewsletterError when the database or the mail server cannot be used.
        """
        now = self._clock()
        if time.monotonic() - self._purged_at >= PURGE_INTERVAL:  # first: it needs no mail server
            self._purged_at = time.monotonic()
            tidy(self._engine, now=now)
        answered = 0
        for _ in range(BATCHES):
            answered = signup_requests.answer(
                self._engine,
                policy=self._policy,
                renderer=self._renderer,
                request_limits=self._request_limits,
                now=now,
            )
            if answered == 0:
                break
        with reading(self._engine) as connection:
            waits = transactional_waits(connection, now=self._clock())
        if waits:
            counts = deliver(
                self._engine,
                self._options,
                now=self._clock(),
                transactional_only=True,
                stop=self._stopping.is_set,
            )
            if counts.stopped is not None:
                raise counts.stopped
        return bool(answered)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._job.run()
            if self._job.failures:
                self._stopping.wait(self._job.delay_left)  # however many requests come in meanwhile
            elif self._asked.wait(POLL_INTERVAL):
                self._stopping.wait(GATHER_DELAY)
            self._asked.clear()
