"""A database of its own for each test, and a small backlog of papers in editions."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import pytest
from sqlalchemy import Engine, insert

from newsletter.db.engine import open_engine, writing
from newsletter.db.schema import dumps, edition_papers, editions, papers
from tests.pipeline.readers.scenario import NOON


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    opened = open_engine(database_url)
    yield opened
    opened.dispose()


@pytest.fixture
def backlog(engine: Engine) -> None:
    """Four papers in three editions; 4 was merged into 3, the last edition is held, one pair was dropped."""
    with writing(engine) as connection:
        connection.execute(
            insert(dumps),
            {
                "id": 1,
                "sha256": "0",
                "file": "f",
                "size": 1,
                "status": "ingested",
                "received_at": NOON,
                "backfill": False,
                "entries": 4,
                "new": 4,
                "known": 0,
                "revised": 0,
                "nonblank_lines": 0,
                "unread_lines": 0,
            },
        )
        for paper_id, merged_into in ((1, None), (2, None), (3, None), (4, 3), (5, None), (6, None)):
            connection.execute(
                insert(papers),
                {
                    "id": paper_id,
                    "title": f"Paper {paper_id}",
                    "abstract": "",
                    "revision": 1,
                    "first_listed_on": date(2026, 1, paper_id),
                    "first_dump_id": 1,
                    "first_position": paper_id,
                    "backfill": False,
                    "ingested_at": NOON,
                    "merged_into": merged_into,
                },
            )
        for number, days, held in ((1, -3, False), (2, -2, False), (3, -1, True), (4, 0, False)):
            ready_at = NOON + timedelta(days=days)
            connection.execute(
                insert(editions),
                {
                    "number": number,
                    "date": ready_at.date(),
                    "published_at": ready_at,
                    "ready_at": ready_at,
                    "held": held,
                    "released": False,
                },
            )
        for edition, paper_id, topic, score, dropped in (
            (1, 1, "quantum", 3.0, False),
            (1, 2, "quantum", 1.0, False),
            (1, 2, "circuits", 2.0, False),
            (1, 4, "quantum", 1.0, False),
            (2, 3, "quantum", 1.0, False),
            (2, 6, "quantum", 1.0, True),
            (3, 5, "quantum", 1.0, False),
            (4, 5, "quantum", 1.0, False),
        ):
            connection.execute(
                insert(edition_papers),
                {
                    "edition": edition,
                    "paper_id": paper_id,
                    "topic": topic,
                    "score": score,
                    "place": paper_id,
                    "dropped_at": NOON if dropped else None,
                },
            )
