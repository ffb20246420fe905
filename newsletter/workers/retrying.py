"""Lets the engine try a failed step again, later after each further failure."""

from __future__ import annotations

import logging
from datetime import datetime

from procrastinate import exceptions
from procrastinate.jobs import Job, Status
from procrastinate.manager import JobManager
from procrastinate.retry import BaseRetryStrategy, RetryDecision

FIRST_DELAY = 5  # seconds; doubles with each failure in a row
LONGEST_DELAY = 60  # seconds: nothing may be late by more than a minute

log = logging.getLogger("newsletter.workers")

_POSTPONE = """
UPDATE procrastinate_jobs SET scheduled_at = %(at)s, attempts = %(attempts)s
WHERE queueing_lock = %(lock)s AND status = 'todo' RETURNING id
"""


class BackOffStrategy(BaseRetryStrategy):
    """Tries every failure again: the step itself knows when there is nothing left to do."""

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision:
        """When the job runs again."""
        delay = min(LONGEST_DELAY, FIRST_DELAY * 2 ** min(job.attempts, 10))
        return RetryDecision(retry_in={"seconds": delay})


class ForgivingManager(JobManager):
    """Records how a job ended, also when the engine lost it meanwhile or the same job waits already."""

    async def retry_job(
        self,
        job: Job,
        retry_at: datetime | None = None,
        priority: int | None = None,
        queue: str | None = None,
        lock: str | None = None,
    ) -> None:
        """Let the job wait until `retry_at`; one that waits in its place waits as long, and this one ends."""
        try:
            await super().retry_job(job, retry_at, priority, queue, lock)
        except exceptions.UniqueViolation:
            await self.connector.execute_query_all_async(
                _POSTPONE, at=retry_at, attempts=job.attempts + 1, lock=job.queueing_lock
            )
            await self.finish_job(job, Status.FAILED, delete_job=True)
        except exceptions.ConnectorException as error:
            _lost(job, error)

    async def finish_job(self, job: Job, status: Status, delete_job: bool) -> None:
        """End the job."""
        try:
            await super().finish_job(job, status, delete_job)
        except exceptions.ConnectorException as error:
            _lost(job, error)


def _lost(job: Job, error: Exception) -> None:
    log.info("step=%s job=%s is lost to the engine: %s", job.task_name, job.id, first_line(error))


def first_line(error: object) -> str:
    """What went wrong, of the error that caused this one, without the statement."""
    cause = getattr(error, "__cause__", None) or error
    return next(iter(str(cause).splitlines()), type(cause).__name__)
