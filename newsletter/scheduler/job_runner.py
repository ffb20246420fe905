"""Repeats one step while there is work, logs a failure, and then waits longer after each further failure.

Knows no step. It measures delays with a clock that never jumps, so a wrong wall clock cannot stop a step.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Engine

from newsletter.core.errors import NewsletterError

log = logging.getLogger("newsletter.scheduler")


@dataclass(frozen=True, slots=True, kw_only=True)
class BackOff:
    """Delays after failures: each is twice as long as the one before."""

    first: float = 10.0  # seconds after the first failure
    longest: float = 900.0  # a quarter of an hour: a server that works again is noticed within it

    def delay(self, failures: int) -> float:
        """Seconds to wait after so many failures in a row."""
        return float(min(self.longest, self.first * 2 ** min(failures - 1, 20)))


class JobRunner:
    """One step, its failures and its delays. Two threads must not run it at the same time."""

    def __init__(
        self,
        name: str,
        step: Callable[[], bool],
        *,
        engine: Engine,
        interval: float,
        back_off: BackOff = BackOff(),
        is_leader: Callable[[], bool] = lambda: True,
        stop: Callable[[], bool] = lambda: False,
        clock: Callable[[], float] = time.monotonic,
        log: logging.Logger = log,
    ) -> None:
        """step: returns whether there was work. interval: seconds between two runs, for the caller of `run`.

        is_leader: whether this process is to do the work. stop: whether to leave further work for later.
        """
        self.name = name
        self.interval = interval
        self.failures = 0  # in a row
        self.last_error = ""  # message of the latest failure; empty after a success
        self._step = step
        self._engine = engine
        self._back_off = back_off
        self._is_leader = is_leader
        self._stop = stop
        self._clock = clock
        self._log = log
        self._next_at: float | None = None  # on that clock; None: no delay

    @property
    def delay_left(self) -> float:
        """Seconds until `run` tries again; 0 when it may run now."""
        return 0.0 if self._next_at is None else max(0.0, self._next_at - self._clock())

    def run(self) -> None:
        """Repeat the step while there is work, except during a delay or when another process leads.

        Raises nothing.
        """
        if self.delay_left:
            return
        try:
            if self._is_leader():
                while not self._stop() and self._step():
                    pass
        except NewsletterError as error:
            self._fail(error.message if not error.hint else f"{error.message}: {error.hint}")
        except Exception as error:  # the next run must come, whatever went wrong
            self._log.exception("unexpected in step=%s", self.name)
            self._fail(f"unexpected {type(error).__name__}")
        else:
            if self.failures:
                self._log.info("step=%s works again after failures=%d", self.name, self.failures)
            self.failures, self.last_error, self._next_at = 0, "", None

    def _fail(self, message: str) -> None:
        self.failures += 1
        delay = self._back_off.delay(self.failures)
        self._next_at = self._clock() + delay
        self.last_error = message
        self._log.error("step=%s failures=%d next_in=%ds why=%r", self.name, self.failures, delay, message)
        # A connection that was opened while the database was read-only would stay read-only.
        self._engine.dispose()
