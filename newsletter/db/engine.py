"""Opens the database: SQLite in the state directory by default. What differs by database is here.

On SQLite every writer takes the lock at once (BEGIN IMMEDIATE), so that two never meet half-way. On
PostgreSQL writers run side by side; those that must not ask to be alone.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError
from sqlalchemy.pool import Pool

from newsletter.core.errors import ConfigurationError, StorageError, UnstorableError

BUSY_TIMEOUT = 30_000  # milliseconds a writer waits for another one's commit
CACHE_SIZE = -8_000  # KiB (negative by SQLite's convention): memory does not grow with the readers
ROOMY_CACHE = -64_000  # KiB: the hot part of the paper index, for ingest
ALONE = 0x6E657773  # PostgreSQL's advisory lock (any fixed number) of those who decide from what they read
LIMITS = 0x6E657774  # of those who take from a limit's allowance
DEFAULT_FILE = "newsletter.sqlite3"  # in the state directory


def default_url(state_dir: Path) -> str:
    """The database of a state directory that names no other."""
    return file_url(state_dir / DEFAULT_FILE)


def file_url(file: Path) -> str:
    """The URL of a SQLite database in that file."""
    return URL.create("sqlite", database=str(file)).render_as_string(hide_password=False)


def open_engine(url: str) -> Engine:
    """An engine for `url` (sqlite or postgresql+psycopg). Connects lazily; raises ConfigurationError."""
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise ConfigurationError(
            "database_url cannot be read", hint="Write it as sqlite:////path/to/newsletter.sqlite3"
        ) from error
    if parsed.get_backend_name() == "sqlite":
        engine = create_engine(parsed, connect_args={"timeout": BUSY_TIMEOUT / 1000}, hide_parameters=True)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    engine = create_engine(parsed, pool_pre_ping=True, hide_parameters=True)  # they may be addresses
    event.listen(engine, "connect", _prepare_postgresql)
    event.listen(engine, "begin", _begin_postgresql)
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    # SQLAlchemy's begin event starts transactions; the driver must not start its own.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")  # an outcome that was recorded survives a power cut
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT}")
    cursor.execute(f"PRAGMA cache_size = {CACHE_SIZE}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    options = connection.get_execution_options()
    connection.exec_driver_sql("BEGIN" if options.get("read_only") else "BEGIN IMMEDIATE")


def _prepare_postgresql(connection: Any, _record: object) -> None:
    # Instants are read back as text here and there: in UTC, whatever the server's or the role's zone.
    connection.execute("SET TIME ZONE 'UTC'")
    connection.commit()


def _begin_postgresql(connection: Connection) -> None:
    options = connection.get_execution_options()
    if options.get("read_only"):
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
    elif options.get("alone"):
        be_alone(connection)


def be_alone(connection: Connection) -> None:
    """Wait until no other transaction is alone; this one is, to its end. Again changes nothing."""
    if connection.dialect.name == "postgresql":
        # At READ COMMITTED each later statement sees what the lock's last holder committed.
        hold(connection, ALONE)


@contextmanager
def writing(engine: Engine, *, alone: bool = False) -> Iterator[Connection]:
    """One transaction that writes: commits at the end, rolls back on any error.

    alone: for what decides from what it reads (ingest, publish, compose): no two such transactions
    overlap. On SQLite no two writers ever do; on PostgreSQL all others, senders first of all, go on.
    """
    with _wrapped(), _turn(engine), engine.execution_options(alone=alone).begin() as connection:
        yield connection


def hold(connection: Connection, lock: int, *, shared: bool = False) -> None:
    """Let nobody else hold `lock` until this transaction ends; on SQLite no other writer is there anyway.

    shared: others may who share it, too.
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock{'_shared' if shared else ''}({lock})")


def with_room(connection: Connection) -> None:
    """Let this connection keep more of the database in memory: for many look-ups all over a large index."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(f"PRAGMA cache_size = {ROOMY_CACHE}")


class KeptConnection:
    """A connection kept for many small transactions in a row: opening one for each costs as much again."""

    def __init__(self, engine: Engine) -> None:
        """Connects with the first transaction."""
        self._engine = engine
        self._connection: Connection | None = None

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction that writes, as `writing`; others may write beside it where the database can."""
        with _wrapped(), _turn(self._engine):
            if self._connection is None:
                self._connection = self._engine.connect()
            with self._connection.begin():
                yield self._connection

    def close(self) -> None:
        """Give the connection back."""
        if self._connection is not None:
            self._connection.close()


@contextmanager
def rolled_back(engine: Engine) -> Iterator[Connection]:
    """A transaction, alone, that is taken back at the end: to see what would happen."""
    with _wrapped(), _turn(engine), engine.execution_options(alone=True).connect() as connection:
        transaction = connection.begin()
        try:
            yield connection
        finally:
            transaction.rollback()


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """One consistent view; nothing is written."""
    with _wrapped(), engine.connect().execution_options(read_only=True) as connection:
        yield connection


_turns: WeakKeyDictionary[Pool, threading.Lock] = WeakKeyDictionary()  # of each SQLite engine's writers


@contextmanager
def _turn(engine: Engine) -> Iterator[None]:
    """Let threads that write to SQLite queue here: who waits there asks again every tenth of a second, at
    worst, finds others in between for many seconds, and holds a connection meanwhile."""
    if engine.dialect.name != "sqlite":
        yield
        return
    turn = _turns.setdefault(engine.pool, threading.Lock())
    if not turn.acquire(timeout=BUSY_TIMEOUT / 1000):
        raise _storage_error("database is locked")
    try:
        yield
    finally:
        turn.release()


@contextmanager
def _wrapped() -> Iterator[None]:
    try:
        yield
    except DataError as error:
        hint = "What this was to store holds a number or text beyond its limits; nothing of it was stored."
        raise UnstorableError(f"the database says: {error.orig}", hint=hint) from error
    except DBAPIError as error:
        raise _storage_error(str(error.orig)) from error


def _storage_error(text: str) -> StorageError:
    hints = {
        "locked": "Another command is writing for a long time; try again when it is done.",
        "readonly": "The state directory is read-only; make it writable for this user.",
        "unable to open": "The state directory is missing or not accessible; run `newsletter init`.",
        "disk": "The disk is full or failing; nothing of this step was stored.",
        "full": "The disk is full; nothing of this step was stored.",
        "no such table": "The database is not set up; run `newsletter init`.",
        "no such column": "The database is of an older version; run `newsletter migrate`.",
        "connection failed": "The database server does not answer as database_url says.",
        "not a database": "The file is no newsletter database; restore a backup.",
    }
    hint = next((hint for mark, hint in hints.items() if mark in text), "Nothing of this step was stored.")
    return StorageError(f"the database says: {text}", hint=hint)


def dialect_insert(connection: Connection) -> Any:
    """The dialect's `insert`, which knows ON CONFLICT; both databases spell it alike."""
    if connection.dialect.name == "sqlite":
        from sqlalchemy.dialects.sqlite import insert
    else:
        from sqlalchemy.dialects.postgresql import insert  # type: ignore[assignment]
    return insert
