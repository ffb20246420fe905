"""Defines the tables of digests, their pieces, deliveries, debts of single readers, and rate counters."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, Index, LargeBinary, UniqueConstraint, text
from sqlmodel import Field, SQLModel


class DigestPiece(SQLModel, table=True):
    """An encoded piece of mail, content-addressed, shared by all digests that hold it."""

    __tablename__ = "pieces"

    id: int | None = Field(default=None, primary_key=True)
    sha256: str = Field(unique=True)
    body: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class Digest(SQLModel, table=True):
    """One ordered content, shared by all deliveries of it. It never changes."""

    __tablename__ = "digests"

    id: int | None = Field(default=None, primary_key=True)
    key: str = Field(unique=True)  # SHA-256 over the plan
    kind: str = "digest"
    edition: int | None = Field(default=None, index=True)  # newest edition that it covers
    date: date
    composed_at: datetime  # the Date header of all its deliveries
    subject: str
    parts: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))  # {"text": [piece ids], "html": …}
    values: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))  # of the slots `digest.…`
    has_left_out: bool = False
    # [paper id, listing date], in order, of what it tells of new versions
    new_versions: list[Any] | None = Field(default=None, sa_column=Column(JSON(none_as_null=True)))


class DigestPaper(SQLModel, table=True):
    """A paper in a digest: shown, or left out because of the byte budget and still owed."""

    __tablename__ = "digest_papers"

    digest_id: int = Field(foreign_key="digests.id", primary_key=True)
    position: int = Field(primary_key=True)
    paper_id: int = Field(foreign_key="papers.id", index=True)
    topic: str  # slug of its section
    also_in: list[Any] = Field(sa_column=Column(JSON, nullable=False))
    form: str  # full, short, title; left: no room, still owed
    role: str  # news, recap, welcome
    edition: int | None = None  # the edition of the pair


class DigestMaybe(SQLModel, table=True):
    """A doubtful paper at the end of a digest. It is outside the ledger: neither owed nor given."""

    __tablename__ = "digest_maybes"

    digest_id: int = Field(foreign_key="digests.id", primary_key=True)
    position: int = Field(primary_key=True)  # from 1
    paper_id: int = Field(foreign_key="papers.id", index=True)
    topic: str  # slug of the doubtful topic


class Delivery(SQLModel, table=True):
    """One message to one subscriber."""

    __tablename__ = "deliveries"
    __table_args__ = (
        # The reader is last: a day's digests are neighbours in its index, and a day touches it at one place.
        # Databases of earlier releases have these columns in another order: as right, and slower.
        UniqueConstraint("key", "kind", "subscriber_id"),
        Index(
            "ix_deliveries_waiting",
            "next_attempt_at",
            "id",  # many are due at one instant: PostgreSQL would sort them all for each lease
            sqlite_where=text("state in ('queued', 'deferred')"),
            postgresql_where=text("state in ('queued', 'deferred')"),
        ),
        Index(  # finds transactional mail fast among many digests
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
        Index(  # deliveries that failed before a server was asked
            "ix_deliveries_failed",
            "finished_at",
            sqlite_where=text("state = 'failed' and reply_code is null"),
            postgresql_where=text("state = 'failed' and reply_code is null"),
        ),
        Index(
            "ix_deliveries_bounced",
            "bounced_at",
            sqlite_where=text("bounced_at is not null"),
            postgresql_where=text("bounced_at is not null"),
        ),
        Index("ix_deliveries_digest", "digest_id"),
        Index("ix_deliveries_latest", "subscriber_id", "kind", "id"),
    )

    id: int | None = Field(default=None, primary_key=True)
    subscriber_id: int
    kind: str  # core.states.MailKind
    key: str  # digest: the slot's local date, or "now <instant>"; other kinds: what makes it unique
    digest_id: int = Field(foreign_key="digests.id")
    state: str  # core.states.DeliveryState
    reason: str | None = None  # of skipped, and of failures that are not about the recipient
    stamp: int = 0  # the version of the subscriber for which it was composed
    # of the slots that only this message fills
    values: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON(none_as_null=True)))
    signed_with: str | None = None  # core.mail.signing_keys.key_id; None: the newest key
    slot_at: datetime | None = None
    composed_at: datetime
    next_attempt_at: datetime
    expires_at: datetime | None = None
    attempts: int = 0
    owner: str | None = None  # the sender that leased it
    leased_until: datetime | None = None  # wall clock, never --at
    finished_at: datetime | None = None  # sent, failed, uncertain or skipped
    bounced_at: datetime | None = None  # when we learned that it came back; its reply is the bounce's then
    relay: str | None = None  # the server that answered last: host:port
    reply_code: int | None = None
    reply_status: str | None = None  # RFC 3463 enhanced code
    reply_text: str | None = None  # without addresses
    reply_about: str | None = None  # core.mail.reply_verdict.About, of a 4xx or 5xx
    reply_reason: str | None = None  # core.mail.reply_verdict.Reason


class ReaderDebt(SQLModel, table=True):
    """A debt or recap of one reader; or the record that a repeated delivery had given a paper before."""

    __tablename__ = "reader_debts"
    __table_args__ = (
        Index(  # open rows are few among all that ever were
            "ix_reader_debts_open",
            "subscriber_id",
            "made_at",
            sqlite_where=text("carried_by is null and ended is null"),
            postgresql_where=text("carried_by is null and ended is null"),
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    subscriber_id: int = Field(index=True)
    paper_id: int = Field(foreign_key="papers.id")
    topic: str  # slug of its section
    kind: str  # returned, welcome, recap, resent
    made_at: datetime
    # the delivery that returned it
    from_delivery_id: int | None = Field(default=None, foreign_key="deliveries.id", index=True)
    # the delivery that carries it now
    carried_by: int | None = Field(default=None, foreign_key="deliveries.id", index=True)
    ended: str | None = None  # given, left, suppressed, refused, dropped, withdrawn, too old
    ended_at: datetime | None = None


class MailCount(SQLModel, table=True):
    """Deliveries of all senders in one slice of a rate limit's window (core.mail.rates)."""

    __tablename__ = "mail_counts"

    scope: str = Field(primary_key=True)  # "": all mail; "relay host:port"; "domain example.org"
    seconds: int = Field(primary_key=True)  # length of the window
    # number of the slice since 1970: some 2**35 for a window of one second
    slice: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    mails: int


class DomainPause(SQLModel, table=True):
    """A recipient domain that refused mail because of the sender: its mail waits."""

    __tablename__ = "pauses"

    domain: str = Field(primary_key=True)
    until: datetime
    reason: str  # the server's words


class RelayRest(SQLModel, table=True):
    """A relay that refused us: nothing is sent through it before `until`."""

    __tablename__ = "relay_rests"

    relay: str = Field(primary_key=True)  # host:port
    since: datetime  # of the first refusal in a row
    until: datetime
    rounds: int  # rests in a row; each is longer
    reason: str  # core.mail.reply_verdict.Reason
    reply: str  # the server's words
