"""Sends what people wait for as soon as it is asked for: answers requests, delivers letters, purges.

A thread of the web process; several processes may have one each. Digests are not its business. It repeats one
step that tells whether there was work; what is due is rows, so that a restart loses nothing.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import Engine

from newsletter.core.errors import NewsletterError
from newsletter.db.engine import reading
from newsletter.delivery.outbox.claims import letters_wait
from newsletter.pipeline.content.transactional import TransactionalRenderer
from newsletter.pipeline.deliver.options import DeliveryOptions
from newsletter.pipeline.deliver.run import deliver
from newsletter.pipeline.readers import signup_requests
from newsletter.pipeline.readers.policy import ReaderPolicy, RequestLimits
from newsletter.pipeline.readers.purge import tidy

LOOK = 5.0  # seconds between two looks at what other processes may have left
GATHER = 0.25  # seconds after somebody asks: what comes together is answered together, and what an answer
# takes shows in nobody's next page
BATCHES = 20  # of requests that are answered before their letters are sent
# Seconds after an error, such as a mail server that is started anew; twice as long each time.
FIRST_REST = 2.0
REST = 30.0  # seconds at most, while it is down
TIDY = 3600.0  # seconds between two purges

log = logging.getLogger("newsletter.postman")


class RequestMailer:
    """One thread that sends letters."""

    def __init__(
        self,
        engine: Engine,
        *,
        post: DeliveryOptions,
        press: TransactionalRenderer,
        policy: ReaderPolicy,
        request_limits: RequestLimits,
        clock: Callable[[], datetime],
    ) -> None:
        self._engine = engine
        self._post = post
        self._press = press
        self._policy = policy
        self._request_limits = request_limits
        self._clock = clock
        self._asked = threading.Event()
        self._leaving = threading.Event()
        self._tidied_at = time.monotonic() - TIDY

    def wake(self) -> None:
        """Something waits."""
        self._asked.set()

    @contextmanager
    def running(self) -> Iterator[None]:
        """The thread, as long as the block runs; at its end what is on the wire is finished first."""
        thread = threading.Thread(target=self._run, name="postman")
        thread.start()
        try:
            yield
        finally:
            self._leaving.set()
            self._asked.set()
            thread.join()

    def step(self) -> bool:
        """Answer some requests and deliver the letters that wait; whether more may wait already.

        Raises NewsletterError when the database or the mail server cannot be used.
        """
        now = self._clock()
        if time.monotonic() - self._tidied_at >= TIDY:  # first: also while no mail server can be reached
            self._tidied_at = time.monotonic()
            tidy(self._engine, now=now)
        answered = 0
        for _ in range(BATCHES):
            answered = signup_requests.answer(
                self._engine,
                policy=self._policy,
                press=self._press,
                request_limits=self._request_limits,
                now=now,
            )
            if answered == 0:
                break
        with reading(self._engine) as connection:
            waits = letters_wait(connection, now=self._clock())
        if waits:
            counts = deliver(
                self._engine, self._post, now=self._clock(), letters_only=True, stop=self._leaving.is_set
            )
            if counts.stopped is not None:
                raise counts.stopped
        return bool(answered)

    def _run(self) -> None:
        rest = FIRST_REST
        while not self._leaving.is_set():
            try:
                if not self.step() and self._asked.wait(LOOK):
                    self._leaving.wait(GATHER)
                self._asked.clear()
                rest = FIRST_REST
                continue
            except NewsletterError as error:
                log.error("letters wait: %s", error)
            except Exception:  # whatever it was, the next request must find a postman
                log.exception("letters wait")
            self._leaving.wait(rest)  # however many ask meanwhile
            rest = min(2 * rest, REST)
