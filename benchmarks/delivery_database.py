"""Makes the database of the delivery benchmark: many readers, each owed a digest."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime
from itertools import combinations
from pathlib import Path

BEFORE = datetime(2026, 4, 16, 7, tzinfo=UTC)
READY = datetime(2026, 4, 16, 5, tzinfo=UTC)
JOINED = datetime(2026, 4, 1, tzinfo=UTC)
TOPICS = ("circuits", "quantum", "neuromorphic", "interpretability")
PAPERS = 30  # in a digest
POOL = 300  # papers that distinct digests draw from
VOCABULARY = """analog circuit sizing with learned surrogates for transistor level layout quantum error
correction on lattice surgery spiking network memristor crossbar training rule sparse feature dictionary"""
WORDS = VOCABULARY.split()


def text(words: int, seed: int) -> str:
    chosen = random.Random(seed)
    return " ".join(chosen.choice(WORDS) for _ in range(words)).capitalize() + "."


def fill(folder: Path, number: int, *, distinct: bool) -> None:
    """A database in which everybody is owed a digest of some 30 papers."""
    from sqlalchemy import insert
    from sqlmodel import SQLModel

    from newsletter.db import schema
    from newsletter.db.engine import default_url, open_engine, writing
    from subscribers.tables import Subscriber, Subscription

    engine = open_engine(default_url(folder))
    SQLModel.metadata.create_all(engine)
    pool = POOL if distinct else PAPERS
    with writing(engine) as connection:
        connection.execute(
            insert(schema.dumps),
            {"id": 1, "sha256": "0" * 64, "file": "x", "size": 1, "status": "ingested", "received_at": READY},
        )
        connection.execute(
            insert(schema.papers),
            [
                {
                    "id": paper,
                    "title": text(11, paper),
                    "abstract": " ".join(text(22, paper * 100 + n) for n in range(7)),
                    "author_count": 5,
                    "first_listed_on": date(2026, 4, 17),
                    "first_dump_id": 1,
                    "first_position": paper,
                    "ingested_at": READY,
                    "edition": 1,
                }
                for paper in range(1, pool + 1)
            ],
        )
        connection.execute(
            insert(schema.editions),
            {"number": 1, "date": date(2026, 4, 17), "published_at": READY, "ready_at": READY},
        )
        # Every paper in every topic, so that each of the 15 sets of topics gets all thirty.
        connection.execute(
            insert(schema.edition_papers),
            [
                {"edition": 1, "paper_id": p, "topic": t, "score": 0.9, "place": p}
                for p in range(1, pool + 1)
                for t in TOPICS
            ],
        )
        if distinct:
            # All readers received that edition; each is owed thirty other papers that were returned.
            connection.execute(
                insert(schema.digests),
                {
                    "id": 1,
                    "key": "before",
                    "edition": 1,
                    "date": date(2026, 4, 16),
                    "composed_at": BEFORE,
                    "subject": "Before",
                    "parts": {},
                    "values": {},
                },
            )
        sets = [chosen for size in range(1, 5) for chosen in combinations(TOPICS, size)]
        chooser = random.Random(7)
        for start in range(1, number + 1, 5_000):
            ids = range(start, min(start + 5_000, number + 1))
            connection.execute(
                insert(Subscriber.__table__),
                [
                    {
                        "id": n,
                        "ref": f"ref{n:019}",
                        "leave_id": f"leave{n:017}",
                        "address": f"reader{n}@example.org",
                        "address_key": f"reader{n}@example.org",
                        "name": f"Reader {n}",
                        "state": "confirmed",
                        "created_at": JOINED,
                        "confirmed_at": JOINED,
                        "slots_done_to": JOINED,
                        "cadence_since": JOINED,
                    }
                    for n in ids
                ],
            )
            connection.execute(
                insert(Subscription.__table__),
                [
                    {"subscriber_id": n, "topic": topic, "since": JOINED}
                    for n in ids
                    for topic in (TOPICS[:1] if distinct else sets[n % 15])
                ],
            )
            if distinct:
                connection.execute(
                    insert(schema.deliveries),
                    [
                        {
                            "subscriber_id": n,
                            "kind": "digest",
                            "key": "2026-04-16",
                            "digest_id": 1,
                            "state": "sent",
                            "slot_at": BEFORE,
                            "composed_at": BEFORE,
                            "next_attempt_at": BEFORE,
                            "finished_at": BEFORE,
                        }
                        for n in ids
                    ],
                )
                connection.execute(
                    insert(schema.reader_debts),
                    [
                        {
                            "subscriber_id": n,
                            "paper_id": p,
                            "topic": "circuits",
                            "kind": "returned",
                            "made_at": BEFORE,
                        }
                        for n in ids
                        for p in chooser.sample(range(1, pool + 1), PAPERS)
                    ],
                )
