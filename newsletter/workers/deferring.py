"""Puts jobs into the engine's tables, inside a transaction of the newsletter. Starts none."""

from __future__ import annotations

import logging
from typing import Any

from procrastinate import App, SyncPsycopgConnector, exceptions
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from newsletter.workers.retrying import first_line
from newsletter.workers.step import Step

_WAITS = text("SELECT 1 FROM procrastinate_jobs WHERE queueing_lock = :lock AND status = 'todo'")

log = logging.getLogger("newsletter.workers")

_app = App(connector=SyncPsycopgConnector())  # connects never: each job goes over the caller's connection


def defer(connection: Connection, step: Step, *, queue: str | None = None, **values: Any) -> bool:
    """Let some worker run `step` with these values, once this transaction is committed; whether it is new.

    A job that waits already for the same step, queue and values serves as well. Call it at the end of a
    transaction: another one that defers the same waits for it. Trouble with the engine's tables is logged and
    leaves the transaction whole.
    """
    queue = queue or step.queue
    lock = " ".join([step.name, queue, *(f"{name}={value}" for name, value in sorted(values.items()))])
    job = _app.configure_task(
        step.name,
        queue=queue,
        queueing_lock=lock,
        priority=step.priority,
        connection=connection.connection.dbapi_connection,
    )
    try:
        with connection.begin_nested():
            if connection.execute(_WAITS, {"lock": lock}).first() is not None:
                return False
            job.defer(**values)
    except exceptions.AlreadyEnqueued:
        return False
    except (exceptions.ConnectorException, DBAPIError) as error:
        log.error("step=%s cannot be deferred: %s", step.name, first_line(error))
        return False
    return True
