"""Decides which worker of all machines leads, by an advisory lock that ends with its connection.

Does not prevent that work is done twice, which the rows do: it saves the other workers their queries.
"""

from __future__ import annotations

import logging
import threading
from contextlib import suppress

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from newsletter.core.errors import StorageError
from newsletter.db.engine import LEADER_LOCK

log = logging.getLogger("newsletter.scheduler")

_UNLOCK = text(f"SELECT pg_advisory_unlock({LEADER_LOCK})")
_TRY = text(f"SELECT pg_try_advisory_lock({LEADER_LOCK})")


class DatabaseLeaderLock:
    """The lock of one worker, like `LeaderLock` on one host. Threads may share it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: Connection | None = None
        self._acquiring = threading.Lock()

    @property
    def held(self) -> bool:
        """Whether this worker led when it last looked."""
        return self._connection is not None

    def acquire(self) -> bool:
        """Whether this worker leads; it begins to when nobody does, and goes on until `release`.

        Each call asks the server: a lock whose connection broke is lost. Raises StorageError.
        """
        with self._acquiring:
            try:
                if self._connection is not None:
                    self._connection.execute(text("SELECT 1"))
                    return True
                connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
                if connection.execute(_TRY).scalar_one():
                    self._connection = connection
                    log.info("this worker leads")
                    return True
                connection.close()
            except DBAPIError as error:
                self._drop()
                raise StorageError(
                    f"the database says: {error.orig}", hint="The next look tries again."
                ) from error
            return False

    def release(self) -> None:
        """Let another worker lead, at once."""
        with self._acquiring:
            if self._connection is not None:
                with suppress(DBAPIError):  # the lock is lost already
                    self._connection.execute(_UNLOCK)
            self._drop()

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.invalidate()  # ends the session, and the lock with it
            connection.close()
