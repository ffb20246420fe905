"""Alarms: what was wrong, since when, and when an admin was told."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Field, SQLModel


class StandingAlarm(SQLModel, table=True):
    """Something that is wrong, or was."""

    __tablename__ = "alarms"

    id: int | None = Field(default=None, primary_key=True)
    key: str = Field(index=True)  # the same as long as it is the same thing
    words: str
    hint: str
    since: datetime
    told_at: datetime | None = None  # None: nobody was told yet
    ended_at: datetime | None = None  # None: it stands
    end_told_at: datetime | None = None
