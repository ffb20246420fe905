"""What people ask for on the public pages, kept until it is answered.

Whoever asks gets the same page after the same work, whoever has the address: what it leads to is found out
later, by the one who answers. Checks nothing but forms; decides nothing.
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

KEPT = timedelta(days=7)  # as long as people who never confirmed; docs/explanation/web-pages.md


class RequestKind(StrEnum):
    """What is asked for."""

    SIGN_UP = "sign-up"
    LINK = "link"  # to the preferences, by somebody who lost it


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRequest:
    """One request, its fields checked."""

    kind: RequestKind
    address: str  # well-formed
    name: str = ""
    topics: tuple[str, ...] = ()  # known slugs
    given: Mapping[str, object] = field(default_factory=dict)  # preferences by name
    origin: Mapping[str, Any] = field(default_factory=dict)  # for the consent ledger: form, method, from
    at: datetime
    id: int = 0  # once it is stored


def store(connection: Connection, request: PageRequest) -> None:
    """Keep a request until it is answered."""
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


def waiting(connection: Connection, *, most: int) -> list[PageRequest]:
    """The requests that wait for an answer, the oldest first, at most so many."""
    rows = connection.execute(
        select(signup_requests)
        .where(
            signup_requests.c.failed.is_(None),
            signup_requests.c.kind.in_([str(kind) for kind in RequestKind]),
        )
        .order_by(signup_requests.c.id)
        .limit(most)
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


def are_waiting(connection: Connection) -> bool:
    """Whether any request waits."""
    any_one = select(signup_requests.c.id).where(signup_requests.c.failed.is_(None)).limit(1)
    return connection.execute(any_one).first() is not None


def answered(connection: Connection, ids: Sequence[int]) -> None:
    """Forget these requests: what they led to is stored."""
    connection.execute(delete(signup_requests).where(signup_requests.c.id.in_(ids)))


def fail(connection: Connection, request_id: int, *, why: str) -> None:
    """Set a request aside that cannot be answered; it stays a week to be looked at."""
    connection.execute(
        update(signup_requests).where(signup_requests.c.id == request_id).values(failed=why[:500])
    )


def forget_old(connection: Connection, *, now: datetime) -> int:
    """Drop requests that failed longer than KEPT ago: they hold addresses; returns how many."""
    old = signup_requests.c.failed.is_not(None) & (signup_requests.c.at < now - KEPT)
    return connection.execute(delete(signup_requests).where(old)).rowcount


def counts(connection: Connection) -> dict[str, int]:
    """How many wait, and how many failed: {"waiting": n, "failed": n}."""
    row = connection.execute(
        select(func.count(), func.count(signup_requests.c.failed)).select_from(signup_requests)
    ).one()
    return {"waiting": row[0] - row[1], "failed": row[1]}
