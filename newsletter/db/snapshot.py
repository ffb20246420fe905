"""Copies a whole database into a file while others write, and puts such a copy back. Both kinds of database.

SQLite copies itself; for PostgreSQL its own pg_dump and pg_restore run. Knows nothing of other files.
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
CHECKED_ROWS = 5  # lines of damage that a message repeats: one is enough to know


class DatabaseKind(StrEnum):
    """Which database a copy is of."""

    SQLITE = "sqlite"  # the copy is a database file
    POSTGRESQL = "postgresql"  # the copy is an archive of pg_dump


class ProgramMissingError(StorageError):
    """PostgreSQL's own program is not on this machine."""


def kind_of(url: str) -> DatabaseKind:
    """Which kind of database `url` names."""
    return DatabaseKind.SQLITE if make_url(url).get_backend_name() == "sqlite" else DatabaseKind.POSTGRESQL


def sqlite_file(url: str) -> Path | None:
    """The absolute path of the database's file; None when it is not in a file of its own."""
    parsed = make_url(url)
    named = parsed.database
    if parsed.get_backend_name() != "sqlite" or not named or named == ":memory:":
        return None
    return Path(named).absolute()


def copy_to(target: Path, *, url: str) -> None:
    """Copy the database as it is at one instant into `target`, which must not exist.

    Neither waits for writers nor keeps them waiting. Raises StorageError, ProgramMissingError.
    """
    if kind_of(url) is DatabaseKind.POSTGRESQL:
        _run(
            "pg_dump", "--format=custom", f"--file={target}", f"--dbname={_conninfo(make_url(url))}", url=url
        )
        return
    source = sqlite_file(url)
    if source is None or not source.is_file():
        raise StorageError(f"there is no database file {source or url}", hint="Run `newsletter init`.")
    try:
        with closing(sqlite3.connect(source, isolation_level=None)) as connection:
            connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT}")
            # Reads within one transaction, which writers do not notice in WAL mode; and unlike a copy of the
            # pages, leaves out what was deleted: nobody who was erased goes into a backup.
            connection.execute("VACUUM INTO ?", (str(target),))
    except sqlite3.Error as error:
        raise StorageError(
            f"the database cannot be copied: {error}",
            hint="When the disk is full, name a folder on another one.",
        ) from error


def damage(file: Path) -> list[str]:
    """What SQLite finds wrong with a database file, in its words; empty when it is sound."""
    try:
        with closing(sqlite3.connect(f"file:{_quoted(file)}?mode=ro", uri=True)) as connection:
            found = connection.execute(f"PRAGMA integrity_check({CHECKED_ROWS})").fetchall()
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
    """Whether another process has the SQLite database open. Moves its log into the file when none has."""
    try:
        with closing(sqlite3.connect(file, timeout=0, isolation_level=None)) as connection:
            # Leaving WAL mode asks for the file alone; the next who opens it goes back.
            connection.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.OperationalError as error:
        return "locked" in str(error)
    except sqlite3.DatabaseError:
        return False  # no database at all
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
    """libpq's connection string, without the password: others see the command line."""
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
    done = subprocess.run(  # noqa: S603 (a fixed program; nothing here comes from outside the settings)
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
