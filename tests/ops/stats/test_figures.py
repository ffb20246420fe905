"""All statistics of a small newsletter, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, update

from newsletter.core.states import DeliveryState
from newsletter.db.engine import reading, writing
from newsletter.db.schema import deliveries, digests, dumps, paper_topics, papers
from newsletter.ops.stats.figures import gather, refusal_in_words
from subscribers.lifecycle import suppression, unsubscribe
from tests.pipeline.scenario import Scenario, utc

KEY = b"suppression key of the tests"
DAYS = [date(2026, 4, day) for day in (13, 14, 15)]


@pytest.fixture
def world(tmp_path: Path, database_url: str) -> Iterator[Scenario]:
    made = Scenario(tmp_path, url=database_url)
    yield made
    made.engine.dispose()


def listed(world: Scenario, title: str, day: int, *topics: str, **values: Any) -> None:
    """A paper that was first listed on that day of April; a topic with a question mark is doubtful."""
    paper_id = world.paper(title)
    with writing(world.engine) as connection:
        connection.execute(
            update(papers).where(papers.c.id == paper_id).values(first_listed_on=date(2026, 4, day), **values)
        )
        for topic in topics:
            connection.execute(
                insert(paper_topics),
                {
                    "paper_id": paper_id,
                    "topic": topic.rstrip("?"),
                    "score": 0.9,
                    "strength": "maybe" if topic.endswith("?") else "strong",
                    "evidence": [],
                    "by": "rules",
                },
            )


def mails(world: Scenario, number: int, state: str, at: str, *, kind: str = "digest", **values: Any) -> None:
    """So many mails that came to that state then; what did not end was written then."""
    with writing(world.engine) as connection:
        digest = connection.execute(
            insert(digests).returning(digests.c.id),
            {
                "key": f"{state} {at} {kind} {values}", "kind": kind, "date": date(2026, 4, 13),
                "composed_at": utc("2026-04-13"), "subject": "", "parts": {}, "values": {},
            },
        ).scalar_one()  # fmt: skip
        ended = state in ("sent", "failed", "uncertain", "skipped")
        for reader in range(number):
            connection.execute(
                insert(deliveries),
                {
                    "subscriber_id": reader, "kind": kind, "key": str(digest), "digest_id": digest,
                    "state": DeliveryState(state), "next_attempt_at": utc(at),
                    "composed_at": utc("2026-04-12T23:59" if ended else at),
                    "finished_at": utc(at) if ended else None,
                }
                | values,
            )  # fmt: skip


def numbers(
    world: Scenario, at: str, *, days: int = 3, topics: tuple[str, ...] = ("circuits", "quantum")
) -> Any:
    with reading(world.engine) as connection:
        return gather(connection, now=utc(at), days=days, topics=topics).as_json()


def test_nothing_has_happened_yet(world: Scenario) -> None:
    none = (0, 0, 0)
    assert numbers(world, "2026-04-15T12:00") == {
        "as_of": utc("2026-04-15T12:00"),
        "days": 3,
        "unit": "day",
        "since": DAYS[0],
        "until": DAYS[-1],
        "periods": tuple(DAYS),
        "papers": {
            "all": none,
            "topics": {"circuits": none, "quantum": none},
            "unmatched": none,
            "last_listed": None,
        },
        "subscribers": {
            "states": {"pending": 0, "confirmed": 0, "unsubscribed": 0, "suppressed": 0, "erased": 0},
            "readers": none,
            "joined": none,
            "left": none,
            "net": [0, 0, 0],
        },
        "signups": {"asked": none, "joined_by": {}},
        "topics": [{"topic": "circuits", "followers": 0}, {"topic": "quantum", "followers": 0}],
        "deliveries": {
            **dict.fromkeys(("sent", "deferred", "failed", "uncertain", "skipped", "waiting"), none),
            "kinds": {},
        },
        "refused": {},
        "skipped": {},
        "strikes": {},
        "came_back": {"classes": {}, "reasons": {}, "domains": {}},
        "suppressions": {"made": {}, "in_force": {}},
    }


def test_numbers_of_three_days(world: Scenario) -> None:
    listed(world, "A", 13, "circuits", "quantum")
    listed(world, "B", 13, "circuits?", "everything")
    listed(world, "C", 15, "optics")
    listed(world, "Before", 12, "circuits")
    listed(world, "After", 16, "circuits")
    listed(world, "Merged", 15, "circuits", merged_into=world.paper("A"))
    with writing(world.engine) as connection:
        gone = connection.execute(
            insert(dumps).returning(dumps.c.id),
            {
                "sha256": "1" * 64,
                "file": "y.txt",
                "size": 1,
                "status": "withdrawn",
                "received_at": utc("2026-01-01"),
            },
        ).scalar_one()
    listed(world, "Withdrawn", 15, "circuits", first_dump_id=gone)

    world.reader("old@example.org", "circuits", joined="2026-01-01")
    ada = world.reader("ada@example.org", "circuits", "everything", joined="2026-04-13T00:00")
    world.reader("kay@example.org", "quantum", joined="2026-04-14T23:59")
    world.reader("late@example.org", "circuits", joined="2026-04-15T13:00")
    with writing(world.engine) as connection:
        unsubscribe.unsubscribe(connection, subscriber_id=ada, how="one-click", now=utc("2026-04-15T01:00"))
        suppression.suppress(
            connection,
            address="kay@example.org",
            reason="bounce",
            how="bounce",
            now=utc("2026-04-15T02:00"),
            key=KEY,
        )

    mails(world, 3, "sent", "2026-04-13T00:00")
    mails(world, 2, "sent", "2026-04-15T12:00", kind="confirm")
    mails(world, 1, "sent", "2026-04-15T12:01")
    mails(world, 1, "sent", "2026-04-12T23:59")
    mails(world, 2, "failed", "2026-04-14T07:00", reply_code=550, reply_status="5.1.1")
    mails(world, 1, "failed", "2026-04-14T07:00", reply_code=554)
    mails(world, 1, "failed", "2026-04-14T07:00", reason="no server took it")
    mails(world, 1, "uncertain", "2026-04-14T07:00")
    mails(world, 2, "skipped", "2026-04-14T07:00", reason="expired")
    mails(world, 1, "skipped", "2026-04-15T07:00", reason="paused")
    mails(world, 4, "deferred", "2026-04-15T07:00", reply_code=451, reply_status="4.7.1")
    mails(world, 1, "queued", "2026-04-15T07:00")
    mails(world, 1, "leased", "2026-04-15T07:00")
    mails(world, 1, "handing over", "2026-04-15T07:00")

    found = numbers(world, "2026-04-15T12:00")
    assert found["papers"] == {
        "all": (2, 0, 1),
        "topics": {"circuits": (1, 0, 0), "quantum": (1, 0, 0), "optics": (0, 0, 1)},
        "unmatched": (1, 0, 0),
        "last_listed": date(2026, 4, 15),
    }
    assert found["subscribers"] == {
        "states": {"pending": 0, "confirmed": 2, "unsubscribed": 1, "suppressed": 1, "erased": 0},
        "readers": (2, 3, 1),
        "joined": (1, 1, 0),
        "left": (0, 0, 2),
        "net": [1, 1, -2],
    }
    assert found["signups"] == {"asked": (0, 0, 0), "joined_by": {"admin": 2}}
    assert found["topics"] == [{"topic": "circuits", "followers": 2}, {"topic": "quantum", "followers": 0}]
    assert found["deliveries"] == {
        "sent": (3, 0, 2),
        "deferred": (0, 0, 4),
        "failed": (0, 4, 0),
        "uncertain": (0, 1, 0),
        "skipped": (0, 2, 1),
        "waiting": (0, 0, 3),
        "kinds": {"digest": 3, "confirm": 2},
    }
    assert list(found["refused"].items()) == [("5.1.1", 2), ("554", 1), ("no server took it", 1)]
    assert list(found["skipped"].items()) == [("expired", 2), ("paused", 1)]
    assert found["suppressions"] == {"made": {"bounce": 1}, "in_force": {"bounce": 1}}


def test_topics_without_a_definition_follow_and_everything_is_last(world: Scenario) -> None:
    world.reader("ada@example.org", "neuromorphic", "everything", joined="2026-01-01")
    found = numbers(world, "2026-04-15", topics=("quantum", "everything"))
    assert found["topics"] == [
        {"topic": "quantum", "followers": 0},
        {"topic": "neuromorphic", "followers": 1},
        {"topic": "everything", "followers": 1},
    ]


def test_days_are_utc_days_in_every_zone(world: Scenario) -> None:
    mails(world, 1, "sent", "2026-04-14T22:30")
    asked_from = datetime.fromisoformat("2026-04-15T01:00+02:00")
    with reading(world.engine) as connection:
        found = gather(connection, now=asked_from, days=1, topics=())
    assert (found.periods.until, found.mails["sent"]) == (date(2026, 4, 14), (1,))
    assert asked_from.astimezone(UTC).date() == date(2026, 4, 14)


@pytest.mark.parametrize(
    ("code", "words"),
    [("5.1.1", "5.1.1 (address)"), ("5.7.26", "5.7.26 (policy)"), ("5.9.9", "5.9.9"), ("550", "550")],
)
def test_refusal_names_its_subject(code: str, words: str) -> None:
    assert refusal_in_words(code) == words
