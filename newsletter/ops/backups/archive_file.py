"""Writes and unpacks a backup: a compressed tar archive whose last member lists the others with hashes.

Knows no database, and does not decide where files go.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import IO, Any

from newsletter.core.errors import NewsletterError

FORMAT = 1  # of the archive; a newer program writes a larger number
MANIFEST = "manifest.json"
MAX_MANIFEST = 256 * 2**20  # bytes; a million files need 150 MB
COMPRESSION_LEVEL = 3  # of 9: three times as fast as the usual 6, and 5 % larger with these texts
BLOCK_SIZE = 1 << 20  # bytes of one read
PRIVATE_FILE, PRIVATE_FOLDER = 0o600, 0o700
RESTORED_MODE_BITS = 0o2770  # of a folder: its group may drop dumps, all other users may not


class DamagedBackupError(NewsletterError):
    """The file is not a complete backup."""


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

    def add(self, name: str, file: Path) -> None:
        """Add a file with its present size; later growth is left out. Raises OSError."""
        with file.open("rb") as opened:
            self._add(name, opened, os.fstat(opened.fileno()).st_size)

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


def unpack(source: Path, folder: Path) -> Manifest:
    """Unpack an archive into an empty, private folder, and check every byte of it.

    Raises DamagedBackupError, and NewsletterError for a backup of a newer program. The caller removes
    `folder`.
    """
    found: dict[str, Member] = {}
    text: bytes | None = None
    try:
        with gzip.open(source) as whole:
            with tarfile.open(fileobj=whole, mode="r|") as archive:
                for entry in archive:
                    content = archive.extractfile(entry) if entry.isreg() else None
                    if content is None or text is not None:
                        raise _damaged(source, f"{entry.name!r} does not belong there")
                    if entry.name == MANIFEST:
                        text = content.read(MAX_MANIFEST)
                    else:
                        found[entry.name] = _write(content, folder / _safe(source, entry.name))
            while whole.read(BLOCK_SIZE):  # the padding, up to the checksum
                pass
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise _damaged(source, str(error) or "it ends too early") from error
    except OSError as error:
        if error.errno is not None:  # an error of the disk, not of the archive
            raise
        raise _damaged(source, str(error)) from error
    manifest = _read_manifest(source, text)
    if found != manifest.files:
        wrong = sorted(
            name for name in {*found, *manifest.files} if found.get(name) != manifest.files.get(name)
        )
        raise _damaged(source, f"{wrong[0]} is not what was put in")
    for name, mode in manifest.folders.items():
        place = folder / _safe(source, name)
        place.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        place.chmod(mode & RESTORED_MODE_BITS | PRIVATE_FOLDER)
    return manifest


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


def _safe(source: Path, name: str) -> PurePosixPath:
    """`name` as a path that stays below its folder."""
    path = PurePosixPath(name)
    if path.is_absolute() or not path.parts or ".." in path.parts or "\0" in name:
        raise _damaged(source, f"{name!r} leads out of it")
    return path


def _write(content: IO[bytes], target: Path) -> Member:
    target.parent.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
    digest, size = hashlib.sha256(), 0
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE)
    with os.fdopen(descriptor, "wb") as out:
        while block := content.read(BLOCK_SIZE):
            out.write(block)
            digest.update(block)
            size += len(block)
        out.flush()
        os.fsync(out.fileno())
    return Member(size=size, sha256=digest.hexdigest())


def _read_manifest(source: Path, text: bytes | None) -> Manifest:
    if text is None:
        raise _damaged(source, "its list of contents is missing")
    try:
        values: dict[str, Any] = json.loads(text)
        if values["format"] > FORMAT:
            raise NewsletterError(
                f"{source} was made by a newer version ({values['version']})",
                hint="Restore it with that version, or a newer one; nothing was changed.",
            )
        values["files"] = {name: Member(**member) for name, member in values["files"].items()}
        manifest = Manifest(**values)
        _ = manifest.instant
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _damaged(source, "its list of contents cannot be read") from error
    return manifest


def _damaged(source: Path, why: str) -> DamagedBackupError:
    return DamagedBackupError(
        f"{source} is no whole backup: {why}", hint="Take another backup; nothing was changed."
    )
