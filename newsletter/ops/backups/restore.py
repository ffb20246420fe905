"""Restores a backup into an empty state directory. Checks all of it before it moves a file.

Reads no settings itself: its caller passes a function that does.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from newsletter.core.errors import DatabaseTooNewError, NewsletterError, StorageError
from newsletter.db.engine import file_url, open_engine, writing
from newsletter.db.migrate import check_known, known_revisions, upgrade
from newsletter.db.snapshot import (
    DatabaseKind,
    check_empty,
    damage,
    is_sqlite,
    is_used,
    kind_of,
    load_into,
    sqlite_file,
)
from newsletter.delivery.outbox.recovery import Uncertain, doubt_unsettled
from newsletter.ops.backups.archive_file import DATABASE, STATE, Manifest
from newsletter.ops.backups.create import FOLDER, NAME, REPLACED_PREFIX
from newsletter.ops.backups.unpack import check_file, unpack
from newsletter.ops.state_dir import unusable

IGNORED = frozenset({FOLDER, "lost+found"})  # top-level folders that may exist, and stay


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreOptions:
    """The restored settings that a restore needs."""

    database_url: str
    uncertain: Uncertain


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreReport:
    """What a restore restored, or a check would restore."""

    made_at: datetime  # when the backup was made
    version: str  # of the program that made it
    revision: str | None  # of the database as it is now
    database: str | None  # sqlite, postgresql; None: the backup holds none
    files: int
    uncertain: int = 0  # deliveries that may have been sent since the backup
    aside: Path | None = None  # folder with the files that were there before


def check_backup(source: Path, state_dir: Path) -> RestoreReport:
    """Unpack a backup into a temporary folder of the state directory, check all of it, and remove the folder.

    Raises DamagedBackupError, DatabaseTooNewError, StorageError.
    """
    with _staged(source, state_dir) as (folder, manifest):
        _check(source, folder, manifest)
    return _report(manifest)


def restore(
    source: Path,
    state_dir: Path,
    *,
    read_options: Callable[[Path], RestoreOptions],
    force: bool,
    stopped: bool,
    now: datetime,
) -> RestoreReport:
    """Restore a backup.

    read_options: reads the settings of an unpacked state directory. force: accept a directory that is not
    empty and move its files aside. stopped: nothing was sent since the backup was made; otherwise each
    delivery that waited then becomes uncertain. Raises as `check_backup` does; then nothing was changed.
    """
    present = _present(state_dir)
    if present and not force:
        raise NewsletterError(
            f"the state directory {state_dir} is not empty: {present[0].name}",
            hint="Name an empty one with --state-dir; or say --force, and what is there is put aside.",
        )
    _refuse_while_used(state_dir, present)
    with _staged(source, state_dir) as (folder, manifest):
        _check(source, folder, manifest)
        fresh = folder / STATE
        fresh.mkdir(exist_ok=True)
        options = read_options(fresh)
        ready, outside = _place_database(folder, manifest, options=options, state_dir=state_dir, fresh=fresh)
        uncertain = 0
        if ready is not None:
            uncertain = _upgrade(ready, options=options, stopped=stopped, now=now)
        aside = _put_aside(state_dir, present, now=now)
        if outside is not None:
            shutil.copyfile(folder / DATABASE / DatabaseKind.SQLITE.value, outside)
            outside.chmod(0o600)
        for entry in sorted(fresh.iterdir()):
            entry.rename(state_dir / entry.name)
    return _report(manifest, uncertain=uncertain, aside=aside, revision=known_revisions()[-1])


def _report(
    manifest: Manifest, *, uncertain: int = 0, aside: Path | None = None, revision: str | None = None
) -> RestoreReport:
    return RestoreReport(
        made_at=manifest.instant,
        version=manifest.version,
        revision=revision if revision is not None and manifest.database is not None else manifest.revision,
        database=manifest.database,
        files=len(manifest.files),
        uncertain=uncertain,
        aside=aside,
    )


def _present(state_dir: Path) -> list[Path]:
    if not state_dir.exists():
        return []
    return sorted(
        entry
        for entry in state_dir.iterdir()
        if entry.name not in IGNORED
        and not entry.name.startswith((REPLACED_PREFIX, ".restore-"))
        and not NAME.fullmatch(entry.name)
    )


def _refuse_while_used(state_dir: Path, present: list[Path]) -> None:
    if any(is_used(entry) for entry in present if is_sqlite(entry)):
        raise NewsletterError(
            f"the newsletter in {state_dir} is running",
            hint="Stop it first (`systemctl stop newsletter`); nothing was changed.",
        )


@contextmanager
def _staged(source: Path, state_dir: Path) -> Iterator[tuple[Path, Manifest]]:
    """The unpacked archive, in the state directory so that a move is a rename; removed at the end."""
    check_file(source)
    made = not state_dir.exists()
    folder = state_dir / f".restore-{os.getpid()}"
    try:
        state_dir.mkdir(mode=0o750, parents=True, exist_ok=True)
        folder.mkdir(mode=0o700)
        yield folder, unpack(source, folder)
    except OSError as error:
        raise unusable(state_dir, error) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if made and state_dir.is_dir() and not any(state_dir.iterdir()):
            state_dir.rmdir()


def _check(source: Path, folder: Path, manifest: Manifest) -> None:
    """Raise the reason when this program cannot use the unpacked backup."""
    if manifest.revision is not None and manifest.revision not in known_revisions():
        raise DatabaseTooNewError(
            f"{source} holds a database of a newer version (revision {manifest.revision}, "
            f"made by {manifest.version})",
            hint="Restore it with that version of `newsletter`; nothing was changed.",
        )
    if manifest.database != DatabaseKind.SQLITE:
        return
    copy = folder / DATABASE / DatabaseKind.SQLITE.value
    if found := damage(copy):
        raise StorageError(f"the database in {source} is damaged: {found[0]}", hint="Take another backup.")
    engine = open_engine(file_url(copy))
    try:
        check_known(engine)
    except DatabaseTooNewError:
        raise
    except StorageError as error:
        raise StorageError(
            f"the database in {source} is not of a newsletter: {error.message}", hint="Take another backup."
        ) from None
    finally:
        engine.dispose()


def _place_database(
    folder: Path, manifest: Manifest, *, options: RestoreOptions, state_dir: Path, fresh: Path
) -> tuple[str | None, Path | None]:
    """Put the database where the settings want it, as far as that can be undone.

    Returns its present URL (None: the backup holds no database), and the file outside the state directory to
    which it must still be copied (None: it is in place).
    """
    wanted = kind_of(options.database_url)
    if manifest.database is None:
        return None, None
    if manifest.database != wanted:
        raise NewsletterError(
            f"the backup holds a database of {manifest.database}, but database_url names one of {wanted}",
            hint="Change database_url, in the environment or a credential file, for this command.",
        )
    copy = folder / DATABASE / manifest.database
    if wanted is DatabaseKind.POSTGRESQL:
        check_empty(options.database_url)
        load_into(options.database_url, copy)
        return options.database_url, None
    file = sqlite_file(options.database_url)
    if file is None:
        raise NewsletterError(
            "database_url names no file", hint="Set it to sqlite:////path/file, or not at all."
        )
    if file.is_relative_to(fresh):  # the default of settings without database_url
        inside = file
    elif file.is_relative_to(state_dir):
        inside = fresh / file.relative_to(state_dir)
    elif file.exists():
        raise NewsletterError(
            f"the restored settings name the database {file}, and there is one",
            hint="Move it away, or set NEWSLETTER_DATABASE_URL to another place; nothing was changed.",
        )
    else:
        return file_url(copy), file
    inside.parent.mkdir(parents=True, exist_ok=True)
    copy.rename(inside)
    return file_url(inside), None


def _upgrade(url: str, *, options: RestoreOptions, stopped: bool, now: datetime) -> int:
    """Bring the database up to this version. Returns how many deliveries became uncertain."""
    engine = open_engine(url)
    try:
        upgrade(engine)
        if stopped:
            return 0
        with writing(engine) as connection:
            return doubt_unsettled(connection, now=now, mode=options.uncertain)
    finally:
        engine.dispose()
        if kind_of(url) is DatabaseKind.SQLITE and (file := sqlite_file(url)) is not None:
            is_used(file)  # merges the write-ahead log into the file, which is moved without it


def _put_aside(state_dir: Path, present: list[Path], *, now: datetime) -> Path | None:
    """Move the present files into a folder inside: the state directory itself may be a mount point."""
    if not present:
        return None
    name = f"{REPLACED_PREFIX}{now.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    aside, number = state_dir / name, 1
    while aside.exists():  # a second restore within the same second
        number += 1
        aside = state_dir / f"{name}-{number}"
    aside.mkdir(mode=0o700)
    for entry in present:
        entry.rename(aside / entry.name)
    return aside
