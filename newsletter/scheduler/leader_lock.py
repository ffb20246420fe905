"""Decides which scheduler on this host leads, by an operating-system lock that ends with its process.

Does not prevent that work is done twice, which the rows do: it saves the other schedulers their queries.
"""

from __future__ import annotations

import fcntl
import os
import threading
from pathlib import Path
from typing import Protocol

from newsletter.core.errors import StorageError

LOCK = "scheduler.leader"  # in the folder of sender locks, whose names end differently


class Leadership(Protocol):
    """A lock that one of several programs holds: `LeaderLock` on one host, `DatabaseLeaderLock` on many."""

    def acquire(self) -> bool:
        """Whether this program leads; it begins to when nobody does. Raises StorageError."""

    def release(self) -> None:
        """Let another program lead."""


class LeaderLock:
    """The lock of one scheduler. Threads may share it."""

    def __init__(self, locks_dir: Path) -> None:
        self._path = locks_dir / LOCK
        self._descriptor: int | None = None
        self._acquiring = threading.Lock()  # or two threads of one process would lock each other out

    def acquire(self) -> bool:
        """Whether this scheduler holds the lock; takes it when it is free, and keeps it until `release`.

        Raises StorageError when the folder cannot be written.
        """
        with self._acquiring:
            if self._descriptor is not None:
                return True
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                descriptor = os.open(self._path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
            except OSError as error:
                raise StorageError(
                    f"the folder of locks cannot be written: {error.strerror}",
                    hint="Make the state directory writable.",
                ) from error
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                os.close(descriptor)
                return False
            self._descriptor = descriptor
            return True

    def release(self) -> None:
        """Let another scheduler lead."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
