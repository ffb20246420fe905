"""Defines the tables of editions, their (paper, topic) pairs, canary slots, and runs."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import JSON, Column, Index, text
from sqlmodel import Field, SQLModel


class Edition(SQLModel, table=True):
    """The new (paper, topic) pairs since the edition before, frozen."""

    __tablename__ = "editions"
    __table_args__ = (
        Index(  # few at any time, and every step asks for them
            "ix_editions_held",
            "number",
            sqlite_where=text("held = 1"),  # as statements say it: else it is not used
            postgresql_where=text("held"),
        ),
    )

    number: int | None = Field(default=None, primary_key=True)
    date: date
    published_at: datetime
    ready_at: datetime = Field(index=True)  # last ingest plus the hold time, or when released
    held: bool = False  # by an admin or the edition guard, until released
    held_because: str | None = None  # the reason of the edition guard; None: an admin held it
    # outcomes that no longer hold it, because an admin released it: number of each sort
    excused: dict[str, int] | None = Field(default=None, sa_column=Column(JSON(none_as_null=True)))
    released: bool = False  # after a hold: some readers may have its papers already
    note: str | None = None  # the editor's words, shown above the papers


class EditionPaper(SQLModel, table=True):
    """A (paper, topic) pair of an edition. The topic 'everything' has a pair for every paper."""

    __tablename__ = "edition_papers"
    __table_args__ = (
        Index(  # dropped papers are few: whoever shows papers leaves them out
            "ix_edition_papers_dropped",
            "paper_id",
            sqlite_where=text("dropped_at is not null"),
            postgresql_where=text("dropped_at is not null"),
        ),
    )

    edition: int = Field(foreign_key="editions.number", primary_key=True)
    paper_id: int = Field(foreign_key="papers.id", primary_key=True, index=True)
    topic: str = Field(primary_key=True)
    score: float
    place: int  # order of the paper in its edition: listing date, then position; 1 for the first
    dropped_at: datetime | None = None  # an admin took the paper out of the edition
    restored_at: datetime | None = None  # and took it back in
    withdrawn_at: datetime | None = None  # the topic was corrected, or the dump withdrawn


class EditionMaybe(SQLModel, table=True):
    """A doubtful (paper, topic) pair of an edition. No reader is owed it; its row is deleted when it ends."""

    __tablename__ = "edition_maybes"

    edition: int = Field(foreign_key="editions.number", primary_key=True)
    paper_id: int = Field(foreign_key="papers.id", primary_key=True, index=True)
    topic: str = Field(primary_key=True)
    score: float


class CanarySlot(SQLModel, table=True):
    """The early slot of one canary for an edition."""

    __tablename__ = "canary_slots"

    edition: int = Field(foreign_key="editions.number", primary_key=True)
    subscriber_id: int = Field(primary_key=True, index=True)
    at: datetime = Field(primary_key=True)  # when its digest was composed, if it held a paper for them


class Run(SQLModel, table=True):
    """One run of a step of the pipeline: `why` and `audit` explain days without a digest by it."""

    __tablename__ = "runs"

    id: int | None = Field(default=None, primary_key=True)
    verb: str  # publish, compose, deliver; composing: begun, and done when its compose is there
    at: datetime = Field(index=True)  # the instant that it used as now
    done: int = 0  # editions published, deliveries composed or messages accepted
    everyone: bool = False  # compose only: `send --now`
    only: int | None = None  # compose only: the subscriber to whom it was restricted
