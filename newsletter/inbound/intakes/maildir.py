"""Takes messages from a Maildir, to which a mail server delivers: new/ to the door, then to cur/ or away.

A look at a folder that has not changed costs one call of the operating system. A file that cannot be read
stays where it is, and the log names it once.
"""

from __future__ import annotations

import errno
import logging
import os
import stat
import time
from collections.abc import Callable
from pathlib import Path

from newsletter.core.errors import NewsletterError, StorageError
from newsletter.inbound.intakes.intake import Take
from newsletter.inbound.limits import MOST_BYTES

INTERVAL = 5.0  # seconds between two looks
BATCH = 100  # messages of a step, so that a request to stop is heard
AGAIN_AFTER = 600.0  # seconds until a file that could not be read is tried again
# A file that comes within the same tick of a file system's clock does not change the folder's time again.
CLOCK_TICK = 2.0  # seconds; FAT has the coarsest

log = logging.getLogger("newsletter.inbound")


class MaildirIntake:
    """One Maildir. For one thread."""

    name = "maildir"
    interval = INTERVAL

    def __init__(
        self,
        folder: Path,
        *,
        take: Take,
        keep: bool = True,
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """keep: whether a message that was taken moves to cur/; else it is deleted.

        monotonic, wall: seconds of a clock that never jumps, and of the file system's.
        """
        self._folder = folder
        self._new = folder / "new"
        self._take = take
        self._keep = keep
        self._monotonic = monotonic
        self._wall = wall
        self._seen_at: int | None = None  # time of new/, ns, when all in it had been looked at
        self._left: set[str] = set()  # names of files that could not be taken; they are in the log
        self._left_since = 0.0

    def step(self) -> bool:
        """Take up to BATCH messages; returns whether there are more. Raises NewsletterError."""
        try:
            changed_at = self._new.stat().st_mtime_ns
        except FileNotFoundError:
            self._make()
            return False
        except OSError as error:
            raise self._unusable(error) from error
        if self._left and self._monotonic() - self._left_since >= AGAIN_AFTER:
            self._left.clear()
            self._seen_at = None
        if changed_at == self._seen_at:
            return False
        names = self._names()
        self._left &= set(names)
        waiting = [name for name in names if name not in self._left]
        for name in waiting[:BATCH]:
            self._take_file(name)
        more = len(waiting) > BATCH
        settled = self._wall() - changed_at / 1e9 > CLOCK_TICK
        self._seen_at = changed_at if settled and not more else None
        return more

    def close(self) -> None:
        """Nothing is open between two steps."""

    def _names(self) -> list[str]:
        """The messages, the oldest first, as their names begin with the time."""
        try:
            return sorted(entry.name for entry in os.scandir(self._new) if not entry.name.startswith("."))
        except OSError as error:
            raise self._unusable(error) from error

    def _take_file(self, name: str) -> None:
        try:
            data = _read(self._new / name)
        except FileNotFoundError:  # somebody else took it
            return
        except OSError as error:
            self._leave(name, f"cannot be read: {error.strerror}")
            return
        try:
            self._take(data, recipient="", source=self.name)
        except NewsletterError:
            raise
        except Exception as error:  # one message with an unforeseen fault must not stop the others
            log.exception("message could not be taken file=%r", name)
            self._leave(name, f"unexpected {type(error).__name__}")
            return
        try:
            self._put_away(name)
        except OSError as error:
            self._leave(name, f"was taken, and cannot be moved: {error.strerror}")

    def _put_away(self, name: str) -> None:
        if not self._keep:
            (self._new / name).unlink(missing_ok=True)
            return
        seen = name if ":2," in name else f"{name}:2,S"
        (self._folder / "cur").mkdir(mode=0o700, exist_ok=True)
        try:
            (self._new / name).rename(self._folder / "cur" / seen)
        except FileNotFoundError:  # somebody else moved it
            return

    def _leave(self, name: str, why: str) -> None:
        log.warning("left in the Maildir file=%r why=%r", name, why)
        if not self._left:
            self._left_since = self._monotonic()
        self._left.add(name)

    def _make(self) -> None:
        try:
            for name in ("tmp", "cur", "new"):
                (self._folder / name).mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise self._unusable(error) from error

    def _unusable(self, error: OSError) -> StorageError:
        return StorageError(
            f"the Maildir {self._folder} cannot be used: {error.strerror}",
            hint="The newsletter's user must be able to read and write it: inbound.maildir.path.",
        )


def _read(path: Path) -> bytes:
    """The beginning of a file, as much as is ever looked at. Raises OSError, also for what is no file."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is no file")
        return file.read(MOST_BYTES)
