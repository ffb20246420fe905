"""Checks the database: whether it is sound, and which rows wait too long. Changes nothing."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection, Engine, func, select

from newsletter.core.states import DeliveryState
from newsletter.db.engine import LEADER_LOCK, is_lock_held, reading
from newsletter.db.migrate import check_current, known_revisions
from newsletter.db.schema import deliveries, dumps, reader_debts, runs
from newsletter.db.snapshot import damage, sqlite_file
from newsletter.delivery.outbox.held_mail import WAITING
from newsletter.ops.doctor.finding import Finding, failed, ok, warning
from subscribers import queries, requests
from subscribers.errors import SubscriberError

CLOCK_TOLERANCE = timedelta(minutes=5)  # clocks of several machines differ by seconds
MAX_DELIVERY_DELAY = timedelta(hours=2)  # of a due delivery: nothing sends
MAX_ANSWER_DELAY = timedelta(minutes=30)  # of a sign-up, which is answered within seconds
MAX_RUN_GAP = timedelta(hours=1)  # a scheduler or timer runs every few minutes
MEGABYTE = 2**20
CANARIES = "Subscribe that address (`newsletter subscribers add`), or take it out of `review.canaries`."
START = "Start `newsletter run` (or `schedule`), or call `newsletter send` from a timer."


def size(engine: Engine, *, url: str) -> int:
    """The size of the database, bytes."""
    file = sqlite_file(url)
    if file is not None:
        return sum(
            part.stat().st_size
            for suffix in ("", "-wal")
            if (part := file.with_name(file.name + suffix)).exists()
        )
    with reading(engine) as connection:
        return int(connection.exec_driver_sql("SELECT pg_database_size(current_database())").scalar_one())


def database(engine: Engine, *, url: str) -> list[Finding]:
    """Revision, size and soundness of the database. Raises the errors of `check_current`."""
    check_current(engine)
    file = sqlite_file(url)
    words = f"revision {known_revisions()[-1]}, {max(1, size(engine, url=url) // MEGABYTE)} MB"
    if file is None:
        return [ok("database", f"{words}, on a server")]
    if found := damage(file):
        return [
            failed(
                "database",
                f"damaged: {found[0]}",
                hint="Stop everything, keep a copy of the file, and restore the last backup.",
            )
        ]
    with closing(engine.raw_connection()) as connection:
        astray = connection.cursor().execute("PRAGMA foreign_key_check").fetchall()
    if astray:
        return [
            failed(
                "database",
                f"{len(astray)} rows refer to nothing, the first in {astray[0][0]}",
                hint="Restore the last backup, and report how it came to this.",
            )
        ]
    return [ok("database", f"{words}, sound")]


def instants(connection: Connection, *, now: datetime) -> Finding:
    """Whether the clock is behind the latest timestamp in the database."""
    found = [
        connection.execute(select(func.max(column))).scalar()
        for column in (runs.c.at, deliveries.c.composed_at, deliveries.c.finished_at, dumps.c.received_at)
    ]
    latest = max((at for at in found if at is not None), default=None)
    if latest is not None and latest > now + CLOCK_TOLERANCE:
        return failed(
            "clock and database",
            f"the database has entries of {latest:%Y-%m-%d %H:%M} UTC, which is still to come",
            hint="Set the clock right. If it is, it was ahead once, or a command was run with a later --at: "
            "what is due is composed once that time has passed.",
        )
    return ok("clock and database", "no entry lies in the future")


def outbox(connection: Connection, *, now: datetime) -> Finding:
    """Whether due deliveries are sent."""
    due = select(func.count(deliveries.c.id), func.min(deliveries.c.next_attempt_at)).where(
        WAITING, deliveries.c.next_attempt_at <= now
    )
    count, oldest = connection.execute(due).one()
    if oldest is not None and now - oldest > MAX_DELIVERY_DELAY:
        return failed(
            "outbox", f"{count} mails wait, the oldest since {oldest:%Y-%m-%d %H:%M} UTC", hint=START
        )
    waiting = connection.execute(select(func.count(deliveries.c.id)).where(WAITING)).scalar_one()
    return ok("outbox", f"{waiting} mails wait, {count} of them could go now")


def sign_ups(connection: Connection, *, now: datetime) -> Finding:
    """Whether the requests of the web pages are answered."""
    counts = requests.counts(connection)
    first = requests.waiting(connection, limit=1, now=now)
    if first and now - first[0].at > MAX_ANSWER_DELAY:
        return failed(
            "sign-ups",
            f"{counts['waiting']} requests wait, the oldest since {first[0].at:%Y-%m-%d %H:%M} UTC",
            hint="Start `newsletter run` or `newsletter serve`: it answers them. If it runs, see its log.",
        )
    if counts["failed"]:
        return warning(
            "sign-ups",
            f"{counts['failed']} requests could not be answered",
            hint="The column `failed` of the table signup_requests says why; mend that, or delete the rows.",
        )
    return ok("sign-ups", f"{counts['waiting']} requests wait")


def canaries(connection: Connection, addresses: Sequence[str]) -> list[Finding]:
    """Whether each canary is a confirmed reader."""
    found = []
    for address in addresses:
        try:
            person = queries.find(connection, address)
        except SubscriberError as error:
            found.append(warning("canaries", f"{address!r} is no address: {error.message}", hint=CANARIES))
            continue
        if person is None or person.state != queries.State.CONFIRMED:
            words = "is no subscriber" if person is None else f"is {person.state}"
            found.append(warning("canaries", f"{address} {words} and gets no edition", hint=CANARIES))
    good = len(addresses) - len(found)
    return found or ([ok("canaries", f"{good} get editions first")] if good else [])


def uncertain(connection: Connection) -> Finding:
    """Uncertain digests whose papers no later delivery has carried."""
    open_recaps = (
        select(func.count(deliveries.c.id.distinct()))
        .join(reader_debts, reader_debts.c.from_delivery_id == deliveries.c.id)
        .where(
            deliveries.c.state == DeliveryState.UNCERTAIN.value,
            reader_debts.c.kind == "recap",
            reader_debts.c.ended.is_(None),
        )
    )
    count = connection.execute(open_recaps).scalar_one()
    if count:
        return warning(
            "uncertain mails",
            f"the fate of {count} digests is unknown; their papers wait for the next digest",
            hint="Nothing needs to be done. `newsletter deliveries list --state uncertain` names them.",
        )
    return ok("uncertain mails", "none whose papers still wait")


def scheduler(connection: Connection, *, leader_lock: Path, now: datetime) -> Finding:
    """Whether workers, a scheduler on this machine, or a timer that calls `send`, do what is due."""
    if is_locked(leader_lock):
        return ok("scheduler", "one runs on this machine")
    if is_lock_held(connection, LEADER_LOCK):
        return ok("scheduler", "workers share the work, and one of them leads")
    last = connection.execute(
        select(func.max(runs.c.at)).where(runs.c.verb.in_(("compose", "deliver")))
    ).scalar()
    if last is None:
        return warning("scheduler", "nothing has ever been sent", hint=START)
    if now - last > MAX_RUN_GAP:
        return warning("scheduler", f"nothing has run since {last:%Y-%m-%d %H:%M} UTC", hint=START)
    return ok("scheduler", f"none here, but `send` ran at {last:%Y-%m-%d %H:%M} UTC")


def is_locked(lock: Path) -> bool:
    """Whether a process holds the lock in this file."""
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False
