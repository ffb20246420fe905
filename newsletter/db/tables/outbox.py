"""Digests, the pieces they are joined from, deliveries, and the debts that are rows per reader."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, Index, LargeBinary, UniqueConstraint, text
from sqlmodel import Field, SQLModel


class DigestPiece(SQLModel, table=True):
    """An encoded stretch of mail, content-addressed, shared by all digests that hold it."""

    __tablename__ = "pieces"

    id: int | None = Field(default=None, primary_key=True)
    sha256: str = Field(unique=True)
    body: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class Digest(SQLModel, table=True):
    """One ordered content, shared by all who get the same. Frozen once made."""

    __tablename__ = "digests"

    id: int | None = Field(default=None, primary_key=True)
    key: str = Field(unique=True)  # SHA-256 over the plan
    kind: str = "digest"
    edition: int | None = Field(
        default=None, index=True
    )  # the newest edition that it covers: its debts are settled up to here
    date: date
    composed_at: datetime  # the Date header of every mail that carries it
    subject: str
    parts: dict[str, Any] = Field(
        sa_column=Column(JSON, nullable=False)
    )  # {"text": [piece ids], "html": [...]}
    values: dict[str, Any] = Field(
        sa_column=Column(JSON, nullable=False)
    )  # what the whole digest prints in slots
    has_left_out: bool = False


class DigestPaper(SQLModel, table=True):
    """A paper in a digest: shown, or left out for want of room and still owed."""

    __tablename__ = "digest_papers"

    digest_id: int = Field(foreign_key="digests.id", primary_key=True)
    position: int = Field(primary_key=True)
    paper_id: int = Field(foreign_key="papers.id", index=True)
    topic: str  # shown under
    also_in: list[Any] = Field(sa_column=Column(JSON, nullable=False))
    form: str  # full, short, title; left: no room, still owed
    role: str  # news, recap, welcome
    edition: int | None = None  # that froze the pair


class DigestMaybe(SQLModel, table=True):
    """A doubtful paper at the end of a digest. No part of the ledger: it was neither owed nor given."""

    __tablename__ = "digest_maybes"

    digest_id: int = Field(foreign_key="digests.id", primary_key=True)
    position: int = Field(primary_key=True)  # from 1
    paper_id: int = Field(foreign_key="papers.id", index=True)
    topic: str  # slug it may belong to


class Delivery(SQLModel, table=True):
    """One mail to one subscriber."""

    __tablename__ = "deliveries"
    __table_args__ = (
        UniqueConstraint("subscriber_id", "kind", "key"),
        Index(
            "ix_deliveries_waiting",
            "next_attempt_at",
            sqlite_where=text("state in ('queued', 'deferred')"),
            postgresql_where=text("state in ('queued', 'deferred')"),
        ),
        Index(  # what people wait for, however many digests are due
            "ix_deliveries_letters",
            "next_attempt_at",
            sqlite_where=text("state in ('queued', 'deferred') and kind <> 'digest'"),
            postgresql_where=text("state in ('queued', 'deferred') and kind <> 'digest'"),
        ),
        Index(
            "ix_deliveries_held_by",
            "owner",
            sqlite_where=text("owner is not null"),
            postgresql_where=text("owner is not null"),
        ),
        Index(  # what no server was asked to take
            "ix_deliveries_failed",
            "finished_at",
            sqlite_where=text("state = 'failed' and reply_code is null"),
            postgresql_where=text("state = 'failed' and reply_code is null"),
        ),
        Index("ix_deliveries_digest", "digest_id"),
        Index("ix_deliveries_latest", "subscriber_id", "kind", "id"),
    )

    id: int | None = Field(default=None, primary_key=True)
    subscriber_id: int
    kind: str  # core.states.MailKind
    key: str  # digest: the slot's local date, or "now <instant>"; others: what makes them one
    digest_id: int = Field(foreign_key="digests.id")
    state: str  # core.states.DeliveryState
    reason: str | None = None  # of skipped, and of failed for other than the recipient's sake
    stamp: int = 0  # the subscriber's version that this was composed for
    values: dict[str, Any] | None = Field(
        default=None, sa_column=Column(JSON(none_as_null=True))
    )  # what only this mail prints
    slot_at: datetime | None = None
    composed_at: datetime
    next_attempt_at: datetime
    expires_at: datetime | None = None
    attempts: int = 0
    owner: str | None = None  # the sender that leased it
    leased_until: datetime | None = None  # wall clock, never --at
    finished_at: datetime | None = None  # sent, failed, uncertain or skipped
    reply_code: int | None = None
    reply_status: str | None = None  # RFC 3463 enhanced code
    reply_text: str | None = None


class ReaderDebt(SQLModel, table=True):
    """A debt, or a recap, that is one reader's own; or that a mail sent twice had given a paper before."""

    __tablename__ = "reader_debts"

    id: int | None = Field(default=None, primary_key=True)
    subscriber_id: int = Field(index=True)
    paper_id: int = Field(foreign_key="papers.id")
    topic: str  # shown under
    kind: str  # returned, welcome, recap, resent
    made_at: datetime
    from_delivery_id: int | None = Field(
        default=None, foreign_key="deliveries.id", index=True
    )  # that gave it back
    carried_by: int | None = Field(default=None, foreign_key="deliveries.id", index=True)  # that holds it now
    ended: str | None = None  # given, left, suppressed, refused, dropped, withdrawn, too old
    ended_at: datetime | None = None


class MailCount(SQLModel, table=True):
    """Mails that were allowed to go in one slice of a limit's window (core.rates), by all senders."""

    __tablename__ = "mail_counts"

    scope: str = Field(primary_key=True)  # "": all mail; "relay host:port"; "domain example.org"
    seconds: int = Field(primary_key=True)  # the window's length
    slice: int = Field(
        sa_column=Column(BigInteger, primary_key=True, autoincrement=False)
    )  # its number since 1970; of one second there are some 2**35
    mails: int


class DomainPause(SQLModel, table=True):
    """A recipient domain that refused us for our own sake: its mail waits."""

    __tablename__ = "pauses"

    domain: str = Field(primary_key=True)
    until: datetime
    reason: str  # the server's words
