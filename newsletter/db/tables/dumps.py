"""Defines the tables of dumps and of their unreadable parts."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import Index
from sqlmodel import Field, SQLModel


class Dump(SQLModel, table=True):
    """One file with a listing. Its bytes are in the state directory, content-addressed."""

    __tablename__ = "dumps"
    __table_args__ = (Index("ix_dumps_ingested", "status", "ingested_at"),)

    id: int | None = Field(default=None, primary_key=True)
    sha256: str = Field(unique=True)  # of the raw bytes, lower-case hex
    file: str  # its first name, without folders
    size: int  # bytes
    status: str = Field(index=True)  # core.states.DumpStatus
    format: str | None = None
    listed_on: date | None = None
    listed_on_from: str | None = None  # option, known-papers, filename, contents, clock
    listed_on_option: date | None = None  # the date that an admin gave; a replay uses it
    received_at: datetime  # when the bytes were first seen
    ingested_at: datetime | None = None  # when its papers were stored; the hold time starts here
    backfill: bool = False  # an archive: its papers are no news
    entries: int = 0
    new: int = 0
    known: int = 0
    revised: int = 0
    nonblank_lines: int = 0
    unread_lines: int = 0
    error: str | None = None  # why it is held
    source: str | None = Field(default=None, index=True)  # that brought it; None: a person or the inbox


class SourceRecord(SQLModel, table=True):
    """A configured source: when it is fetched next, and how the last fetch went."""

    __tablename__ = "sources"

    name: str = Field(primary_key=True)
    next_fetch_at: datetime | None = None  # None: as soon as possible
    fetched_on: date | None = None  # the day, UTC, of the latest good fetch
    fetched_at: datetime | None = None  # of the latest good fetch
    url: str | None = None  # asked last; the next two belong to its answer, for a conditional request
    etag: str | None = None
    last_modified: str | None = None
    failures: int = 0  # fetches in a row
    error: str = ""  # of the latest of them


class QuarantinedRecord(SQLModel, table=True):
    """A part of a dump that could not be read, while the rest was."""

    __tablename__ = "quarantined_records"

    id: int | None = Field(default=None, primary_key=True)
    dump_id: int = Field(foreign_key="dumps.id", index=True, ondelete="CASCADE")
    line: int  # 1-based
    reason: str
    text: str
