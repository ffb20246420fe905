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

from sqlalchemy import Connection, delete, func, insert, select, update

from subscribers.tables import SignupRequest

signup_requests = SignupRequest.__table__  # type: ignore[attr-defined]

KEEP_FAILED = timedelta(days=7)  # as long as people who never confirmed; docs/explanation/web-pages.md


class RequestKind(StrEnum):
    """The kinds of requests."""

    SIGN_UP = "sign-up"
    LINK = "link"  # a reader who lost the link to the preferences asks for it


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


def waiting(connection: Connection, *, limit: int) -> list[PageRequest]:
    """The oldest unanswered requests, at most `limit`."""
    rows = connection.execute(
        select(signup_requests)
        .where(
            signup_requests.c.failed.is_(None),
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


def any_waiting(connection: Connection) -> bool:
    """Whether a request waits for its answer."""
    any_one = select(signup_requests.c.id).where(signup_requests.c.failed.is_(None)).limit(1)
    return connection.execute(any_one).first() is not None


def delete_answered(connection: Connection, ids: Sequence[int]) -> None:
    """Delete requests that were answered."""
    connection.execute(delete(signup_requests).where(signup_requests.c.id.in_(ids)))


def mark_failed(connection: Connection, request_id: int, *, why: str) -> None:
    """Mark a request that cannot be answered. It stays for KEEP_FAILED, so that an admin can look at it."""
    connection.execute(
        update(signup_requests).where(signup_requests.c.id == request_id).values(failed=why[:500])
    )


def delete_old_failed(connection: Connection, *, now: datetime) -> int:
    """Delete requests that failed longer than KEEP_FAILED ago, as they hold addresses; returns how many."""
    old = signup_requests.c.failed.is_not(None) & (signup_requests.c.at < now - KEEP_FAILED)
    return connection.execute(delete(signup_requests).where(old)).rowcount


def counts(connection: Connection) -> dict[str, int]:
    """{"waiting": number, "failed": number}."""
    row = connection.execute(
        select(func.count(), func.count(signup_requests.c.failed)).select_from(signup_requests)
    ).one()
    return {"waiting": row[0] - row[1], "failed": row[1]}
