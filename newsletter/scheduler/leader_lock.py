"""Which of several schedulers on this host leads: an operating-system lock that ends with its holder.

It keeps no work from being done twice, the rows do that: it spares the others the looking.
"""

from __future__ import annotations

import fcntl
import os
import threading
from pathlib import Path

from newsletter.core.errors import StorageError

LOCK = "scheduler.leader"  # in the folder of sender locks, whose names end differently


class LeaderLock:
    """A candidate for the lead. Threads may share one."""

    def __init__(self, locks_dir: Path) -> None:
        self._path = locks_dir / LOCK
        self._descriptor: int | None = None
        self._trying = threading.Lock()  # or two threads would find each other in the lead

    def leads(self) -> bool:
        """Whether this one leads, now that it has tried; once it does, until `resign` or its end.

        Raises StorageError when the folder cannot be written.
        """
        with self._trying:
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

    def resign(self) -> None:
        """Let another one lead."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
