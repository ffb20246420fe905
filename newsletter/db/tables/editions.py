"""Editions: numbered, dated, frozen sets of (paper, topic) pairs; and the log of runs."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import JSON, Column
from sqlmodel import Field, SQLModel


class Edition(SQLModel, table=True):
    """What was news since the edition before."""

    __tablename__ = "editions"

    number: int | None = Field(default=None, primary_key=True)
    date: date
    published_at: datetime
    ready_at: datetime = Field(index=True)  # last ingest plus the hold time, or when released
    held: bool = False  # an admin, or what became of its first mails, said: not until released
    held_because: str | None = None  # why it was held by itself; None: an admin did
    excused: dict[str, int] | None = Field(
        default=None, sa_column=Column(JSON(none_as_null=True))
    )  # outcomes that it was held for and released in spite of: how many of each sort
    released: bool = False  # came off a hold: some readers may have had its papers before
    note: str | None = None  # the editor's words, shown above the papers


class EditionPaper(SQLModel, table=True):
    """A (paper, topic) pair that an edition froze. The pair 'everything' holds every paper."""

    __tablename__ = "edition_papers"

    edition: int = Field(foreign_key="editions.number", primary_key=True)
    paper_id: int = Field(foreign_key="papers.id", primary_key=True, index=True)
    topic: str = Field(primary_key=True)
    score: float
    place: int  # order of the paper in its edition: listing date, then position; 1 for the first
    dropped_at: datetime | None = None  # an admin took the paper out of the edition
    withdrawn_at: datetime | None = None  # the topic was corrected, or the dump withdrawn


class EditionMaybe(SQLModel, table=True):
    """A doubtful (paper, topic) pair of an edition. Nobody is owed it: its row goes when it ends."""

    __tablename__ = "edition_maybes"

    edition: int = Field(foreign_key="editions.number", primary_key=True)
    paper_id: int = Field(foreign_key="papers.id", primary_key=True, index=True)
    topic: str = Field(primary_key=True)
    score: float


class CanarySlot(SQLModel, table=True):
    """That an edition was due for one reader ahead of its time, because they are a canary."""

    __tablename__ = "canary_slots"

    edition: int = Field(foreign_key="editions.number", primary_key=True)
    subscriber_id: int = Field(primary_key=True, index=True)
    at: datetime = Field(primary_key=True)  # when it was composed for them, if it held anything of theirs


class Run(SQLModel, table=True):
    """That a step of the pipeline ran, as of when: what `why` and `audit` say about silent days."""

    __tablename__ = "runs"

    id: int | None = Field(default=None, primary_key=True)
    verb: str  # publish, compose, deliver
    at: datetime = Field(index=True)  # the instant it looked at
    done: int = 0  # editions published, deliveries composed, mails accepted
    everyone: bool = False  # compose only: `send --now`
    only: int | None = None  # compose only: the one subscriber it was restricted to
