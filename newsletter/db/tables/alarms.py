"""Defines the table of alarms."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Field, SQLModel


class AlarmRecord(SQLModel, table=True):
    """An alarm, open or ended, and when an admin was notified of it."""

    __tablename__ = "alarms"

    id: int | None = Field(default=None, primary_key=True)
    key: str = Field(index=True)  # stays the same while the cause does
    words: str
    hint: str
    since: datetime
    told_at: datetime | None = None  # when an admin was notified; None: not yet
    ended_at: datetime | None = None  # None: it is open
    end_told_at: datetime | None = None
