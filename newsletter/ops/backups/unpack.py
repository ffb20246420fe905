"""Unpacks a backup, and checks every byte of it. Trusts none: an archive may come from anywhere.

Knows no database, and does not decide where files go.
"""

from __future__ import annotations

import errno
import gzip
import hashlib
import io
import json
import os
import tarfile
import zlib
from pathlib import Path, PurePosixPath
from typing import IO, Any

from newsletter.core.errors import NewsletterError
from newsletter.ops.backups.archive_file import (
    DATABASE,
    FORMAT,
    MANIFEST,
    PRIVATE_FILE,
    PRIVATE_FOLDER,
    STATE,
    Manifest,
    Member,
)

ROOTS = (STATE, DATABASE)
MAX_MANIFEST = 256 * 2**20  # bytes; a million files need 150 MB
BLOCK_SIZE = 1 << 20  # bytes of one read
MAX_RATIO = 200  # of unpacked to packed size; our texts and databases have 3 to 20, zeros have 1,000
MIN_UNPACKED = 64 * 2**20  # bytes that any archive may unpack to
NAME_ERRORS = frozenset(  # of names that no file can have beside the others
    {errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ}
)
GZIP_MARK = b"\x1f\x8b"  # RFC 1952 section 2.3.1
SQLITE_MARK = b"SQLite format 3\0"
OTHER_FILES = {
    SQLITE_MARK: "a database",
    b"PGDMP": "a copy by pg_dump",
    b"PK\x03\x04": "a zip archive",
    b"BZh": "packed by bzip2",
    b"\xfd7zXZ\0": "packed by xz",
    b"\x28\xb5\x2f\xfd": "packed by zstd",
    b"state/": "an archive that is unpacked from gzip",
    b"database/": "an archive that is unpacked from gzip",
    b"-----BEGIN": "a key",
}
RESTORED_MODE_BITS = 0o2770  # of a folder: its group may drop dumps, all other users may not


class DamagedBackupError(NewsletterError):
    """The file is not a complete backup."""


def check_file(source: Path) -> None:
    """Raise NewsletterError that says what the file is instead of a backup, by its first bytes."""
    try:
        if source.is_dir():
            raise NewsletterError(f"{source} is a folder", hint="Name the backup file in it.")
        if source.exists() and not source.is_file():
            raise NewsletterError(f"{source} is no regular file", hint="Name a backup file.")
        with source.open("rb") as opened:
            start = opened.read(len(SQLITE_MARK))
    except FileNotFoundError as error:
        raise NewsletterError(f"there is no file {source}", hint="`newsletter backup` makes one.") from error
    except OSError as error:
        raise NewsletterError(
            f"{source} cannot be read: {error.strerror}", hint="Check its name and its permissions."
        ) from None
    if not start:
        raise _damaged(source, "it is empty")
    if not start.startswith(GZIP_MARK):
        what = next((words for mark, words in OTHER_FILES.items() if start.startswith(mark)), "")
        raise NewsletterError(
            f"{source} is no backup{what and f', but {what}'}",
            hint="Name a file that `newsletter backup` made: newsletter-backup-….tar.gz.",
        )


def unpack(source: Path, folder: Path) -> Manifest:
    """Unpack an archive into an empty, private folder, and check every byte of it.

    Only regular files below `state/` and `database/` are unpacked, each once. Raises DamagedBackupError,
    NewsletterError for a backup of a newer program, and OSError of the disk. The caller removes `folder`.
    """
    check_file(source)
    with gzip.open(source) as whole:
        try:
            found, text = _unpack_members(source, _Bounded(whole, source), folder)
        except EOFError:
            raise _damaged(source, "it is cut off: its end is missing") from None
        except (tarfile.TarError, zlib.error, ValueError, OverflowError) as error:
            raise _damaged(source, str(error) or "it cannot be read") from error
        except OSError as error:
            if error.errno is not None:  # an error of the disk, not of the archive
                raise
            raise _damaged(source, str(error)) from error
    manifest = _read_manifest(source, text)
    if found != manifest.files:
        wrong = sorted(
            name for name in {*found, *manifest.files} if found.get(name) != manifest.files.get(name)
        )
        raise _damaged(source, f"{wrong[0]!r} is not what was put in")
    for name, mode in manifest.folders.items():
        place = folder / _safe(source, name)
        try:
            place.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        except OSError as error:
            if error.errno not in NAME_ERRORS:
                raise
            raise _damaged(source, f"{name!r} is a folder and a file") from None
        place.chmod(mode & RESTORED_MODE_BITS | PRIVATE_FOLDER)
    return manifest


def _unpack_members(source: Path, whole: _Bounded, folder: Path) -> tuple[dict[str, Member], bytes | None]:
    """(the members by name, the text of the manifest)."""
    found: dict[str, Member] = {}
    text: bytes | None = None
    with tarfile.open(fileobj=whole, mode="r|") as archive:
        for entry in archive:
            content = archive.extractfile(entry) if entry.isreg() and not entry.issparse() else None
            if content is None:
                raise _damaged(source, f"{entry.name!r} is no regular file")
            if text is not None:
                raise _damaged(source, f"{entry.name!r} stands behind the list of contents")
            if entry.name == MANIFEST:
                text = content.read(MAX_MANIFEST)
                continue
            path = _safe(source, entry.name)
            if entry.name in found:
                raise _damaged(source, f"{entry.name!r} is in it twice")
            try:
                found[entry.name] = _write(content, folder / path)
            except OSError as error:
                if error.errno not in NAME_ERRORS:
                    raise
                raise _damaged(source, f"{entry.name!r} cannot be a file: {error.strerror}") from None
    while whole.read(BLOCK_SIZE):  # the padding, up to the checksum
        pass
    return found, text


class _Bounded(io.RawIOBase):
    """Reads an archive as long as it is not far larger than a backup can be."""

    def __init__(self, inner: gzip.GzipFile, source: Path) -> None:
        self._inner = inner
        self._source = source
        self._left = max(MIN_UNPACKED, source.stat().st_size * MAX_RATIO)

    def read(self, size: int = -1, /) -> bytes:
        data = self._inner.read(size)
        self._left -= len(data)
        if self._left < 0:
            raise _damaged(self._source, f"it unpacks to more than {MAX_RATIO} times its size")
        return data


def _safe(source: Path, name: str) -> PurePosixPath:
    """`name` as a path that stays below its folder."""
    path = PurePosixPath(name)
    if path.is_absolute() or not path.parts or ".." in path.parts or "\0" in name:
        raise _damaged(source, f"{name!r} leads out of it")
    if path.parts[0] not in ROOTS or len(path.parts) < 2 or path.as_posix() != name:
        raise _damaged(source, f"{name!r} does not belong there")
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
    """The list of contents of an archive. Raises DamagedBackupError, NewsletterError for a newer one."""
    if text is None:
        raise _damaged(source, "its list of contents is missing: it is cut, or of another program")
    try:
        values: dict[str, Any] = json.loads(text)
        if values["format"] > FORMAT:
            raise NewsletterError(
                f"{source} was made by a newer version ({values['version']})",
                hint="Restore it with that version, or a newer one; nothing was changed.",
            )
        values["files"] = {name: Member(**member) for name, member in values["files"].items()}
        manifest = Manifest(**values)
        sound = manifest.instant.tzinfo is not None and all(
            isinstance(value, kind)
            for value, kind in (
                (manifest.version, str),
                (manifest.database, str | None),
                (manifest.revision, str | None),
                *((mode, int) for mode in manifest.folders.values()),
            )
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        sound = False
    if not sound:
        raise _damaged(source, "its list of contents cannot be read")
    return manifest


def _damaged(source: Path, why: str) -> DamagedBackupError:
    return DamagedBackupError(
        f"{source} is no whole backup: {why}", hint="Take another backup; nothing was changed."
    )
