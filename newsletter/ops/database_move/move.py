"""Moves a whole newsletter to another database: holds the old one, copies, verifies, and leaves it held.

Each step can be repeated, so a move that was killed goes on by running it again. It reads no settings.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, inspect, select
from sqlalchemy.engine import URL, make_url

from newsletter.core.errors import StorageError, UnstorableError, UsageError
from newsletter.core.states import DeliveryState
from newsletter.db import migrate
from newsletter.db.engine import open_engine, reading, writing
from newsletter.db.move_marks import (
    MoveState,
    hold,
    lock_out_writers,
    read_mark,
    release,
    remove_mark,
    write_mark,
)
from newsletter.db.schema import deliveries
from newsletter.db.snapshot import sqlite_file
from newsletter.delivery.outbox import sender_locks
from newsletter.ops.database_move import rows
from newsletter.ops.database_move.plan import Copied, check_tables, declared_tables
from newsletter.ops.database_move.search import index_everything

AT_WORK = (DeliveryState.LEASED.value, DeliveryState.HANDING_OVER.value)
LOOK_AGAIN = 0.5  # seconds between two looks whether the senders are done

Audit = Callable[[Engine], dict[str, Any]]  # the report of `newsletter audit`, with "clean"


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveOptions:
    """What a move is told."""

    source: str  # URLs of the databases
    target: str
    locks_dir: Path  # of the senders of this machine
    now: datetime  # aware
    wait: float = 60.0  # seconds for senders to finish


@dataclass(slots=True, kw_only=True)
class MoveReport:
    """What became of a move."""

    source: str  # without passwords
    target: str
    resumed: bool = False  # an earlier run had begun it
    done_before: bool = False  # an earlier run had finished it: nothing was done
    copied: dict[str, int] = field(default_factory=dict)  # rows that this run wrote, by table
    tables: dict[str, rows.TableSum] = field(default_factory=dict)  # the same on both sides
    audit: dict[str, Any] = field(default_factory=dict)  # the same on both sides

    @property
    def rows(self) -> int:
        """All rows that moved."""
        return sum(found.rows for found in self.tables.values())


def move(
    options: MoveOptions,
    *,
    audit: Audit,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
    passed: Callable[[str], None] = lambda _point: None,
) -> MoveReport:
    """Move the newsletter; the old database takes no write from the first step on.

    passed: is given each point at which a kill would leave something different behind (for tests).
    Raises StorageError (also for two sides that differ, and senders that do not finish), UsageError.
    """
    with _both(options) as (source, target):
        report = MoveReport(source=_shown(options.source), target=_shown(options.target))
        _begin(source, target, options, report)
        if report.done_before:
            return report
        passed("held")
        tables = [Copied(declared) for declared in declared_tables()]
        for number, copied in enumerate(tables):
            report.copied[copied.name] = _copy(source, target, copied, passed=passed)
            progress(number + 1, 2 * len(tables))
        index_everything(target)
        passed("indexed")
        _analyze(target)
        for number, copied in enumerate(tables, start=len(tables)):
            report.tables[copied.name] = _verified(source, target, copied)
            progress(number + 1, 2 * len(tables))
        report.audit = _audited(audit, source, target)
        passed("verified")
        with writing(source) as connection:
            write_mark(connection, MoveState.LEFT, now=options.now)
        passed("left")
        with writing(target) as connection:
            remove_mark(connection)
        return report


def _begin(source: Engine, target: Engine, options: MoveOptions, report: MoveReport) -> None:
    """Hold the source and mark both sides, as far as an earlier run has not."""
    with reading(source) as connection:
        if migrate.current_revision(connection) != migrate.known_revisions()[-1]:
            raise StorageError(
                "the old database is not of this version",
                hint="Run `newsletter migrate` alone first: it brings the database to this version.",
            )
        check_tables(connection)
        mark = read_mark(connection)
    with reading(target) as connection:
        other = read_mark(connection)
        empty = not inspect(connection).get_table_names()
        revision = migrate.current_revision(connection)
    if mark is not None and mark.state not in (MoveState.LEAVING, MoveState.LEFT):
        raise StorageError(
            "the old database is itself the target of a move", hint="Finish that move, or drop this database."
        )
    if mark is not None and mark.other != report.target:
        raise UsageError(
            f"a move to {mark.other} has begun", hint="Go on with that one, or end it first with --back."
        )
    if mark is not None and mark.state == MoveState.LEFT and other is None:
        report.done_before = True
        return
    ours = mark is not None and other is not None and other.move == mark.move
    if not ours and not empty and not (other is None and revision is not None and _no_row(target)):
        raise StorageError(
            "the new database is not empty",
            hint="Make a new one with `createdb`, or name a new file; this one was left alone.",
        )
    report.resumed = mark is not None
    move_id = mark.move if mark is not None else secrets.token_hex(8)
    if mark is None:
        _hold_when_idle(source, move_id, options, other=report.target)
    migrate.upgrade(target)
    if not ours:
        with writing(target) as connection:
            write_mark(connection, MoveState.FILLING, move=move_id, other=report.source, now=options.now)


def _no_row(target: Engine) -> bool:
    """Whether a migrated database holds no row: a run was killed before it marked it, or `init` made it."""
    with reading(target) as connection:
        check_tables(connection)
        return not any(
            connection.execute(select(declared).limit(1)).first() for declared in declared_tables()
        )


def _hold_when_idle(source: Engine, move_id: str, options: MoveOptions, *, other: str) -> None:
    """Hold the source in the same transaction in which no sender has a message under way."""
    names = [declared.name for declared in declared_tables()]
    end = time.monotonic() + options.wait
    while True:
        with writing(source) as connection:
            lock_out_writers(connection, names)
            held = connection.execute(
                select(deliveries.c.owner, deliveries.c.leased_until)
                .where(deliveries.c.state.in_(AT_WORK))
                .distinct()
            ).all()
            alive = [owner for owner, until in held if not _is_over(connection, owner, until, options)]
            if not alive:
                write_mark(connection, MoveState.LEAVING, move=move_id, other=other, now=options.now)
                hold(connection, names)
                return
        if time.monotonic() > end:
            raise StorageError(
                f"a sender is at work and does not finish: {alive[0]}",
                hint="Stop the newsletter (`systemctl stop newsletter`) and try again; nothing was moved.",
            )
        time.sleep(LOOK_AGAIN)


def _is_over(connection: Connection, owner: str | None, until: datetime | None, options: MoveOptions) -> bool:
    dead = sender_locks.is_dead(owner, options.locks_dir, connection) if owner is not None else True
    return bool(dead) or (dead is None and (until is None or until < options.now))


def _copy(source: Engine, target: Engine, copied: Copied, *, passed: Callable[[str], None]) -> int:
    """Copy what the target lacks: pages by number, or the whole table at once. How many rows."""
    written = 0
    try:
        if copied.number is None:
            with reading(source) as old, writing(target) as new:
                if rows.count(new, copied) != 0:
                    return 0  # written whole in one transaction, by an earlier run
                with rows.reading_all(old, copied) as pages:
                    for page in pages:
                        rows.write(new, copied, page)
                        written += len(page)
        else:
            written = _copy_pages(source, target, copied, passed=passed)
    except UnstorableError as error:
        raise (
            error if error.message.startswith(copied.name) else rows.unstorable(copied.name, error)
        ) from None
    passed(f"copied {copied.name}")
    return written


def _copy_pages(source: Engine, target: Engine, copied: Copied, *, passed: Callable[[str], None]) -> int:
    written = 0
    with reading(target) as new:
        after = rows.last_number(new, copied)
    after = -(2**31) if after is None else after
    while True:
        with reading(source) as old:
            page = rows.page_after(old, copied, after)
        if not page:
            break
        with writing(target) as new:
            rows.write(new, copied, page)
        written += len(page)
        after = page[-1][list(copied.plain.c.keys()).index(str(copied.number))]
        passed(f"page of {copied.name}")
    with reading(source) as old, writing(target) as new:
        rows.link(old, new, copied)
        rows.set_sequence(new, copied)
    return written


def _verified(source: Engine, target: Engine, copied: Copied) -> rows.TableSum:
    with reading(source) as old, reading(target) as new:
        ours, theirs = rows.checksum(old, copied), rows.checksum(new, copied)
    if ours != theirs:
        raise StorageError(
            f"the table {copied.name} differs after the copy: {ours.rows} rows with checksum {ours.checksum} "
            f"here, {theirs.rows} with {theirs.checksum} there",
            hint="Take the newsletter back with --back, drop the new database, and begin again.",
        )
    return ours


def _audited(audit: Audit, source: Engine, target: Engine) -> dict[str, Any]:
    ours, theirs = audit(source), audit(target)
    if ours != theirs:
        odd = sorted(name for name in ours if ours[name] != theirs.get(name))
        raise StorageError(
            f"`newsletter audit` differs between the two databases in {', '.join(odd)}",
            hint="Take the newsletter back with --back, and report this.",
        )
    return ours


def take_back(options: MoveOptions) -> MoveReport:
    """Use the old database again; the new one takes no write from then on.

    Raises StorageError when anything changed in the new one since the move: readers may have been mailed.
    """
    with _both(options) as (source, target):
        report = MoveReport(source=_shown(options.source), target=_shown(options.target))
        with reading(source) as connection:
            mark = read_mark(connection)
        if mark is None or mark.state not in (MoveState.LEAVING, MoveState.LEFT):
            raise StorageError("no move from this database has begun", hint="There is nothing to take back.")
        if mark.other != report.target:
            raise UsageError(f"the move went to {mark.other}", hint="Name that database with --to.")
        names = [declared.name for declared in declared_tables()]
        with reading(target) as connection:
            there = inspect(connection).has_table(deliveries.name)
        if there:
            with writing(target) as connection:
                lock_out_writers(connection, names)
                hold(connection, names)
            if mark.state == MoveState.LEFT:
                _check_unchanged(source, target, names)
            with writing(target) as connection:
                write_mark(
                    connection, MoveState.GIVEN_UP, move=mark.move, other=report.source, now=options.now
                )
        with writing(source) as connection:
            release(connection, names)
            remove_mark(connection)
        return report


def _check_unchanged(source: Engine, target: Engine, names: list[str]) -> None:
    try:
        for declared in declared_tables():
            _verified(source, target, Copied(declared))
    except StorageError as error:
        with writing(target) as connection:
            release(connection, names)
        raise StorageError(
            f"the new database has been used since the move ({error.message})",
            hint="Move the other way: `newsletter migrate --from` the new database `--to` a new one; "
            "nothing was changed.",
        ) from None


def _analyze(target: Engine) -> None:
    with target.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ANALYZE")


@contextmanager
def _both(options: MoveOptions) -> Iterator[tuple[Engine, Engine]]:
    for url in (options.source, options.target):
        open_engine(url).dispose()  # it connects to nothing, and refuses what is no URL
    if _same(options.source) == _same(options.target):
        raise UsageError("--from and --to name the same database", hint="Name two databases.")
    file = sqlite_file(options.source)
    if make_url(options.source).get_backend_name() == "sqlite" and (file is None or not file.is_file()):
        raise StorageError(f"there is no database file {file}", hint="Name an existing one with --from.")
    with ExitStack() as stack:
        engines = []
        for url in (options.source, options.target):
            engine = open_engine(url)
            stack.callback(engine.dispose)
            engines.append(engine)
        yield engines[0], engines[1]


def _same(url: str) -> tuple[object, ...]:
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        file = sqlite_file(url)
        return ("sqlite", file and file.resolve())
    return (
        "postgresql",
        parsed.host,
        parsed.port or 5432,
        parsed.database,
        str(sorted(parsed.query.items())),
    )


def _shown(url: str) -> str:
    parsed: URL = make_url(url)
    if parsed.get_backend_name() == "sqlite" and (file := sqlite_file(url)) is not None:
        parsed = parsed.set(database=str(file.resolve()))
    elif parsed.get_backend_name() == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    return parsed.render_as_string(hide_password=True)
