"""Runs the engine's workers of one process: a lane for each queue, one job at a time in each.

A lane that fails, as all do when the database restarts, begins anew after a moment.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import psycopg
import psycopg_pool
from procrastinate import App, PsycopgConnector
from procrastinate.jobs import DeleteJobCondition

from newsletter.core.errors import NewsletterError
from newsletter.workers.engine_tables import search_path
from newsletter.workers.retrying import BackOffStrategy, ForgivingManager, first_line
from newsletter.workers.step import Step
from newsletter.workers.step_counts import StepCounts

POLL_INTERVAL = 2.0  # seconds between two looks for jobs; notifications come at once
HEARTBEAT_INTERVAL = 5.0  # seconds
SILENT_AFTER = 30.0  # seconds without a heartbeat, after which the engine takes a worker for dead
RESTART_DELAY = 1.0  # seconds
CONNECT_TIMEOUT = 15.0  # seconds
CONNECTIONS = 4  # for all lanes together; each has one more that listens
STOP_INTERVAL = 0.2  # seconds between two looks at the request to stop

log = logging.getLogger("newsletter.workers")

_Pool = psycopg_pool.AsyncConnectionPool


class Lanes:
    """The lanes of one process."""

    def __init__(
        self,
        conninfo: str,
        steps: Sequence[Step],
        lanes: Mapping[str, Sequence[str]],
        *,
        name: str,
        counts: StepCounts,
    ) -> None:
        """lanes: the queues of each lane, by its name. name: of this worker, for the engine's logs.

        Only steps of these queues are started by their cron expression.
        """
        self._conninfo = conninfo
        self._steps = steps
        self._lanes = lanes
        self._name = name
        self._counts = counts

    def run(self, stop: Callable[[], bool]) -> None:
        """Work until `stop` returns true; jobs under way are finished first."""
        asyncio.run(self._run(stop))

    async def _run(self, stop: Callable[[], bool]) -> None:
        loop = asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(max_workers=len(self._lanes) + 1))
        loop.set_exception_handler(_tell_of_stray_error)
        pool = _Pool(
            self._conninfo,
            min_size=1,
            max_size=CONNECTIONS,
            timeout=CONNECT_TIMEOUT,
            configure=_configure,
            check=_Pool.check_connection,
            open=False,
        )
        await pool.open()
        tasks = [
            asyncio.create_task(self._keep(pool, lane, queues, with_cron=number == 0), name=lane)
            for number, (lane, queues) in enumerate(self._lanes.items())
        ]
        while not stop():
            await asyncio.sleep(STOP_INTERVAL)
        for task in tasks:
            task.cancel()  # the engine then finishes its job first
        await asyncio.gather(*tasks, return_exceptions=True)
        await pool.close()

    async def _keep(self, pool: _Pool, lane: str, queues: Sequence[str], *, with_cron: bool) -> None:
        while True:
            try:
                app = self._app(with_cron=with_cron)
                async with app.open_async(pool):
                    await app.run_worker_async(
                        queues=list(queues),
                        name=f"{self._name} {lane}",
                        concurrency=1,
                        install_signal_handlers=False,
                        fetch_job_polling_interval=POLL_INTERVAL,
                        update_heartbeat_interval=HEARTBEAT_INTERVAL,
                        stalled_worker_timeout=SILENT_AFTER,
                        delete_jobs=DeleteJobCondition.ALWAYS,
                    )
            except Exception as error:
                log.error("lane=%s begins anew: %s", lane, first_line(error))
            await asyncio.sleep(RESTART_DELAY)

    def _app(self, *, with_cron: bool) -> App:
        # Its own connections listen for jobs; the others come from the pool of all lanes.
        connector = PsycopgConnector(configure=_configure)
        app = App(connector=connector)
        app.job_manager = ForgivingManager(connector)
        served = {queue for queues in self._lanes.values() for queue in queues}
        for step in self._steps:
            task = app.task(
                name=step.name, queue=step.queue, priority=step.priority, retry=BackOffStrategy()
            )(partial(self._do, step))
            if with_cron and step.cron is not None and step.queue in served:
                lock = f"{step.name} {step.queue}"
                app.periodic(cron=step.cron, queueing_lock=lock)(task)
        return app

    def _do(self, step: Step, **values: Any) -> None:
        values.pop("timestamp", None)  # of a cron expression
        with self._counts.counting(step.name):
            try:
                step.run(**values)
            except NewsletterError as error:
                words = error.message if not error.hint else f"{error.message}: {error.hint}"
                log.error("step=%s failed: %r", step.name, words)
                raise
            except Exception:
                log.exception("unexpected in step=%s", step.name)
                raise


def _tell_of_stray_error(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    log.warning("engine: %s", first_line(context.get("exception") or context.get("message")))


async def _configure(connection: psycopg.AsyncConnection[Any]) -> None:
    await connection.execute(search_path())
    if not connection.autocommit:
        await connection.commit()
