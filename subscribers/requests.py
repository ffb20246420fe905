"""Stores requests of the public pages until they are answered. Checks and answers none.

A page answers every request in the same way and after the same work. The state of the address is looked up
later, when the request is answered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, func, insert, or_, select, update

from subscribers import addresses
from subscribers.tables import SignupRequest

signup_requests = SignupRequest.__table__  # type: ignore[attr-defined]

KEEP_FAILED = timedelta(days=7)  # as long as people who never confirmed; docs/explanation/web-pages.md
KEEP_POSTPONED = timedelta(days=2)  # nobody waits longer for a mail that a page announced


class RequestKind(StrEnum):
    """The kinds of requests."""

    SIGN_UP = "sign-up"
    LINK = "link"  # a reader who lost the link to the preferences asks for it


class WaitsFor(StrEnum):
    """The limits for which a request waits."""

    ADDRESS = "address"  # of one mailbox
    NEWSLETTER = "newsletter"  # of all that is mailed to people who have not confirmed


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRequest:
    """One request with checked fields."""

    kind: RequestKind
    address: str  # well-formed
    name: str = ""
    topics: tuple[str, ...] = ()  # known slugs
    given: Mapping[str, object] = field(default_factory=dict)  # preferences by name
    origin: Mapping[str, Any] = field(default_factory=dict)  # for the consent ledger: form, method, from
    at: datetime
    id: int = 0  # set once it is stored


def store(connection: Connection, request: PageRequest) -> None:
    """Store a request."""
    connection.execute(
        insert(signup_requests),
        {
            "kind": str(request.kind),
            "at": request.at,
            "address": request.address,
            "name": request.name,
            "topics": list(request.topics),
            "given": dict(request.given),
            "origin": dict(request.origin),
        },
    )


def waiting(connection: Connection, *, limit: int, now: datetime) -> list[PageRequest]:
    """The oldest requests that can be answered at `now`, at most `limit`."""
    rows = connection.execute(
        select(signup_requests)
        .where(
            _due(now),
            signup_requests.c.kind.in_([str(kind) for kind in RequestKind]),
        )
        .order_by(signup_requests.c.id)
        .limit(limit)
    ).all()
    return [
        PageRequest(
            id=row.id,
            kind=RequestKind(row.kind),
            address=row.address,
            name=row.name,
            topics=tuple(row.topics),
            given=row.given,
            origin=row.origin,
            at=row.at,
        )
        for row in rows
    ]


def any_waiting(connection: Connection, *, now: datetime) -> bool:
    """Whether a request can be answered at `now`."""
    any_one = select(signup_requests.c.id).where(_due(now)).limit(1)
    return connection.execute(any_one).first() is not None


def _due(now: datetime) -> ColumnElement[bool]:
    r = signup_requests.c
    return and_(r.failed.is_(None), or_(r.not_before.is_(None), r.not_before <= now))


def postpone(connection: Connection, request_id: int, *, until: datetime, waits_for: WaitsFor) -> None:
    """Let a request wait until a limit permits its answer."""
    connection.execute(
        update(signup_requests)
        .where(signup_requests.c.id == request_id)
        .values(not_before=until, waits_for=str(waits_for))
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PostponedRequests:
    """The requests that wait for the limit of the whole newsletter."""

    number: int
    until: datetime | None  # when the first of them is answered


def postponed(connection: Connection, *, now: datetime) -> PostponedRequests:
    """The requests that wait for the limit of the whole newsletter at `now`."""
    r = signup_requests.c
    waiting_now = r.failed.is_(None) & (r.waits_for == str(WaitsFor.NEWSLETTER)) & (r.not_before > now)
    row = connection.execute(select(func.count(), func.min(r.not_before)).where(waiting_now)).one()
    return PostponedRequests(number=row[0], until=row[1])


def delete_answered(connection: Connection, ids: Sequence[int]) -> None:
    """Delete requests that were answered."""
    connection.execute(delete(signup_requests).where(signup_requests.c.id.in_(ids)))


def mark_failed(connection: Connection, request_id: int, *, why: str) -> None:
    """Mark a request that cannot be answered. It stays for KEEP_FAILED, so that an admin can look at it."""
    connection.execute(
        update(signup_requests).where(signup_requests.c.id == request_id).values(failed=why[:500])
    )


def delete_old(connection: Connection, *, now: datetime) -> int:
    """Delete requests that failed or wait for too long, as they hold addresses; returns how many."""
    r = signup_requests.c
    failed = r.failed.is_not(None) & (r.at < now - KEEP_FAILED)
    old = failed | (r.not_before.is_not(None) & (r.at < now - KEEP_POSTPONED))
    return connection.execute(delete(signup_requests).where(old)).rowcount


def delete_of(connection: Connection, address: str) -> None:
    """Delete all requests for an address, in any spelling: its owner is erased."""
    key = addresses.parse(address).key
    stored = connection.execute(select(signup_requests.c.id, signup_requests.c.address)).all()
    delete_answered(connection, [row.id for row in stored if addresses.parse(row.address).key == key])


def counts(connection: Connection) -> dict[str, int]:
    """{"waiting": number, "failed": number}."""
    row = connection.execute(
        select(func.count(), func.count(signup_requests.c.failed)).select_from(signup_requests)
    ).one()
    return {"waiting": row[0] - row[1], "failed": row[1]}
