"""Puts the readers who may be due into the order in which they are mailed, and chooses those of one turn.

A turn is one transaction. So the writer is free between turns, and memory does not grow with the number of
readers. Who is due indeed is decided in the turn itself.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Connection, Insert, String, bindparam, func, insert, or_, select
from sqlmodel.sql.sqltypes import UTCDateTime

from newsletter.core.cadence import CLOCK_TOLERANCE, Cadence, is_zone, last_slot
from newsletter.core.reader_range import ReaderRange
from newsletter.db.schema import reader_debts
from newsletter.pipeline.compose.batch import chosen, create_line, due_line, due_readers
from newsletter.pipeline.compose.canaries import due_canaries
from newsletter.pipeline.compose.due import is_open
from newsletter.pipeline.compose.reader_debts import OPEN_DEBT
from newsletter.pipeline.compose.stale_mail import stale_deliveries, stale_parameters
from subscribers import audience
from subscribers.lifecycle import strikes

READERS_IN_A_TURN = 2_500  # composed in some tenths of a second: a sign-up waits for no more than that

log = logging.getLogger("newsletter.compose")


def line_up(
    connection: Connection,
    *,
    now: datetime,
    everyone: bool,
    only: int | None,
    canaries: Sequence[int],
    within: ReaderRange,
) -> int:
    """Fill `due_line`; returns how many readers stand in it. Writes temporary tables only.

    now: aware. everyone: regardless of the hour. only: one subscriber's id. canaries: subscribers' ids.
    """
    create_line(connection)
    if only is not None:
        connection.execute(insert(due_readers), {"subscriber_id": only})
    else:
        connection.execute(_add_stale(), stale_parameters(now))
        _add_canaries(connection, canaries, now=now)
        for row in connection.execute(audience.cadences()).all():
            cadence = Cadence(kind=row.cadence, weekday=row.weekday, hour=row.hour, timezone=row.timezone)
            if not is_zone(row.timezone):
                log.warning("timezone=%r of people=%d is not known here: UTC", row.timezone, row.people)
            if cadence.fault:
                words = "%s of people=%d cannot be: `newsletter watch` says more"
                log.warning(words, cadence.fault, row.people)
            if not everyone:
                slot = last_slot(cadence, now)
                if is_open(row, slot, now):
                    with_slot = {"slot": slot.at, "slack": now + CLOCK_TOLERANCE}
                    connection.execute(_add_open(), {**row._mapping, **with_slot})
        if everyone:
            connection.execute(_add_everyone())
    last = within.last if within.last is not None else 2**62
    bounds = {"first": within.first, "last": last, "canaries": list(canaries)}
    connection.execute(_line(), bounds)
    return connection.execute(select(func.count()).select_from(due_line)).scalar_one()


def turns(number: int, at_once: int) -> Iterator[tuple[int, int]]:
    """The first and last place of each turn of `at_once` readers, for `number` of them: at least one turn."""
    for first in range(1, max(number, 1) + 1, at_once):
        yield first, min(first + at_once - 1, number)


def choose(connection: Connection, first: int, last: int) -> None:
    """Choose the readers at these places of the line for the turn that begins."""
    connection.execute(_CHOOSE, {"first": first, "last": last})


def _add_canaries(connection: Connection, canaries: Sequence[int], *, now: datetime) -> None:
    due = due_canaries(connection, canaries, now=now) if canaries else set()
    due.difference_update(connection.execute(select(due_readers.c.subscriber_id)).scalars())
    if due:
        connection.execute(insert(due_readers), [{"subscriber_id": person} for person in sorted(due)])


@cache  # building these costs more than running them
def _add_stale() -> Insert:
    stale = stale_deliveries().subquery()
    return insert(due_readers).from_select(["subscriber_id"], select(stale.c.subscriber_id))


@cache
def _add_open() -> Insert:
    """Adds the readers of a schedule whose slot is open."""
    person = audience.mailable().subquery()
    done = person.c.slots_done_to
    # A clock that ran ahead closed slots of the future: these are open.
    is_due = or_(
        done < bindparam("slot", type_=UTCDateTime()), done > bindparam("slack", type_=UTCDateTime())
    )
    return insert(due_readers).from_select(
        ["subscriber_id"],
        select(person.c.subscriber_id).where(
            person.c.cadence == bindparam("cadence"),
            person.c.weekday.is_not_distinct_from(bindparam("weekday", type_=String())),
            person.c.hour == bindparam("hour"),
            person.c.timezone == bindparam("timezone"),
            is_due,
            person.c.subscriber_id.not_in(select(due_readers.c.subscriber_id)),
        ),
    )


@cache
def _add_everyone() -> Insert:
    person = audience.mailable().subquery()
    absent = person.c.subscriber_id.not_in(select(due_readers.c.subscriber_id))
    return insert(due_readers).from_select(["subscriber_id"], select(person.c.subscriber_id).where(absent))


@cache
def _line() -> Insert:
    """Puts them in line. Where a limit lets only some messages go, those who waited longest go first; and a
    server that is asked for dead addresses first may refuse the rest."""
    since = (
        select(reader_debts.c.subscriber_id, func.min(reader_debts.c.made_at).label("since"))
        .where(OPEN_DEBT)
        .group_by(reader_debts.c.subscriber_id)
        .subquery()
    )
    person = due_readers.c.subscriber_id
    order: tuple[Any, ...] = (
        person.in_(bindparam("canaries", expanding=True)).desc(),
        person.in_(strikes.struck_ids()),
        since.c.since.is_(None),
        since.c.since,
        person,
    )
    return insert(due_line).from_select(
        ["place", "subscriber_id"],
        select(func.row_number().over(order_by=order), person)
        .outerjoin(since, since.c.subscriber_id == person)
        .where(person.between(bindparam("first"), bindparam("last"))),
    )


_CHOOSE = insert(chosen).from_select(
    ["subscriber_id"],
    select(due_line.c.subscriber_id).where(due_line.c.place.between(bindparam("first"), bindparam("last"))),
)
