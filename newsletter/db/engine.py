"""Opens the database, SQLite in the state directory by default, and runs its transactions. Holds no table.

On SQLite every writer takes the write lock at its start (BEGIN IMMEDIATE), so that none fails half-way.
On PostgreSQL writers run in parallel; a transaction that must not is `exclusive`.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, NoSuchModuleError
from sqlalchemy.pool import Pool

from newsletter.core.errors import ConfigurationError, DatabaseMovedError, StorageError, UnstorableError
from newsletter.db.commit_meanwhile import commit

BUSY_TIMEOUT = 30_000  # milliseconds that a writer waits for the lock
LOG_TIMEOUT = 1_000  # milliseconds that emptying the log waits for readers; a person waits for the page
CACHE_SIZE = -8_000  # KiB (negative by SQLite's convention): memory does not grow with the number of readers
LARGE_CACHE_SIZE = -64_000  # KiB: the often used part of the paper index, for ingest
# Advisory locks of PostgreSQL; the numbers are arbitrary but fixed.
EXCLUSIVE_LOCK = 0x6E657773  # of transactions that decide from what they read
LIMITS_LOCK = 0x6E657774  # of transactions that take from a rate limit
LEADER_LOCK = 0x6E657777  # of the worker that leads
SHRINKS = 2  # SQLite's number of auto_vacuum = INCREMENTAL
PAGES_AT_ONCE = 2_000  # given back in one transaction: 8 MB
MOVES = "this newsletter moves to another database"  # said by the triggers of newsletter.db.move_marks
DEFAULT_FILE = "newsletter.sqlite3"  # in the state directory


def default_url(state_dir: Path) -> str:
    """The URL of the database in a state directory, when the settings name no other."""
    return file_url(state_dir / DEFAULT_FILE)


def file_url(file: Path) -> str:
    """The URL of a SQLite database in that file."""
    return URL.create("sqlite", database=str(file)).render_as_string(hide_password=False)


def open_engine(url: str) -> Engine:
    """An engine for `url` (sqlite or postgresql+psycopg). Connects lazily; raises ConfigurationError."""
    try:
        parsed = _with_driver(make_url(url))
    except (ArgumentError, ValueError):  # its text may hold the password
        raise ConfigurationError(
            "database_url cannot be read", hint="Write it as sqlite:////path/to/newsletter.sqlite3"
        ) from None
    if parsed.get_backend_name() == "sqlite":
        engine = create_engine(
            parsed,
            connect_args={"timeout": BUSY_TIMEOUT / 1000},
            hide_parameters=True,
            json_deserializer=_from_json,
        )
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    try:
        engine = create_engine(
            parsed,
            pool_pre_ping=True,
            isolation_level="READ COMMITTED",  # whatever the server's default is
            hide_parameters=True,  # parameters may be addresses
            json_deserializer=_from_json,
        )
    except ImportError as error:
        raise ConfigurationError(
            f"database_url needs a driver that is not installed: {error.name or parsed.drivername}",
            hint='Install it: pip install "newsletter[postgres]".',
        ) from None
    except NoSuchModuleError:
        raise ConfigurationError(
            f"database_url names an unknown kind of database: {parsed.drivername}",
            hint="Begin it with sqlite:// or postgresql+psycopg://.",
        ) from None
    event.listen(engine, "connect", _prepare_postgresql)
    event.listen(engine, "begin", _begin_postgresql)
    return engine


def _with_driver(url: URL) -> URL:
    """The URL with the driver that comes with the extra `postgres`, where it names none."""
    return url.set(drivername="postgresql+psycopg") if url.drivername in ("postgresql", "postgres") else url


def _from_json(stored: str | bytes) -> Any:
    """The value of a JSON column, with “?” for half of a surrogate pair: no page or mail could be encoded."""
    value = json.loads(stored)
    escaped = "\\ud" if isinstance(stored, str) else b"\\ud"
    if escaped not in stored.lower():  # type: ignore[operator]  # both are str, or both are bytes
        return value
    return json.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    # SQLAlchemy's begin event starts transactions; the driver must not start its own.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT}")
    if cursor.execute("PRAGMA page_count").fetchone() == (0,):  # a new file: `free_pages` can shrink it
        cursor.execute("PRAGMA auto_vacuum = INCREMENTAL")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")  # a recorded outcome survives a power cut
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute(f"PRAGMA cache_size = {CACHE_SIZE}")
    cursor.execute("PRAGMA secure_delete = ON")  # zeros over what is deleted: addresses of erased readers
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    options = connection.get_execution_options()
    reads = options.get("read_only") or options.get("deferred")
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def _prepare_postgresql(connection: Any, _record: object) -> None:
    # Some statements read instants as text, which must be in UTC whatever the zone of the server or role.
    # The locks of a machine that lost its power must end: the server looks after it within half a minute.
    connection.execute(
        "SET TIME ZONE 'UTC'; SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; "
        "SET tcp_keepalives_count = 3; SET tcp_user_timeout = 30000"
    )
    connection.commit()


def _begin_postgresql(connection: Connection) -> None:
    options = connection.get_execution_options()
    if options.get("read_only"):
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
    elif options.get("exclusive"):
        lock_exclusively(connection)


def lock_exclusively(connection: Connection) -> None:
    """Make this transaction exclusive, once no other one is. A second call changes nothing."""
    if connection.dialect.name == "postgresql":
        # At READ COMMITTED each later statement sees the commits of the former holder.
        take_lock(connection, EXCLUSIVE_LOCK)


@contextmanager
def writing(engine: Engine, *, exclusive: bool = False) -> Iterator[Connection]:
    """One transaction that writes: commits at the end, rolls back on any error.

    exclusive: for steps that decide from what they read (ingest, publish, compose): no two such transactions
    overlap. On SQLite no two writers overlap; on PostgreSQL all others, such as senders, continue.
    """
    with (
        _wrapped(),
        _write_queue(engine),
        engine.execution_options(exclusive=exclusive).begin() as connection,
    ):
        yield connection


def take_lock(connection: Connection, lock: int, *, shared: bool = False) -> None:
    """Hold an advisory lock until this transaction ends. On SQLite there is no other writer anyway.

    shared: other transactions may hold it too, when they share it.
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock{'_shared' if shared else ''}({lock})")


def is_lock_held(connection: Connection, lock: int) -> bool:
    """Whether a session holds that advisory lock; never on SQLite."""
    if connection.dialect.name != "postgresql":
        return False
    found = connection.execute(_HELD, {"lock": lock})
    return bool(found.scalar_one())


_HELD = text("""
SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database
WHERE datname = current_database() AND locktype = 'advisory' AND classid = 0 AND objid = :lock
  AND objsubid = 1 AND granted
""")


def enlarge_cache(connection: Connection) -> None:
    """Keep more of the database in the memory of this connection, for many look-ups in a large index."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(f"PRAGMA cache_size = {LARGE_CACHE_SIZE}")


def empty_log(engine: Engine) -> bool:
    """Empty SQLite's write-ahead log, which still holds rows that were deleted; returns whether it is empty.

    Call it after an erasure, outside of any transaction. Someone who reads at this moment may need the log:
    it is tried for a moment, and the next purge tries again. Other databases keep their own logs.
    """
    if engine.dialect.name != "sqlite":
        return True
    with _wrapped(), _write_queue(engine):
        connection = engine.raw_connection()
        try:
            cursor = connection.cursor()
            cursor.execute(f"PRAGMA busy_timeout = {LOG_TIMEOUT}")
            busy = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT}")
            cursor.close()
        finally:
            connection.close()
    return not busy


def shrinks(engine: Engine) -> bool:
    """Whether `free_pages` gives space back to the disk; a SQLite file of an older version cannot."""
    if engine.dialect.name != "sqlite":
        return False
    with reading(engine) as connection:
        return bool(connection.exec_driver_sql("PRAGMA auto_vacuum").scalar_one() == SHRINKS)


def free_pages(engine: Engine, *, stop: Callable[[], bool] = lambda: False) -> int:
    """Give free pages of SQLite's file back to the disk, some at a time; returns how many bytes.

    Other writers work in between. stop: whether to leave the rest. Other databases do it themselves.
    """
    if not shrinks(engine):
        return 0
    freed = 0
    while not stop():
        with _wrapped(), _write_queue(engine), closing(engine.raw_connection()) as connection:
            cursor = connection.cursor()
            (before,) = cursor.execute("PRAGMA freelist_count").fetchone()
            cursor.execute(f"PRAGMA incremental_vacuum({PAGES_AT_ONCE})").fetchall()
            (after,) = cursor.execute("PRAGMA freelist_count").fetchone()
            (size,) = cursor.execute("PRAGMA page_size").fetchone()
            cursor.close()
        freed += (before - after) * size
        if not after or after >= before:
            break
    return freed


def rewrite(engine: Engine) -> None:
    """Write SQLite's file anew, without free pages; from then on `free_pages` can give them back.

    Others wait meanwhile, and as much space as the file takes must be free. Raises StorageError.
    """
    with _wrapped(), _write_queue(engine), closing(engine.raw_connection()) as connection:
        cursor = connection.cursor()
        cursor.executescript("PRAGMA auto_vacuum = INCREMENTAL; VACUUM")
        cursor.close()
    empty_log(engine)  # the new file is in the log first


class KeptConnection:
    """One connection for many small transactions in a row: a new one for each would double their cost."""

    def __init__(self, engine: Engine) -> None:
        """Connects when the first transaction begins."""
        self._engine = engine
        self._connection: Connection | None = None

    @contextmanager
    def writing(self, *, meanwhile: Callable[[], object] | None = None) -> Iterator[Connection]:
        """One transaction that writes and is not exclusive. meanwhile: as for `commit_meanwhile.commit`."""
        with _wrapped(), _write_queue(self._engine):
            connection = self._connect()
            with connection.begin():
                yield connection
                if meanwhile is not None:
                    commit(connection, meanwhile)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One transaction that writes at most temporary tables: SQLite's writer stays free."""
        with _wrapped():
            connection = self._connect()
            connection.execution_options(deferred=True)
            try:
                with connection.begin():
                    yield connection
            finally:
                connection.execution_options(deferred=False)

    def _connect(self) -> Connection:
        if self._connection is None:
            self._connection = self._engine.connect()
        return self._connection

    def close(self) -> None:
        """Return the connection to the pool."""
        if self._connection is not None:
            self._connection.close()

    def discard(self) -> None:
        """End the connection instead; on PostgreSQL the locks of its session end with it."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with connection:
                if connection.dialect.name == "postgresql" and not connection.invalidated:
                    connection.detach()


@contextmanager
def rolled_back(engine: Engine) -> Iterator[Connection]:
    """An exclusive transaction that is rolled back at the end, to see what it would do."""
    with _wrapped(), _write_queue(engine), engine.execution_options(exclusive=True).connect() as connection:
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


_write_locks: WeakKeyDictionary[Pool, threading.Lock] = WeakKeyDictionary()  # by SQLite engine


@contextmanager
def _write_queue(engine: Engine) -> Iterator[None]:
    """Let the threads that write to SQLite queue here, before they take a connection.

    SQLite itself has no queue: a waiting writer polls, and may lose to others for many seconds.
    """
    if engine.dialect.name != "sqlite":
        yield
        return
    lock = _write_locks.setdefault(engine.pool, threading.Lock())
    if not lock.acquire(timeout=BUSY_TIMEOUT / 1000):
        raise _storage_error("database is locked")
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _wrapped() -> Iterator[None]:
    try:
        yield
    except DataError as error:
        hint = "What this was to store holds a number or text beyond its limits; nothing of it was stored."
        raise UnstorableError(f"the database says: {error.orig}", hint=hint) from error
    except DBAPIError as error:
        raise _storage_error(str(error.orig)) from error


_CONNECTIONS = (
    "The database server takes no further connection; raise max_connections, or run fewer programs."
)
_COLLISION = "Two programs wanted the same rows; the step is tried again, and nothing of it was stored."
_RESTART = "The database server stops or restarts; nothing of this step was stored."


def _storage_error(text: str) -> StorageError:
    if MOVES in text:
        hint = "Stop this program, and set database_url to the new database; nothing of this step was stored."
        return DatabaseMovedError(MOVES, hint=hint)
    hints = {
        "too many clients": _CONNECTIONS,
        "connection slots": _CONNECTIONS,
        "deadlock detected": _COLLISION,
        "could not serialize": _COLLISION,
        "No space left": "The disk of the database server is full; nothing of this step was stored.",
        "terminating connection": _RESTART,
        "server closed the connection": _RESTART,
        "shutting down": _RESTART,
        "starting up": _RESTART,
        "not yet accepting": _RESTART,
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
    """The dialect's `insert`, which knows ON CONFLICT; the syntax is the same in both databases."""
    if connection.dialect.name == "sqlite":
        from sqlalchemy.dialects.sqlite import insert
    else:
        from sqlalchemy.dialects.postgresql import insert  # type: ignore[assignment]
    return insert
