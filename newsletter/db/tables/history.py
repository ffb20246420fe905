"""Defines the tables of rolled-up history: seals, readers' months, contents, and which papers a month gave.

What their bodies hold: docs/explanation/history.md.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column, LargeBinary
from sqlmodel import Field, SQLModel

from newsletter.core.debts.packed_bytes import NO_CHECKSUM


class HistoryMonth(SQLModel, table=True):
    """A month that is rolled up, or is being so, and its seal."""

    __tablename__ = "history_months"

    month: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})  # 202603 for March 2026
    begun_at: datetime
    sealed_at: datetime | None = None  # None: the roll-up is not done
    readers: int = 0  # rows of history_readers, erased ones included
    deliveries: int = 0  # in them
    given: int = 0  # (reader, paper) pairs in them
    contents: int = 0  # rows of history_contents
    checksum: str = NO_CHECKSUM  # of all its rows: the sum of their hashes
    erased_readers: int = 0
    erased_checksum: str = NO_CHECKSUM  # of the rows of erased readers
    broken_since: datetime | None = None  # when a check first found that its rows are not those of the seal
    # what the audit proved before anything was deleted: counts and findings
    proof: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))


class HistoryReader(SQLModel, table=True):
    """What one reader was sent in one month."""

    __tablename__ = "history_readers"
    __table_args__ = {"sqlite_with_rowid": False}  # half the size

    month: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    subscriber_id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    body: bytes = Field(sa_column=Column(LargeBinary, nullable=False))  # core.debts.packed_reader


class HistoryContent(SQLModel, table=True):
    """The papers of one digest, shared by all who got it. Its row of `digests` is gone."""

    __tablename__ = "history_contents"

    digest_id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    month: int  # the seal that covers it
    body: bytes = Field(sa_column=Column(LargeBinary, nullable=False))  # core.debts.packed_content


class HistoryPaper(SQLModel, table=True):
    """A paper that digests of a rolled-up month name."""

    __tablename__ = "history_papers"
    __table_args__ = {"sqlite_with_rowid": False}

    paper_id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    month: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
