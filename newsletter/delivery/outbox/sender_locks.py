"""Gives each sender an owner id with locks that end with the sender, so that a dead sender is known by it.

On its own host an operating-system lock tells. On PostgreSQL an advisory lock of the sender's connection
tells every other host. It changes no row: `newsletter.delivery.outbox.recovery` recovers the messages.
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

from sqlalchemy import Connection, text

from newsletter.core.errors import StorageError

SUFFIX = ".lock"
IN_SESSION = ".session"  # ends the id of an owner that holds an advisory lock; release 0.1.0 had none
_OWNER = re.compile(r"[A-Za-z0-9._-]+")  # an owner id is a file name


@contextmanager
def owning(locks_dir: Path, *, in_session: bool = False) -> Iterator[str]:
    """A new owner id, locked until the block ends or the process dies. Raises StorageError.

    in_session: the caller calls `hold` on its connection before it leases anything.
    """
    try:
        locks_dir.mkdir(parents=True, exist_ok=True)
        owner = f"{_place(locks_dir)}-{os.getpid()}-{secrets.token_hex(6)}{IN_SESSION if in_session else ''}"
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


def hold(connection: Connection, owner: str) -> None:
    """Let other hosts see that `owner` lives, as long as this connection does. Does nothing on SQLite.

    Call it at the start of each transaction that leases or hands over: a connection that was replaced after a
    failure does not hold the lock. It costs nothing while the connection stays the same. End the connection
    with `KeptConnection.discard`: the lock ends with it.
    """
    if connection.dialect.name == "postgresql" and connection.info.get(_HELD) != owner:
        connection.execute(_LOCK, {"key": _key(owner)})
        connection.info[_HELD] = owner


def is_dead(owner: str, locks_dir: Path, connection: Connection | None = None) -> bool | None:
    """Whether `owner` is known to be dead; None when only its lease can tell (it runs elsewhere).

    connection: asks the database about owners that hold an advisory lock.
    """
    here = _is_dead_here(owner, locks_dir)
    if here is False or not owner.endswith(IN_SESSION) or connection is None:
        return here
    if connection.dialect.name != "postgresql":
        return here
    # Not by the folder alone: hosts that were copied have the same name and the same folder.
    # Shared: several may ask at the same time.
    return bool(connection.execute(_IS_FREE, {"key": _key(owner)}).scalar_one())


def _is_dead_here(owner: str, locks_dir: Path) -> bool | None:
    """The answer of the operating system.

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


_HELD = "newsletter sender"  # in Connection.info, which lives as long as the connection to the server
_LOCK = text("SELECT pg_advisory_lock(:key)")
_IS_FREE = text("SELECT pg_try_advisory_xact_lock_shared(:key)")


def _key(owner: str) -> int:
    """The number of an owner's advisory lock: 63 random bits, so that it meets no other lock."""
    return int.from_bytes(hashlib.sha256(owner.encode()).digest()[:8], "big") >> 1


def _place(locks_dir: Path) -> str:
    """A name for this host and folder, since one host may have several state directories."""
    status = locks_dir.stat()
    folder = hashlib.sha256(f"{status.st_dev}:{status.st_ino}".encode()).hexdigest()[:8]
    host = re.sub(r"[^A-Za-z0-9.]", "", socket.gethostname())[:60] or "host"
    return f"{host}-{folder}"
