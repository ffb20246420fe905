"""Counts the steps that one worker ran, for Prometheus. Reads no database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest


class StepCounts:
    """The counts of one process."""

    def __init__(self, *, leads: Callable[[], bool]) -> None:
        """leads: whether this worker leads now."""
        self._registry = CollectorRegistry()
        self._steps = Counter(
            "newsletter_worker_steps", "Steps that ended.", ["step", "outcome"], registry=self._registry
        )
        self._running = Gauge(
            "newsletter_worker_running", "Steps under way.", ["step"], registry=self._registry
        )
        leading = Gauge("newsletter_worker_leads", "Whether this worker leads.", registry=self._registry)
        leading.set_function(lambda: float(leads()))

    @contextmanager
    def counting(self, step: str) -> Iterator[None]:
        """Count one step, whatever becomes of it."""
        with self._running.labels(step).track_inprogress():
            try:
                yield
            except BaseException:
                self._steps.labels(step, "failed").inc()
                raise
            self._steps.labels(step, "done").inc()

    def exposition(self) -> bytes:
        """The counts in the text format of Prometheus."""
        return generate_latest(self._registry)
