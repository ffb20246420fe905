"""Stores the raw bytes of dumps under their SHA-256, so that a corrected parser can read them again.

It does not touch the database. A file here without a row there does no harm, and is used when the same bytes
arrive again.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

from newsletter.core.errors import StorageError


def sha256_of(data: bytes) -> str:
    """The SHA-256 of a dump's bytes, lower-case hex."""
    return hashlib.sha256(data).hexdigest()


def path_of(archive: Path, sha256: str) -> Path:
    """The file of the bytes with that hash: ab/abcdef….txt."""
    return archive / sha256[:2] / f"{sha256}.txt"


def store_bytes(archive: Path, data: bytes) -> str:
    """Store the bytes and return their SHA-256. A power failure leaves the whole file or none.

    Raises StorageError when the folder cannot be written.
    """
    sha256 = sha256_of(data)
    path = path_of(archive, sha256)
    if path.is_file() and path.stat().st_size == len(data):
        return sha256
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)
    except OSError as error:
        raise StorageError(
            "a dump's bytes cannot be kept",
            hint="Make the state directory writable for this user, and see that the disk is not full.",
            path=str(path),
        ) from error
    return sha256


def load_bytes(archive: Path, sha256: str) -> bytes:
    """The bytes with that hash. Raises StorageError when they are missing or have changed."""
    path = path_of(archive, sha256)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise StorageError(
            "a dump's bytes are missing from the state directory",
            hint="Restore them from a backup, or drop the file again.",
            path=str(path),
        ) from error
    if sha256_of(data) != sha256:
        raise StorageError(
            "a dump's bytes have changed on disk", hint="Restore them from a backup.", path=str(path)
        )
    return data


def _sync_folder(folder: Path) -> None:
    """Make the new name itself durable (fsync(2): the file alone does not reach its folder)."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
