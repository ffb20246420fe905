"""Writes a backup: a compressed tar archive whose last member lists the others with hashes.

Knows no database. `newsletter.ops.backups.unpack` reads it.
"""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import stat
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import IO

FORMAT = 1  # of the archive; a newer program writes a larger number
MANIFEST = "manifest.json"
COMPRESSION_LEVEL = 3  # of 9: three times as fast as the usual 6, and 5 % larger with these texts
PRIVATE_FILE, PRIVATE_FOLDER = 0o600, 0o700
STATE, DATABASE = "state", "database"  # folders in the archive


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One file in the archive."""

    size: int  # bytes
    sha256: str  # lower-case hex


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """The list of contents of an archive."""

    format: int = FORMAT
    version: str  # of the program that made the backup
    made_at: str  # ISO 8601, UTC
    database: str | None  # "sqlite", "postgresql"; None: left out
    revision: str | None = None  # of the database schema
    files: Mapping[str, Member] = field(default_factory=dict)  # by their names in the archive
    folders: Mapping[str, int] = field(default_factory=dict)  # modes, by their names in the archive

    @property
    def instant(self) -> datetime:
        """When the database was copied."""
        return datetime.fromisoformat(self.made_at)


class ArchiveWriter:
    """An archive during its writing."""

    def __init__(self, archive: tarfile.TarFile) -> None:
        self._archive = archive
        self.files: dict[str, Member] = {}
        self.folders: dict[str, int] = {}

    def add(self, name: str, file: Path, *, strange: bool = False) -> None:
        """Add a regular file with its present size; later growth is left out. Raises OSError.

        strange: others may put files there, so a link is not followed (errno ELOOP), nor one by another name
        (EMLINK).
        """
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | (os.O_NOFOLLOW if strange else 0)
        with os.fdopen(os.open(file, flags), "rb") as opened:
            found = os.fstat(opened.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise OSError(errno.ENXIO, "no regular file", str(file))
            if strange and found.st_nlink > 1:
                raise OSError(errno.EMLINK, "a hard link", str(file))
            self._add(name, opened, found.st_size)

    def add_folder(self, name: str, mode: int) -> None:
        """Record a folder, which may be empty."""
        self.folders[name] = mode & 0o7777

    def finish(self, manifest: Manifest) -> None:
        """Write the manifest; an archive without one is damaged."""
        text = json.dumps(asdict(manifest), indent=1).encode()
        self._archive.addfile(_header(MANIFEST, len(text)), io.BytesIO(text))

    def _add(self, name: str, opened: IO[bytes], size: int) -> None:
        hashing = _Hashing(opened)
        self._archive.addfile(_header(name, size), hashing)  # raises OSError when the file became shorter
        self.files[name] = Member(size=size, sha256=hashing.hash.hexdigest())


@contextmanager
def packing(target: Path) -> Iterator[ArchiveWriter]:
    """Write a new archive, mode 0600. `target` must not exist; it is removed when the block fails."""
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE)
    try:
        with os.fdopen(descriptor, "wb") as out:
            with tarfile.open(
                fileobj=out, mode="w:gz", compresslevel=COMPRESSION_LEVEL, format=tarfile.PAX_FORMAT
            ) as archive:
                yield ArchiveWriter(archive)
            out.flush()
            os.fsync(out.fileno())
    except BaseException:
        target.unlink(missing_ok=True)
        raise


class _Hashing(io.RawIOBase):
    """Hashes the bytes that are read through it."""

    def __init__(self, inner: IO[bytes]) -> None:
        self._inner = inner
        self.hash = hashlib.sha256()

    def read(self, size: int = -1, /) -> bytes:
        data = self._inner.read(size)
        self.hash.update(data)
        return data


def _header(name: str, size: int) -> tarfile.TarInfo:
    header = tarfile.TarInfo(name)
    header.size = size
    header.mode = PRIVATE_FILE
    return header
