"""Writes down what mail servers answered when the database failed in the middle of a run.

The answers are known only here: without them each of these messages would be uncertain. It sends nothing.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Sequence
from datetime import datetime

from sqlalchemy import Connection, Engine

from newsletter.core.errors import DatabaseMovedError, StorageError, UnstorableError
from newsletter.db.engine import writing
from newsletter.delivery.outbox.handover import AttemptResult, record, release
from newsletter.delivery.outbox.held_mail import lock_as_sender
from newsletter.delivery.outbox.sender_locks import hold

RESCUE = 90.0  # seconds: longer than a restart of the database
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 8.0  # seconds between two attempts

log = logging.getLogger(__name__)


def rescue(
    engine: Engine,
    *,
    owner: str,
    results: Sequence[AttemptResult],
    unsent: Collection[int],
    now: datetime,
    longest: float = RESCUE,
    sleep: Callable[[float], None] = time.sleep,
) -> bool:
    """Record results and give back messages that certainly did not leave; whether the database took it.

    It tries again, with longer and longer pauses, for `longest` seconds. Raises nothing of the database:
    the caller has the first error. What stays unwritten is settled by recovery.
    """
    if not results and not unsent:
        return True
    end, pause, failures = time.monotonic() + longest, FIRST_PAUSE, 0
    while True:
        try:
            with writing(engine) as connection:
                _write(connection, owner, results, unsent, now)
        except (DatabaseMovedError, UnstorableError):
            return False
        except StorageError as error:
            failures += 1
            if time.monotonic() + pause > end:
                log.error(
                    "%d outcomes could not be written: these messages become uncertain: %s",
                    len(results),
                    error.message,
                )
                return False
            log.warning(
                "outcomes=%d wait for the database failures=%d next_in=%.1fs why=%r",
                len(results),
                failures,
                pause,
                error.message,
            )
            sleep(pause)
            pause = min(LONGEST_PAUSE, pause * 2)
            engine.dispose()
        else:
            if failures:
                log.info("outcomes=%d were written after failures=%d", len(results), failures)
            return True


def _write(
    connection: Connection,
    owner: str,
    results: Sequence[AttemptResult],
    unsent: Collection[int],
    now: datetime,
) -> None:
    hold(connection, owner)
    lock_as_sender(connection)
    record(connection, owner=owner, results=results, now=now)
    release(connection, unsent, owner=owner)
