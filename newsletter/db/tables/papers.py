"""Defines the tables of papers: works, revisions, keys, listed entries, decisions of an admin."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, Index, text
from sqlmodel import Field, SQLModel


class Paper(SQLModel, table=True):
    """One work with its current text, however often it is listed."""

    __tablename__ = "papers"
    __table_args__ = (
        # For publishing: it holds few rows, however many papers are known.
        Index(
            "ix_papers_news",
            "id",
            sqlite_where=text(
                "edition is null and backfill = 0"
            ),  # as statements say it: else it is not used
            postgresql_where=text("edition is null and not backfill"),
        ),
        # The order of the archive: the newest papers, those of a month, the one before another.
        Index("ix_papers_first_listed", "first_listed_on", "first_dump_id", "first_position", "id"),
        # Few papers are merged. Over all papers, SQLite would use it to look for those that are not.
        Index(
            "ix_papers_merged_into",
            "merged_into",
            sqlite_where=text("merged_into is not null"),
            postgresql_where=text("merged_into is not null"),
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    title: str
    abstract: str
    author_count: int | None = None
    author_names: list[Any] | None = Field(default=None, sa_column=Column(JSON(none_as_null=True)))
    organization: str | None = None
    published_on: date | None = None
    comments: int | None = None  # the largest count of the latest listing
    code_url: str | None = None
    url: str | None = None
    project_url: str | None = None
    categories: list[Any] | None = Field(default=None, sa_column=Column(JSON(none_as_null=True)))
    upvotes: int | None = None
    upvotes_on: date | None = None  # the day on which they were seen
    arxiv_id: str | None = None  # as `paper_keys` has it
    doi: str | None = None
    first_listed_on: date
    first_dump_id: int = Field(foreign_key="dumps.id", index=True)
    first_position: int  # place in that listing
    backfill: bool = False  # listed by an archive only: in no edition
    ingested_at: datetime
    edition: int | None = None  # the first that held it; publishing sets it
    revision: int = 1  # number of the current text
    merged_into: int | None = Field(default=None, foreign_key="papers.id")  # never a chain


class PaperRevision(SQLModel, table=True):
    """One text of a paper, the current one included."""

    __tablename__ = "paper_revisions"

    paper_id: int = Field(foreign_key="papers.id", primary_key=True)
    number: int = Field(primary_key=True)
    title: str
    abstract: str
    dump_id: int = Field(foreign_key="dumps.id", index=True)
    recorded_at: datetime


class ListedEntry(SQLModel, table=True):
    """One entry of a dump: the paper, its place and its figures."""

    __tablename__ = "listed_entries"

    dump_id: int = Field(foreign_key="dumps.id", primary_key=True)
    position: int = Field(primary_key=True)
    paper_id: int = Field(foreign_key="papers.id", index=True)
    line: int
    comments: int | None = None
    upvotes: int | None = None
    announcement: str | None = None  # core.papers.listing.Announcement
    printed: str | None = None  # the date as printed, "2024-04-10" or "07-09" when yearless
    title: str


class PaperKey(SQLModel, table=True):
    """A key of a paper: an identifier, or a normalised title, also a former one."""

    __tablename__ = "paper_keys"
    __table_args__ = {"sqlite_with_rowid": False}  # SQLAlchemy's own form

    scheme: str = Field(primary_key=True)  # "title", "arxiv", "doi", …
    key: str = Field(primary_key=True)
    paper_id: int = Field(foreign_key="papers.id", primary_key=True, index=True)


class PaperBand(SQLModel, table=True):
    """MinHash bands of abstracts: two papers that share a band may be the same."""

    __tablename__ = "paper_bands"
    __table_args__ = {"sqlite_with_rowid": False}

    band: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    paper_id: int = Field(foreign_key="papers.id", primary_key=True)


class PossibleSame(SQLModel, table=True):
    """Two papers with strongly overlapping abstracts under different titles, for an admin to judge."""

    __tablename__ = "possible_same"

    paper_id: int = Field(foreign_key="papers.id", primary_key=True)  # the later one
    other_id: int = Field(foreign_key="papers.id", primary_key=True)  # the earlier one
    overlap: float  # Jaccard, 0 to 1
    found_at: datetime
    verdict: str = "open"  # open, merged, apart


class PaperDecision(SQLModel, table=True):
    """A decision of an admin about identity. Append-only."""

    __tablename__ = "paper_decisions"

    id: int | None = Field(default=None, primary_key=True)
    at: datetime
    verb: str  # merge, split
    paper_id: int = Field(foreign_key="papers.id")
    other_id: int = Field(foreign_key="papers.id")
    news: bool = False  # an admin said that the split paper is news
    # columns that a merge filled from the other paper: a split empties them
    filled: list[Any] | None = Field(default=None, sa_column=Column(JSON(none_as_null=True)))


class PaperHeir(SQLModel, table=True):
    """A split paper counts as given where a digest holds the id of the paper from which it was split."""

    __tablename__ = "paper_heirs"

    heir_id: int = Field(foreign_key="papers.id", primary_key=True)
    source_id: int = Field(foreign_key="papers.id", primary_key=True, index=True)
    until: datetime = Field(primary_key=True)  # the time of the split: later digests do not count
