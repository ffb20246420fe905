"""A step's turns: repeats it while there is work, reports what fails, and lets it rest ever longer.

Knows no step. Rests are counted in seconds that never jump, so that a clock that does holds nobody up.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from sqlalchemy import Engine

from newsletter.core.errors import NewsletterError

FIRST_REST = 10.0  # seconds after the first failure
LONGEST_REST = 900.0  # a quarter of an hour: a server that is back is noticed within it

log = logging.getLogger("newsletter.scheduler")


def rest_after(failures: int) -> float:
    """Seconds to wait after so many failures in a row: doubling, up to LONGEST_REST."""
    return float(min(LONGEST_REST, FIRST_REST * 2 ** min(failures - 1, 20)))


class JobRunner:
    """One step and how it fares. Turns must not overlap."""

    def __init__(
        self,
        name: str,
        step: Callable[[], bool],
        *,
        every: float,
        engine: Engine,
        leads: Callable[[], bool] = lambda: True,
        stop: Callable[[], bool] = lambda: False,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        """step: tells whether there was work. every: seconds between two turns, for whoever calls them.

        leads: whether it is ours to do. stop: whether to leave work for later. ticks: seconds.
        """
        self.name = name
        self.every = every
        self.failures = 0  # in a row
        self.trouble = ""  # the last failure's words; empty when all is well
        self._step = step
        self._engine = engine
        self._leads = leads
        self._stop = stop
        self._ticks = ticks
        self._rests_until: float | None = None

    def turn(self) -> None:
        """Do what there is to do, unless the step rests, or another scheduler leads. Raises nothing."""
        if self._rests_until is not None and self._ticks() < self._rests_until:
            return
        try:
            if self._leads():
                while not self._stop() and self._step():
                    pass
        except NewsletterError as error:
            self._fail(error.message if not error.hint else f"{error.message}: {error.hint}")
        except Exception as error:  # whatever it was, the next turn must come
            log.exception("unexpected in step=%s", self.name)
            self._fail(f"unexpected {type(error).__name__}")
        else:
            if self.failures:
                log.info("step=%s works again after failures=%d", self.name, self.failures)
            self.failures, self.trouble, self._rests_until = 0, "", None

    def _fail(self, words: str) -> None:
        self.failures += 1
        rest = rest_after(self.failures)
        self._rests_until = self._ticks() + rest
        self.trouble = words
        log.error("step=%s failures=%d next_in=%ds why=%r", self.name, self.failures, rest, words)
        # A connection that was opened while the database could not be written would stay so for good.
        self._engine.dispose()
