"""Defines the tables of topic matches and of corrections by an admin."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column, Index, text
from sqlmodel import Field, SQLModel


class PaperTopic(SQLModel, table=True):
    """A match of a paper and a topic, by the matcher or by an admin."""

    __tablename__ = "paper_topics"
    __table_args__ = (
        Index(
            "ix_paper_topics_admin",
            "paper_id",
            sqlite_where=text("by = 'admin'"),
            postgresql_where=text("by = 'admin'"),
        ),
    )

    paper_id: int = Field(foreign_key="papers.id", primary_key=True)
    topic: str = Field(primary_key=True, index=True)  # slug
    score: float
    strength: str  # strong: in the section; maybe: doubtful
    evidence: list[Any] = Field(sa_column=Column(JSON, nullable=False))  # matched words, strongest first
    by: str = "rules"  # rules, admin


class KnownTopic(SQLModel, table=True):
    """A topic as the settings defined it last."""

    __tablename__ = "known_topics"

    slug: str = Field(primary_key=True)
    public: bool


class TopicCorrection(SQLModel, table=True):
    """A correction of an admin for a paper and a topic. The latest one overrides the matcher. Append-only."""

    __tablename__ = "topic_corrections"

    id: int | None = Field(default=None, primary_key=True)
    paper_id: int = Field(foreign_key="papers.id", index=True)
    topic: str
    belongs: bool
    at: datetime
