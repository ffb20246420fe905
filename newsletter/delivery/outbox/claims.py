"""Leases the messages that are due, to subscribers who may be mailed at this moment.

Sends nothing. A lease promises nothing before `newsletter.delivery.outbox.handover` hands the mail over.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache, lru_cache
from typing import Any, NamedTuple

from sqlalchemy import (
    Connection,
    Engine,
    Row,
    Select,
    and_,
    bindparam,
    exists,
    or_,
    select,
    text,
    type_coerce,
    update,
)

from newsletter.core.reader_range import Shard
from newsletter.core.states import REGULAR_KINDS, DebtEnd, DeliveryState, MailKind, SkipReason
from newsletter.db.engine import writing
from newsletter.db.id_lists import CachedDateTime, among
from newsletter.db.schema import deliveries, digests, reader_debts
from newsletter.delivery.outbox import debts
from newsletter.delivery.outbox.held_mail import WAITING, hold_back, lock_as_sender, with_held_edition

LEASE = timedelta(hours=1)  # all of SMTP's time limits together, the final dot's 10 minutes included

EXPIRED_AT_ONCE = 500  # far below any database's limit of parameters
EXPIRED_PAGES = 4  # in one transaction
PAUSE = 0.12  # seconds between two of them on SQLite, where a waiting writer polls at least every 0.1 seconds

_TRANSACTIONAL = text(
    f"deliveries.kind <> '{MailKind.DIGEST}' and deliveries.kind <> '{MailKind.NOTHING_NEW}'"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AudienceSelects:
    """Selectables of the package `subscribers`, which alone knows its tables."""

    mailable: Select[Any]  # may get digests; the columns that `Person` names
    reachable: Select[Any]  # may get transactional mail, also while pending; the same columns
    departed: Select[Any]  # left, and may get the goodbye; the same columns
    states: Select[Any]  # of everybody: subscriber_id, state; tells why a reader is in none of the others


class Person(NamedTuple):  # made for each message: a frozen dataclass takes four times as long
    """A subscriber, as far as a message needs them."""

    subscriber_id: int
    ref: str  # stands in links, instead of the address
    leave_id: str
    address: str
    name: str
    cadence: str
    weekday: str | None
    hour: int
    timezone: str
    text_only: bool
    version: int  # the stamp of a message that is composed for them now
    paused_until: datetime | None
    origin: str  # how they came to get the newsletter: `subscribers.consent.ConsentOrigin`
    links_epoch: int = 0  # their links to the archive carry it


class ClaimedMail(NamedTuple):
    """A message that this sender has leased, with its recipient."""

    id: int
    subscriber_id: int
    kind: str
    key: str
    digest_id: int
    digest_key: str  # identifies its content, also before that has a row
    attempts: int  # used up before
    composed_at: datetime
    expires_at: datetime | None
    has_reader_debts: bool  # rarely; asking at each commit would cost
    signed_with: str | None  # the id of the secret key that signs it
    values: Mapping[str, Any]  # what only this message prints
    person: Person


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimResult:
    """The messages that a claim leased and skipped."""

    claimed: tuple[ClaimedMail, ...] = ()
    skipped: Mapping[SkipReason, int] = field(default_factory=dict)


_LEASE_THEM = (
    update(deliveries)
    .where(among(deliveries.c.id))
    .values(state=DeliveryState.LEASED.value, owner=bindparam("b_owner"), leased_until=bindparam("b_until"))
)


def claim(
    connection: Connection,
    *,
    owner: str,
    now: datetime,
    wall: datetime,
    limit: int,
    audience: AudienceSelects,
    only: int | None = None,
    transactional_only: bool = False,
    shard: Shard | None = None,
) -> ClaimResult:
    """Lease up to `limit` messages that are due at `now`, oldest first; with `only`, one subscriber's.

    transactional_only: digests and notes stay untouched. wall: the real time, which dates the lease, since
    `now` may be simulated.

    Consent and suppression are checked in the same transaction. A message to a subscriber who may not be
    mailed any more is skipped with its reason, and its debts are settled. A message of a held edition is held
    back. A queued digest for an older version of the reader is left: composing makes it again.
    """
    lock_as_sender(connection)
    taken: list[ClaimedMail] = []
    skipped: dict[SkipReason, list[int]] = {}
    last: int | None = None  # id of the last mail of the page before
    while len(taken) < limit:
        page = _due(
            connection,
            now=now,
            limit=limit - len(taken),
            only=only,
            transactional=transactional_only,
            after=last,
            shard=shard,
        )
        if not page:
            break
        last = page[-1].id
        if held := with_held_edition(
            connection, {row.digest_id for row in page if row.kind == MailKind.DIGEST}
        ):
            hold_back(connection, [row.id for row in page if row.digest_id in held])
            page = [row for row in page if row.digest_id not in held]
        _divide(connection, page, audience=audience, now=now, taken=taken, skipped=skipped)
        if only is not None:
            break
    if taken:
        connection.execute(
            _LEASE_THEM,
            {"ids": [mail.id for mail in taken], "b_owner": owner, "b_until": wall + LEASE},
        )
    for reason, ids in skipped.items():
        skip(connection, ids, reason=reason, now=now)
    return ClaimResult(
        claimed=tuple(taken), skipped={reason: len(ids) for reason, ids in skipped.items() if ids}
    )


def skip(connection: Connection, ids: Sequence[int], *, reason: SkipReason, now: datetime) -> None:
    """Give up messages that are not to be sent; their debts end or go back, as the reason says."""
    if not ids:
        return
    connection.execute(
        update(deliveries)
        .where(deliveries.c.id.in_(ids))
        .values(
            state=DeliveryState.SKIPPED.value,
            reason=reason.value,
            owner=None,
            leased_until=None,
            finished_at=now,
        )
    )
    if reason is SkipReason.UNSUBSCRIBED:
        debts.leave(connection, ids, end=DebtEnd.LEFT, now=now)
    elif reason is SkipReason.SUPPRESSED:
        debts.leave(connection, ids, end=DebtEnd.SUPPRESSED, now=now)
    else:
        debts.return_papers(connection, ids, now=now)


def transactional_waits(connection: Connection, *, now: datetime) -> bool:
    """Whether a transactional mail is due at `now`: one cheap query, before a run is opened for it."""
    due = select(deliveries.c.id).where(WAITING, _TRANSACTIONAL, deliveries.c.next_attempt_at <= now).limit(1)
    return connection.execute(due).first() is not None


def expire(connection: Connection, *, now: datetime, transactional_only: bool = False) -> int:
    """Skip every waiting mail whose successor is due; its papers go back. Returns how many.

    Run it before composing: then the papers are in the next digest. transactional_only: digests stay.
    """
    count = 0
    while page := _expire_some(connection, now=now, transactional_only=transactional_only):
        count += page
    return count


def expire_all(engine: Engine, *, now: datetime) -> int:
    """The same in transactions of its own, so that other writers get their turns."""
    count = 0
    while True:
        page = 0
        with writing(engine, exclusive=True) as connection:
            for _ in range(EXPIRED_PAGES):
                page += (some := _expire_some(connection, now=now, transactional_only=False))
                if not some:
                    return count + page
        count += page
        time.sleep(PAUSE if engine.dialect.name == "sqlite" else 0)


def _expire_some(connection: Connection, *, now: datetime, transactional_only: bool) -> int:
    late = (
        select(deliveries.c.id)
        .where(WAITING, deliveries.c.next_attempt_at <= now, deliveries.c.expires_at <= now)
        .limit(EXPIRED_AT_ONCE)
    )
    if transactional_only:
        late = late.where(_TRANSACTIONAL)
    ids = list(connection.execute(_locked(late)).scalars())
    skip(connection, ids, reason=SkipReason.EXPIRED, now=now)
    return len(ids)


def _due(
    connection: Connection,
    *,
    now: datetime,
    limit: int,
    only: int | None,
    transactional: bool,
    after: int | None,
    shard: Shard | None = None,
) -> Sequence[Row[Any]]:
    values: dict[str, Any] = {"now": now, "limit": limit}
    if only is not None:
        values["only"] = only
    if after is not None:
        values["last"] = after
    if shard is not None:
        values |= {"of": shard.of, "rest": shard.rest}
    statement = _due_statement(
        one=only is not None,
        transactional=transactional,
        sharded=shard is not None,
        further=after is not None,
    )
    return connection.execute(statement, values).all()


_MAIL_COLUMNS = ClaimedMail._fields.index("values")  # columns that a ClaimedMail takes unchanged


@cache  # building a statement costs more than running it
def _due_statement(*, one: bool, transactional: bool, sharded: bool, further: bool) -> Select[Any]:
    d = deliveries.c
    due = (
        select(
            # In the order of `ClaimedMail`.
            d.id,
            d.subscriber_id,
            d.kind,
            d.key,
            d.digest_id,
            # Not a join: the query must follow the index on waiting messages.
            select(digests.c.key).where(digests.c.id == d.digest_id).scalar_subquery().label("digest_key"),
            d.attempts,
            type_coerce(d.composed_at, CachedDateTime).label("composed_at"),
            type_coerce(d.expires_at, CachedDateTime).label("expires_at"),
            exists().where(reader_debts.c.carried_by == d.id, reader_debts.c.ended.is_(None)),
            d.signed_with,
            # Only for the claim itself.
            d["values"].label("own"),
            d.state,
            d.stamp,
        )
        .where(
            WAITING,
            d.next_attempt_at <= bindparam("now"),
            or_(d.expires_at.is_(None), d.expires_at > bindparam("now")),
        )
        .order_by(d.next_attempt_at, d.id)
    )
    due = due.where(d.subscriber_id == bindparam("only")) if one else due.limit(bindparam("limit"))
    if transactional:
        due = due.where(_TRANSACTIONAL)
    if sharded:
        due = due.where(d.subscriber_id % bindparam("of") == bindparam("rest"))
    if further:
        last = deliveries.alias("last")
        last_at = select(last.c.next_attempt_at).where(last.c.id == bindparam("last")).scalar_subquery()
        same = and_(d.next_attempt_at == last_at, d.id > bindparam("last"))
        due = due.where(or_(d.next_attempt_at > last_at, same))
    return _locked(due)


def _locked(due: Select[Any]) -> Select[Any]:
    """Rows that no other sender has locked, on PostgreSQL. SQLite's whole transaction is exclusive anyway."""
    return due.with_for_update(skip_locked=True, of=deliveries)


def _divide(
    connection: Connection,
    page: Sequence[Row[Any]],
    *,
    audience: AudienceSelects,
    now: datetime,
    taken: list[ClaimedMail],
    skipped: dict[SkipReason, list[int]],
) -> None:
    """Divide due messages into those that may be sent and those to skip."""
    by_kind: dict[str, set[int]] = {}
    for row in page:
        by_kind.setdefault(row.kind, set()).add(row.subscriber_id)
    leavers = by_kind.pop(MailKind.GOODBYE, set())
    digest_readers = set[int]().union(*(by_kind.pop(kind, ()) for kind in REGULAR_KINDS))
    others = set[int]().union(*by_kind.values())
    mailable = _people(connection, audience.mailable, digest_readers)
    departed = _people(connection, audience.departed, leavers)
    reachable = _people(connection, audience.reachable, others)
    gone: list[Row[Any]] = []
    for row in page:
        digest, regular = row.kind == MailKind.DIGEST, row.kind in REGULAR_KINDS
        people = mailable if regular else departed if row.kind == MailKind.GOODBYE else reachable
        person = people.get(row.subscriber_id)
        if person is None:
            gone.append(row)
        elif digest and row.state == DeliveryState.QUEUED and row.stamp != person.version:
            continue  # composed for an older version of the reader: composing makes it again
        elif regular and person.paused_until is not None and person.paused_until > now:
            skipped.setdefault(SkipReason.PAUSED, []).append(row.id)
        else:
            taken.append(ClaimedMail._make((*row[:_MAIL_COLUMNS], row.own or {}, person)))
    if gone:
        states = _states(connection, audience.states, {row.subscriber_id for row in gone})
        for row in gone:
            state = states.get(row.subscriber_id)
            reason = SkipReason.SUPPRESSED if state == "suppressed" else SkipReason.UNSUBSCRIBED
            if row.kind == MailKind.GOODBYE and state in ("pending", "confirmed"):
                reason = SkipReason.CAME_BACK
            skipped.setdefault(reason, []).append(row.id)


def _people(connection: Connection, people: Select[Any], ids: set[int]) -> dict[int, Person]:
    if not ids:
        return {}
    rows = connection.execute(_people_statement(people), {"ids": sorted(ids)}).all()
    return {row[0]: Person._make(row) for row in rows}


@lru_cache(maxsize=16)  # the selectables of a few runs
def _people_statement(people: Select[Any]) -> Select[Any]:
    offered = people.subquery()
    return select(*(offered.c[name] for name in Person._fields)).where(among(offered.c.subscriber_id))


def _states(connection: Connection, everybody: Select[Any], ids: set[int]) -> dict[int, str]:
    people = everybody.subquery()
    rows = connection.execute(
        select(people.c.subscriber_id, people.c.state).where(people.c.subscriber_id.in_(ids))
    )
    return {row.subscriber_id: row.state for row in rows}
