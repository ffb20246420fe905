"""Makes a backup of a running newsletter: database, dumps, settings, keys, own templates, in one file.

Restores nothing: that is `newsletter.ops.backups.restore`. Reads no settings.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NoReturn

from newsletter import __version__
from newsletter.core.errors import NewsletterError, StorageError
from newsletter.db.engine import open_engine
from newsletter.db.migrate import check_known
from newsletter.db.snapshot import DatabaseKind, ProgramMissingError, copy_to, damage, kind_of, sqlite_file
from newsletter.ops.backups.archive_file import DATABASE, STATE, ArchiveWriter, Manifest, packing

FOLDER = "backups"  # in the state directory; the default place
NAME = re.compile(r"newsletter-backup-\d{8}T\d{6}Z\.tar\.gz")
ARCHIVE_SUFFIXES = (".gz", ".tgz")  # a target with another suffix is a folder
REPLACED_PREFIX = "before-restore-"  # of folders with the files that a restore replaced
LEFT_OUT = frozenset({FOLDER, "locks"})  # top-level folders: backups, and locks of running processes
INBOX = "inbox"  # a scheduler may ingest and move its files at any moment


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """A finished backup."""

    file: Path
    size: int  # bytes
    files: int  # in the backup, the copy of the database included
    database: str | None  # sqlite, postgresql; None: left out
    revision: str
    trouble: str = ""  # why the database was left out
    removed: tuple[str, ...] = ()  # older ones, by name
    skipped: tuple[str, ...] = ()  # what lies in the state directory and is no file of ours, with the reason


def back_up(
    state_dir: Path, *, database_url: str, target: Path | None, keep: int | None, now: datetime
) -> Backup:
    """Make a backup.

    target: a new file, or a folder; None: the folder of backups in the state directory. keep: how many
    backups of that folder to keep; older ones are removed. Without pg_dump the backup lacks the database, and
    `trouble` says so. Raises StorageError, DatabaseTooNewError.
    """
    revision = _revision(database_url)
    file = _choose_file(target if target is not None else state_dir / FOLDER, now=now)
    removed: tuple[str, ...] = ()
    with tempfile.TemporaryDirectory(dir=file.parent, prefix=".newsletter-backup-") as private:
        copy, trouble = Path(private) / "copy", ""
        kind: DatabaseKind | None = kind_of(database_url)
        part = Path(private) / "part"
        with packing(part) as packer:
            # First: a file that is ingested meanwhile is in the backup twice, not lost.
            packed = _pack_inbox(packer, state_dir)
            try:
                copy_to(
                    copy, url=database_url
                )  # before the dumps: the copy must not refer to a dump that is not packed
            except ProgramMissingError as error:
                kind, trouble = None, str(error)
            if kind is DatabaseKind.SQLITE and (found := damage(copy)):
                raise StorageError(
                    f"the database is damaged: {found[0]}",
                    hint="Restore the last backup; none was made of this.",
                )
            if kind is not None:
                packer.add(f"{DATABASE}/{kind.value}", copy)
                copy.unlink()
            skipped = _pack_state(
                packer, state_dir, without={file, Path(private), *packed}, live={*_files_of(database_url)}
            )
            packer.finish(
                Manifest(
                    version=__version__,
                    made_at=now.astimezone(UTC).isoformat(),
                    database=kind.value if kind is not None else None,
                    revision=revision,
                    files=packer.files,
                    folders=packer.folders,
                )
            )
        try:
            os.link(part, file)  # unlike a rename, a link replaces no file
        except FileExistsError as error:
            raise _exists_error(file) from error
    if keep is not None:
        removed = _prune(file, keep=keep)
    return Backup(
        file=file,
        size=file.stat().st_size,
        files=len(packer.files),
        database=kind.value if kind is not None else None,
        revision=revision,
        trouble=trouble,
        removed=removed,
        skipped=tuple(skipped),
    )


def _revision(database_url: str) -> str:
    engine = open_engine(database_url)
    try:
        return check_known(engine)
    finally:
        engine.dispose()


def _choose_file(target: Path, *, now: datetime) -> Path:
    """The file to write: `target` when it is named like an archive, else a new file in that folder."""
    target = target.absolute()
    if not target.exists() and target.suffix not in ARCHIVE_SUFFIXES and target.parent.is_dir():
        target.mkdir(mode=0o700)
    if target.is_dir():
        file = target / f"newsletter-backup-{now.astimezone(UTC):%Y%m%dT%H%M%SZ}.tar.gz"
        return file if not file.exists() else _choose_file(target, now=now + timedelta(seconds=1))
    if target.exists():
        raise _exists_error(target)
    if not target.parent.is_dir():
        raise StorageError(f"there is no folder {target.parent}", hint="Make it, or name another place.")
    return target


def _exists_error(file: Path) -> NewsletterError:
    return NewsletterError(f"there is a file {file} already", hint="Name another one, or a folder.")


def _files_of(database_url: str) -> Iterator[Path]:
    file = sqlite_file(database_url)
    if file is not None:
        file = file.resolve()  # its path may hold a symbolic link
        yield from (file.with_name(file.name + suffix) for suffix in ("", "-wal", "-shm", "-journal"))


def _pack_inbox(packer: ArchiveWriter, state_dir: Path) -> set[Path]:
    """Pack the files of the inbox. Returns those that are in the backup."""
    packed = set()
    inbox = state_dir / INBOX
    for file in sorted(inbox.iterdir()) if inbox.is_dir() else ():
        if stat.S_ISREG(file.lstat().st_mode):
            with suppress(OSError):  # ingested just now, or unreadable: _pack_state reports that
                packer.add(f"{STATE}/{INBOX}/{file.name}", file, strange=True)
                packed.add(file)
    return packed


def _pack_state(packer: ArchiveWriter, state_dir: Path, *, without: set[Path], live: set[Path]) -> list[str]:
    """Pack the state directory, except `without`, the `live` database, backups and temporary files.

    Follows links that the operator made, but none in the inbox, where others may put some. Returns what was
    skipped, with the reason.
    """
    skipped: list[str] = []
    seen: set[tuple[int, int]] = set()
    for place, folders, files in os.walk(state_dir, followlinks=True, onerror=_unreadable):
        here = Path(place)
        inside = here.relative_to(state_dir)
        at_top, strange = here == state_dir, inside.parts[:1] == (INBOX,)
        status = here.stat()
        if (status.st_dev, status.st_ino) in seen:  # a link to a folder above
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        wanted = (
            name
            for name in sorted(folders)
            if here / name not in without
            and not (at_top and (name in LEFT_OUT or name.lstrip(".").startswith(REPLACED_PREFIX)))
            and not name.startswith((".newsletter-backup-", ".restore-"))
        )
        folders[:] = [name for name in wanted if _is_ours(here / name, inside / name, strange, skipped)]
        if not at_top:
            packer.add_folder(f"{STATE}/{inside.as_posix()}", status.st_mode)
        for name in sorted(files):
            file = here / name
            if file in without or NAME.fullmatch(name):
                continue
            if not _is_ours(file, inside / name, strange, skipped) or file.resolve() in live:
                continue
            try:
                packer.add(f"{STATE}/{(inside / name).as_posix()}", file, strange=strange)
            except FileNotFoundError:  # it was ingested just now, or a temporary file was renamed
                if not strange and not name.startswith("."):
                    raise
            except OSError as error:
                if error.errno not in (errno.ELOOP, errno.EMLINK, errno.ENXIO):
                    _unreadable(error, file)
                skipped.append(f"{(inside / name).as_posix()}: {error.strerror}")
    return skipped


def _is_ours(path: Path, name: Path, strange: bool, skipped: list[str]) -> bool:
    """Whether it is a file or a folder to pack; what is not is added to `skipped`."""
    try:
        why = _reason_to_skip(path, strange=strange)
    except FileNotFoundError:  # ingested or renamed just now
        why = ""
    except OSError as error:
        _unreadable(error, path)
    if why:
        skipped.append(f"{name.as_posix()}: {why}")
    return not why


def _reason_to_skip(path: Path, *, strange: bool) -> str:
    """Why it is not packed; empty when it is. strange: others may put files there. Raises OSError."""
    found = path.lstat()
    if stat.S_ISLNK(found.st_mode):
        if strange:
            return "a link"
        if found.st_uid not in (0, os.geteuid()):
            return "a link of another user"
        if not path.exists():
            return "a link to nothing"
        found = path.stat()
    return "" if stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode) else "no regular file"


def _unreadable(error: OSError, file: Path | None = None) -> NoReturn:
    raise StorageError(
        f"{file or error.filename} cannot be put into the backup: {error.strerror or error}",
        hint="Make it readable for this user, or take it out of the state directory; no backup was made.",
    ) from error


def _prune(newest: Path, *, keep: int) -> tuple[str, ...]:
    """Remove the oldest backups in the folder of `newest`. Their names hold the time."""
    backups = sorted(entry for entry in newest.parent.iterdir() if NAME.fullmatch(entry.name))
    gone = [entry for entry in backups[: max(0, len(backups) - keep)] if entry != newest]
    for entry in gone:
        entry.unlink(missing_ok=True)
    return tuple(entry.name for entry in gone)
