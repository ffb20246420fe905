"""Copies a whole database into a file while others write, and restores such a copy. Handles no other file.

SQLite copies itself; PostgreSQL needs its programs pg_dump and pg_restore.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from contextlib import closing
from enum import StrEnum
from pathlib import Path

from sqlalchemy import inspect
from sqlalchemy.engine import URL, make_url

from newsletter.core.errors import StorageError
from newsletter.db.engine import BUSY_TIMEOUT, open_engine, reading

_MAGIC = b"SQLite format 3\0"  # https://www.sqlite.org/fileformat.html, section 1.3
MAX_DAMAGE_LINES = 5  # that are read: the first one is enough


class DatabaseKind(StrEnum):
    """The database system of a copy."""

    SQLITE = "sqlite"  # the copy is a database file
    POSTGRESQL = "postgresql"  # the copy is an archive of pg_dump


class ProgramMissingError(StorageError):
    """A program of PostgreSQL is not on this machine."""


def kind_of(url: str) -> DatabaseKind:
    """The database system that `url` names."""
    return DatabaseKind.SQLITE if make_url(url).get_backend_name() == "sqlite" else DatabaseKind.POSTGRESQL


def sqlite_file(url: str) -> Path | None:
    """The absolute path of the database file; None when the database has none."""
    parsed = make_url(url)
    named = parsed.database
    if parsed.get_backend_name() != "sqlite" or not named or named == ":memory:":
        return None
    return Path(named).absolute()


def copy_to(target: Path, *, url: str) -> None:
    """Copy the database as it is at one instant into `target`, which must not exist.

    Writers and this copy do not block each other. Raises StorageError, ProgramMissingError.
    """
    if kind_of(url) is DatabaseKind.POSTGRESQL:
        _run(
            "pg_dump",
            "--format=custom",
            "--exclude-schema=newsletter_jobs_*",
            f"--file={target}",
            f"--dbname={_conninfo(make_url(url))}",
            url=url,
        )
        return
    source = sqlite_file(url)
    if source is None or not source.is_file():
        raise StorageError(f"there is no database file {source or url}", hint="Run `newsletter init`.")
    try:
        with closing(sqlite3.connect(source, isolation_level=None)) as connection:
            connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT}")
            # It reads in one transaction, which blocks no writer in WAL mode. Unlike a copy of the pages it
            # leaves out deleted rows: erased readers must not be in a backup.
            connection.execute("VACUUM INTO ?", (str(target),))
    except sqlite3.Error as error:
        raise StorageError(
            f"the database cannot be copied: {error}",
            hint="When the disk is full, name a folder on another one.",
        ) from error


def damage(file: Path) -> list[str]:
    """The damage that SQLite finds in a database file, in its words; empty when it is sound."""
    try:
        with closing(sqlite3.connect(f"file:{_quoted(file)}?mode=ro", uri=True)) as connection:
            found = connection.execute(f"PRAGMA integrity_check({MAX_DAMAGE_LINES})").fetchall()
            return [str(row[0]) for row in found if row[0] != "ok"]
    except sqlite3.Error as error:
        return [str(error)]


def is_sqlite(file: Path) -> bool:
    """Whether the file is a SQLite database, by its first bytes. Raises OSError."""
    if not file.is_file():
        return False
    with file.open("rb") as opened:
        return opened.read(len(_MAGIC)) == _MAGIC


def is_used(file: Path) -> bool:
    """Whether another process has the SQLite database open. If none has, merges its log into the file."""
    try:
        with closing(sqlite3.connect(file, timeout=0, isolation_level=None)) as connection:
            # Leaving WAL mode needs exclusive access; the next connection enables it again.
            connection.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.OperationalError as error:
        return "locked" in str(error)
    except sqlite3.DatabaseError:
        return False  # not a database
    return False


def load_into(url: str, archive: Path) -> None:
    """Restore an archive of pg_dump into an empty PostgreSQL database, whole or not at all.

    Raises StorageError, ProgramMissingError.
    """
    _run(
        "pg_restore",
        "--single-transaction",
        "--exit-on-error",
        "--no-owner",
        "--no-privileges",
        f"--dbname={_conninfo(make_url(url))}",
        str(archive),
        url=url,
    )


def check_empty(url: str) -> None:
    """Raise StorageError unless the PostgreSQL database can be reached and holds no table."""
    _program("pg_restore")
    engine = open_engine(url)
    try:
        with reading(engine) as connection:
            tables = inspect(connection).get_table_names()
    finally:
        engine.dispose()
    if tables:
        raise StorageError(
            f"the database that database_url names is not empty: it has {len(tables)} tables",
            hint="Make a new one with `createdb`, and name it in database_url; this one was left alone.",
        )


def _quoted(file: Path) -> str:
    return str(file).replace("%", "%25").replace("?", "%3f").replace("#", "%23")


def _conninfo(url: URL) -> str:
    """libpq's connection string, without the password: other users can see a command line."""
    named = {"host": url.host, "port": url.port, "user": url.username, "dbname": url.database}
    pairs = {**{key: value for key, value in named.items() if value is not None}, **url.query}
    escaped = {key: str(value).replace("\\", "\\\\").replace("'", "\\'") for key, value in pairs.items()}
    return " ".join(f"{key}='{value}'" for key, value in escaped.items() if key != "password")


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise ProgramMissingError(
            f"{name} is not installed, and PostgreSQL needs it",
            hint="Install PostgreSQL's client programs (Debian: postgresql-client).",
        )
    return found


def _run(name: str, *arguments: str, url: str) -> None:
    password = make_url(url).password
    environment = {**os.environ, **({"PGPASSWORD": str(password)} if password is not None else {})}
    done = subprocess.run(  # noqa: S603 (a fixed program, arguments from the settings only)
        [_program(name), *arguments],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode != 0:
        words = [line for line in done.stderr.splitlines() if line.strip()] or [
            f"exit code {done.returncode}"
        ]
        raise StorageError(
            f"{name} says: {words[0]}", hint=f"See that {name} is of the server's version or newer."
        )
