"""Taking mails to send: what is due, to people who may be mailed at this very moment.

Leases only; nothing is sent here, and nothing is promised before `newsletter.delivery.outbox.handover` hands
over.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache, lru_cache
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, Select, and_, bindparam, exists, or_, select, text, update

from newsletter.core.states import REGULAR_KINDS, DebtEnd, DeliveryState, MailKind, SkipReason
from newsletter.db.schema import deliveries, digests, reader_debts
from newsletter.delivery.outbox import debts
from newsletter.delivery.outbox.held_mail import WAITING, as_sender, barred, park

LEASE = timedelta(hours=1)  # all of SMTP's time limits together, the final dot's 10 minutes included

_TRANSACTIONAL = text(
    f"deliveries.kind <> '{MailKind.DIGEST}' and deliveries.kind <> '{MailKind.NOTHING_NEW}'"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AudienceSelects:
    """Selectables that the subscribers' side hands out."""

    mailable: Select[Any]  # who may get digests, with the columns that `Person` names
    reachable: Select[Any]  # who may get what they asked for: pending people too; the same columns
    departed: Select[Any]  # who may get the goodbye: those who left; the same columns
    states: Select[Any]  # of everybody: subscriber_id, state; tells why a reader is in none of the others


class Person(NamedTuple):  # one is made for each mail: a frozen dataclass takes four times as long
    """What the audience offers of a subscriber."""

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
    version: int  # the stamp that a mail composed for them now would bear
    paused_until: datetime | None


class ClaimedMail(NamedTuple):
    """A mail that is ours to send, and whom it is for."""

    id: int
    subscriber_id: int
    kind: str
    key: str
    digest_id: int
    digest_key: str  # what makes its content one, also before it has a row
    attempts: int  # used up before
    composed_at: datetime
    expires_at: datetime | None
    carries: bool  # a debt that is the reader's own; nearly none does, and asking at each commit costs
    values: Mapping[str, Any]  # what only this mail prints
    person: Person


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimResult:
    """One claim's result."""

    claimed: tuple[ClaimedMail, ...] = ()
    skipped: Mapping[SkipReason, int] = field(default_factory=dict)


_LEASE_THEM = (
    update(deliveries)
    .where(deliveries.c.id.in_(bindparam("ids", expanding=True)))
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
) -> ClaimResult:
    """Lease up to `limit` mails that are due at `now`, oldest first; `only` one subscriber's.

    transactional_only: digests stay.

    Consent and suppression are checked here, in the same transaction; who may not be mailed any more is
    skipped with the reason, and the debts follow. What carries a held edition is parked. A queued digest that
    was composed for an earlier version of the reader is left for composing. `wall` dates the lease: `now` may
    be simulated.
    """
    as_sender(connection)
    taken: list[ClaimedMail] = []
    skipped: dict[SkipReason, list[int]] = {}
    last: int | None = None  # id of the last one looked at
    while len(taken) < limit:
        page = _due(
            connection,
            now=now,
            limit=limit - len(taken),
            only=only,
            transactional=transactional_only,
            after=last,
        )
        if not page:
            break
        last = page[-1].id
        if held := barred(connection, {row.digest_id for row in page if row.kind == MailKind.DIGEST}):
            park(connection, [row.id for row in page if row.digest_id in held])
            page = [row for row in page if row.digest_id not in held]
        _sort(connection, page, audience=audience, now=now, taken=taken, skipped=skipped)
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
    """Give mails up for a reason that is not theirs; their debts end or come back accordingly."""
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
        debts.bring_back(connection, ids, now=now)


def transactional_waits(connection: Connection, *, now: datetime) -> bool:
    """Whether transactional mail is due at `now`: one query, before a run is opened for it."""
    due = select(deliveries.c.id).where(WAITING, _TRANSACTIONAL, deliveries.c.next_attempt_at <= now).limit(1)
    return connection.execute(due).first() is not None


def expire(connection: Connection, *, now: datetime, transactional_only: bool = False) -> int:
    """Skip every waiting mail whose successor is due; its papers come back. Returns how many.

    Before composing, so that the papers stand in the very next digest. transactional_only: digests stay.
    """
    count = 0
    while True:
        late = (
            select(deliveries.c.id)
            .where(WAITING, deliveries.c.next_attempt_at <= now, deliveries.c.expires_at <= now)
            .limit(500)  # far below any database's limit of parameters
        )
        if transactional_only:
            late = late.where(_TRANSACTIONAL)
        ids = connection.execute(_for_us_alone(late)).scalars()
        page = list(ids)
        if not page:
            return count
        skip(connection, page, reason=SkipReason.EXPIRED, now=now)
        count += len(page)


def _due(
    connection: Connection,
    *,
    now: datetime,
    limit: int,
    only: int | None,
    transactional: bool,
    after: int | None,
) -> Sequence[Row[Any]]:
    values: dict[str, Any] = {"now": now, "limit": limit}
    if only is not None:
        values["only"] = only
    if after is not None:
        values["last"] = after
    statement = _due_statement(one=only is not None, transactional=transactional, further=after is not None)
    return connection.execute(statement, values).all()


_OF_THE_MAIL = ClaimedMail._fields.index("values")  # columns that go into it as they are


@cache  # building a statement costs more than running it
def _due_statement(*, one: bool, transactional: bool, further: bool) -> Select[Any]:
    d = deliveries.c
    due = (
        select(
            # In the order of `Claimed`.
            d.id,
            d.subscriber_id,
            d.kind,
            d.key,
            d.digest_id,
            # Not a join: this must stay a walk along the index of what waits.
            select(digests.c.key).where(digests.c.id == d.digest_id).scalar_subquery().label("digest_key"),
            d.attempts,
            d.composed_at,
            d.expires_at,
            exists().where(reader_debts.c.carried_by == d.id, reader_debts.c.ended.is_(None)),
            # What only the claim looks at.
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
    if further:
        last = deliveries.alias("last")
        last_at = select(last.c.next_attempt_at).where(last.c.id == bindparam("last")).scalar_subquery()
        same = and_(d.next_attempt_at == last_at, d.id > bindparam("last"))
        due = due.where(or_(d.next_attempt_at > last_at, same))
    return _for_us_alone(due)


def _for_us_alone(due: Select[Any]) -> Select[Any]:
    """The seam between the databases: PostgreSQL locks the rows and passes over those that another
    sender has locked; SQLite writes FOR UPDATE nowhere, its whole transaction is exclusive."""
    return due.with_for_update(skip_locked=True, of=deliveries)


def _sort(
    connection: Connection,
    page: Sequence[Row[Any]],
    *,
    audience: AudienceSelects,
    now: datetime,
    taken: list[ClaimedMail],
    skipped: dict[SkipReason, list[int]],
) -> None:
    """Divide what is due into what may go out and what may not."""
    digest_readers = {row.subscriber_id for row in page if row.kind in REGULAR_KINDS}
    leavers = {row.subscriber_id for row in page if row.kind == MailKind.GOODBYE}
    others = {row.subscriber_id for row in page if row.kind not in (*REGULAR_KINDS, MailKind.GOODBYE)}
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
            continue  # composed for what the reader was: composing makes it anew
        elif regular and person.paused_until is not None and person.paused_until > now:
            skipped.setdefault(SkipReason.PAUSED, []).append(row.id)
        else:
            taken.append(ClaimedMail._make((*row[:_OF_THE_MAIL], row.own or {}, person)))
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
    return {row[0]: Person(*row) for row in rows}


@lru_cache(maxsize=16)  # a run's selectables, and a few other runs'
def _people_statement(people: Select[Any]) -> Select[Any]:
    offered = people.subquery()
    return select(*(offered.c[name] for name in Person._fields)).where(
        offered.c.subscriber_id.in_(bindparam("ids", expanding=True))
    )


def _states(connection: Connection, everybody: Select[Any], ids: set[int]) -> dict[int, str]:
    people = everybody.subquery()
    rows = connection.execute(
        select(people.c.subscriber_id, people.c.state).where(people.c.subscriber_id.in_(ids))
    )
    return {row.subscriber_id: row.state for row in rows}
