"""Gives each sender an owner id with an operating-system lock, so that a dead sender is known by it.

It touches no database; `newsletter.delivery.outbox.recovery` recovers the messages of dead senders.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from newsletter.core.errors import StorageError

SUFFIX = ".lock"
_OWNER = re.compile(r"[A-Za-z0-9._-]+")  # an owner id is a file name


@contextmanager
def owning(locks_dir: Path) -> Iterator[str]:
    """A new owner id, locked until the block ends or the process dies. Raises StorageError."""
    try:
        locks_dir.mkdir(parents=True, exist_ok=True)
        owner = f"{_place(locks_dir)}-{os.getpid()}-{secrets.token_hex(6)}"
        path = locks_dir / (owner + SUFFIX)
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StorageError(
            "the folder of sender locks cannot be written", hint="Make the state directory writable."
        ) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield owner
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


def is_dead(owner: str, locks_dir: Path) -> bool | None:
    """Whether `owner` is known to be dead; None when only its lease can tell (it runs elsewhere).

    A lock file in our folder belongs to the owner, even if the host's name has changed (as containers do).
    A missing one proves death only for an owner of this host and folder.
    """
    if not _OWNER.fullmatch(owner):
        return None
    try:
        descriptor = os.open(locks_dir / (owner + SUFFIX), os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return True if locks_dir.is_dir() and owner.startswith(_place(locks_dir) + "-") else None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True


def forget(owner: str, locks_dir: Path) -> None:
    """Remove a dead owner's lock file, once its messages are recovered."""
    if _OWNER.fullmatch(owner):
        (locks_dir / (owner + SUFFIX)).unlink(missing_ok=True)


def _place(locks_dir: Path) -> str:
    """A name for this host and folder, since one host may have several state directories."""
    status = locks_dir.stat()
    folder = hashlib.sha256(f"{status.st_dev}:{status.st_ino}".encode()).hexdigest()[:8]
    host = re.sub(r"[^A-Za-z0-9.]", "", socket.gethostname())[:60] or "host"
    return f"{host}-{folder}"
