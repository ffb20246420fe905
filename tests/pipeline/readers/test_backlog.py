"""The papers of a welcome: of each topic in turn, the most recent first."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import Engine, insert

from newsletter.db.engine import reading, writing
from newsletter.db.schema import dumps, edition_papers, editions, papers
from newsletter.pipeline.readers import backlog
from tests.pipeline.readers.scenario import NOON

TOPICS = {1: ["quantum"], 2: ["circuits"], 3: ["circuits"], 4: ["circuits"], 5: ["circuits", "quantum"]}


@pytest.fixture(autouse=True)
def mostly_circuits(engine: Engine) -> None:
    """Five papers in five editions, the oldest first; only the oldest is of quantum alone."""
    with writing(engine) as connection:
        dump = {"id": 1, "sha256": "0", "file": "f", "size": 1, "status": "ingested", "received_at": NOON}
        counts = dict.fromkeys(("entries", "new", "known", "revised", "nonblank_lines", "unread_lines"), 0)
        connection.execute(insert(dumps), {**dump, **counts, "backfill": False})
        for number, topics in TOPICS.items():
            day = date(2026, 1, number)
            paper = {"id": number, "title": f"Paper {number}", "abstract": "", "revision": 1}
            listed = {"first_listed_on": day, "first_dump_id": 1, "first_position": 1, "ingested_at": NOON}
            connection.execute(insert(papers), {**paper, **listed, "backfill": False})
            ready = NOON.replace(year=2025, month=12, day=number)
            edition = {"number": number, "date": day, "published_at": ready, "ready_at": ready, "held": False}
            connection.execute(insert(editions), edition)
            for topic in [*topics, "everything"]:
                pair = {"edition": number, "paper_id": number, "topic": topic, "score": 0.9, "place": 1}
                connection.execute(insert(edition_papers), pair)


@pytest.mark.parametrize(
    ("topics", "limit", "found"),
    [
        (("circuits", "quantum"), 3, [5, 1, 4]),
        (("quantum", "circuits"), 2, [5, 4]),
        (("circuits",), 3, [5, 4, 3]),
        (("quantum", "everything"), 4, [5, 4, 1, 3]),
        (("everything",), 2, [5, 4]),
        (("neuromorphic",), 3, []),
        (("circuits", "neuromorphic", "quantum"), 9, [5, 1, 4, 3, 2]),
    ],
)
def test_no_topic_takes_all_places_of_a_welcome(
    engine: Engine, topics: tuple[str, ...], limit: int, found: list[int]
) -> None:
    with reading(engine) as connection:
        assert [paper.id for paper in backlog.spread(connection, topics, now=NOON, limit=limit)] == found
