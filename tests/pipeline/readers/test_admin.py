"""The verbs on subscribers: their answers, their transactions, and what a newcomer is told and given."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, insert, select
from sqlmodel import SQLModel

from newsletter.core.errors import StorageError
from newsletter.db.engine import open_engine, reading, writing
from newsletter.db.schema import dumps, edition_papers, editions, papers, reader_debts
from newsletter.pipeline.readers import admin
from newsletter.pipeline.readers.policy import ReaderPolicy
from subscribers.errors import RosterError, SubscriberError, UnknownAddressError, UnknownTopicError

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
POLICY = ReaderPolicy(known_topics=("circuits", "quantum", "everything"), suppression_key=b"key of the tests")


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    opened = open_engine(database_url)
    SQLModel.metadata.create_all(opened)
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


def add(
    engine: Engine, address: str, *topics: str, confirmed: bool = True, welcome: int = 0
) -> dict[str, Any]:
    policy = ReaderPolicy(
        known_topics=POLICY.known_topics, suppression_key=POLICY.suppression_key, welcome=welcome
    )
    return admin.add(
        engine,
        address=address,
        topics=topics,
        preferences={},
        confirmed=confirmed,
        policy=policy,
        now=NOON,
    )


def debts(engine: Engine) -> list[tuple[Any, ...]]:
    with reading(engine) as connection:
        rows = connection.execute(
            select(reader_debts.c.paper_id, reader_debts.c.topic, reader_debts.c.kind).order_by(
                reader_debts.c.id
            )
        )
        return [tuple(row) for row in rows]


def test_add_tells_what_they_could_have_had_and_owes_nothing(engine: Engine, backlog: None) -> None:
    row = add(engine, "ada@example.org", "quantum", "circuits")
    assert row == {
        **admin.show(engine, "ada@example.org", policy=POLICY),
        "change": "added",
        "asked": False,
        "welcomed": 0,
        "could_have_had": [
            {"id": 3, "title": "Paper 3", "topic": "quantum"},
            {"id": 2, "title": "Paper 2", "topic": "circuits"},
            {"id": 1, "title": "Paper 1", "topic": "quantum"},
        ],
        "could_have_had_count": 3,
    }
    assert debts(engine) == []


def test_add_with_a_welcome_owes_the_most_recent_once(engine: Engine, backlog: None) -> None:
    row = add(engine, "ada@example.org", "quantum", "circuits", welcome=2)
    assert (row["welcomed"], row["could_have_had_count"]) == (2, 1)
    assert row["could_have_had"] == [{"id": 1, "title": "Paper 1", "topic": "quantum"}]
    assert debts(engine) == [(3, "quantum", "welcome"), (2, "circuits", "welcome")]
    again = add(engine, "ada@example.org", "quantum", "circuits", welcome=2)
    assert (again["change"], "welcomed" in again) == ("unchanged", False)
    admin.unsubscribe(engine, "ada@example.org", now=NOON)
    add(engine, "ada@example.org", "quantum", welcome=2)  # comes back: had them
    assert len(debts(engine)) == 2


def test_add_of_a_pending_person_owes_nothing_before_they_confirm(engine: Engine, backlog: None) -> None:
    row = add(engine, "ada@example.org", "quantum", confirmed=False, welcome=2)
    assert (row["state"], row["welcomed"], row["could_have_had_count"]) == ("pending", 0, 3)
    assert debts(engine) == []


def test_add_that_is_refused_stores_nothing(engine: Engine) -> None:
    with pytest.raises(UnknownTopicError):
        add(engine, "ada@example.org", "nothing")
    assert admin.listed(engine, policy=POLICY) == []


def test_show_finds_any_spelling_and_changes_nothing(engine: Engine) -> None:
    add(engine, "Ada@example.org", "quantum", confirmed=False)
    shown = admin.show(engine, "ADA@EXAMPLE.ORG", policy=POLICY)
    assert (shown["address"], shown["state"]) == ("Ada@example.org", "pending")
    assert admin.show(engine, "ADA@EXAMPLE.ORG", policy=POLICY) == shown
    with pytest.raises(UnknownAddressError):
        admin.show(engine, "bob@example.org", policy=POLICY)


def test_suppress_and_back(engine: Engine) -> None:
    added = add(engine, "ada@example.org", "quantum")
    suppressed = admin.suppress(engine, "ada@example.org", policy=POLICY, now=NOON)
    assert suppressed["state"] == "suppressed"
    assert admin.show(engine, "ada@example.org", policy=POLICY)["suppressed"] == {
        "reason": "admin",
        "at": "2026-01-05T12:00:00+00:00",
    }
    back = admin.unsuppress(engine, "ada@example.org", policy=POLICY, now=NOON)
    assert back == {key: added[key] for key in back}
    stranger = admin.suppress(engine, "eve@example.org", policy=POLICY, now=NOON)
    assert stranger == {"address": "eve@example.org", "state": "suppressed", "topics": []}
    assert admin.show(engine, "eve@example.org", policy=POLICY)["suppressed"]["reason"] == "admin"
    assert [row["address"] for row in admin.listed(engine, policy=POLICY)] == ["ada@example.org"]


def test_forget_leaves_nothing_to_show(engine: Engine) -> None:
    add(engine, "ada@example.org", "quantum")
    assert admin.forget(engine, "ada@example.org", policy=POLICY, now=NOON) == {
        "address": "ada@example.org",
        "state": "erased",
        "topics": [],
    }
    with pytest.raises(UnknownAddressError):
        admin.show(engine, "ada@example.org", policy=POLICY)
    with pytest.raises(UnknownAddressError):
        admin.forget(engine, "ada@example.org", policy=POLICY, now=NOON)


def test_history_pause_and_unsubscribe_answer_with_rows(engine: Engine) -> None:
    add(engine, "ada@example.org", "quantum", "circuits")
    until = NOON + timedelta(days=7)
    paused = admin.pause(engine, "ada@example.org", until=until, now=NOON)
    assert paused["paused_until"] == "2026-01-12T12:00:00+00:00"
    assert admin.unsubscribe(engine, "ada@example.org", topics=["quantum"], now=NOON)["topics"] == [
        "circuits"
    ]
    assert admin.unsubscribe(engine, "ada@example.org", topics=[], now=NOON)["state"] == "unsubscribed"
    assert [(event["what"], event["how"]) for event in admin.history(engine, "ada@example.org")] == [
        ("confirmed", "admin"),
        ("paused", "admin"),
        ("left", "admin"),
        ("unsubscribed", "admin"),
    ]


def test_listed_filters_and_refuses_what_is_unknown(engine: Engine) -> None:
    add(engine, "ada@example.org", "quantum")
    add(engine, "bob@example.org", "circuits", confirmed=False)
    by_topic = admin.listed(engine, policy=POLICY, topic="quantum")
    assert [row["address"] for row in by_topic] == ["ada@example.org"]
    assert [row["address"] for row in admin.listed(engine, policy=POLICY, state="pending")] == [
        "bob@example.org"
    ]
    with pytest.raises(UnknownTopicError):
        admin.listed(engine, policy=POLICY, topic="nothing")
    with pytest.raises(SubscriberError):
        admin.listed(engine, policy=POLICY, state="nothing")


def roster(tmp_path: Path, count: int) -> Path:
    path = tmp_path / "roster.csv"
    lines = "".join(f"reader{n}@example.org,quantum,{n % 24},x\n" for n in range(count))
    path.write_text(f"email,topics,hour,phone\n{lines}", encoding="utf-8")
    return path


def import_roster(engine: Engine, path: Path, **more: Any) -> dict[str, Any]:
    return admin.import_roster(engine, path, **{"confirmed": True, "policy": POLICY, "now": NOON, **more})


def test_import_roster_answers_with_counts_and_reports_progress(engine: Engine, tmp_path: Path) -> None:
    path = roster(tmp_path, 4100)
    told: list[tuple[int, int]] = []
    answer = import_roster(engine, path, progress=lambda done, size: told.append((done, size)))
    assert answer == {
        "added": 4100,
        "updated": 0,
        "unchanged": 0,
        "refused": [],
        "ignored_columns": ["phone"],
        "ignored_values": [],
        "format": None,
        "at_most": None,
        "encoding": "utf-8",
    }
    size = path.stat().st_size
    assert len(told) == 3
    assert told[-1] == (size, size)
    assert told == sorted(told)


def test_import_roster_dry_stores_nothing(engine: Engine, tmp_path: Path) -> None:
    answer = import_roster(engine, roster(tmp_path, 3), dry_run=True)
    assert (answer["added"], len(answer["changes"])) == (3, 3)
    assert admin.listed(engine, policy=POLICY) == []


def test_import_roster_dry_tells_as_it_goes(engine: Engine, tmp_path: Path) -> None:
    told: list[dict[str, Any]] = []
    answer = import_roster(engine, roster(tmp_path, 3), dry_run=True, tell=told.append)
    assert [(change["row"], change["change"]) for change in told] == [
        (2, "added"),
        (3, "added"),
        (4, "added"),
    ]
    assert "changes" not in answer


def test_import_roster_names_once_what_it_does_not_understand(engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / "cleaned_members_export_1.csv"
    path.write_text(
        "Email Address,LEID,EUID,TAGS\n"
        'ada@example.org,1,a,"Quanta,Friends"\nbob@example.org,2,b,friends\ncyd@example.org,3,c,Friends\n'
    )
    policy = ReaderPolicy(
        known_topics=POLICY.known_topics,
        suppression_key=POLICY.suppression_key,
        topic_titles={"quantum": "Quanta"},
    )
    answer = import_roster(engine, path, policy=policy)
    assert answer == {
        "added": 3,
        "updated": 0,
        "unchanged": 0,
        "refused": [],
        "ignored_columns": ["LEID", "EUID"],
        "ignored_values": [
            {"field": "topic", "value": "Friends", "rows": 2},
            {"field": "topic", "value": "friends", "rows": 1},
        ],
        "format": "Mailchimp export",
        "at_most": "suppressed",
        "encoding": "utf-8",
    }
    assert {row["state"] for row in admin.listed(engine, policy=POLICY)} == {"suppressed"}


def test_import_roster_that_died_is_finished_by_running_it_again(engine: Engine, tmp_path: Path) -> None:
    path = roster(tmp_path, 4100)

    def die(done: int, size: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_roster(engine, path, progress=die)
    died = len(admin.listed(engine, policy=POLICY))
    assert 0 < died < 4100
    answer = import_roster(engine, path)
    assert (answer["added"], answer["unchanged"]) == (4100 - died, died)
    whole = open_engine(f"sqlite:///{tmp_path / 'whole.sqlite3'}")
    SQLModel.metadata.create_all(whole)
    import_roster(whole, path)
    assert admin.listed(engine, policy=POLICY) == admin.listed(whole, policy=POLICY)
    whole.dispose()


def test_import_roster_welcomes_newcomers(engine: Engine, tmp_path: Path, backlog: None) -> None:
    policy = ReaderPolicy(known_topics=POLICY.known_topics, suppression_key=POLICY.suppression_key, welcome=1)
    import_roster(engine, roster(tmp_path, 2), policy=policy)
    import_roster(engine, roster(tmp_path, 2), policy=policy)
    assert debts(engine) == [(3, "quantum", "welcome")] * 2


def test_import_roster_of_what_is_none_stores_nothing(engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(RosterError):
        import_roster(engine, tmp_path / "missing.csv")
    assert admin.listed(engine, policy=POLICY) == []


def test_export_roster_is_private_whole_and_canonical(engine: Engine, tmp_path: Path) -> None:
    import_roster(engine, roster(tmp_path, 3))
    out = tmp_path / "out.csv"
    out.write_text("old")
    assert admin.export_roster(engine, out) == 3
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    file = io.StringIO(newline="")
    admin.write_roster(engine, file)
    assert out.read_text(encoding="utf-8") == file.getvalue()
    assert file.getvalue().splitlines()[:2] == [
        "email,name,topics,cadence,weekday,hour,timezone,state,text_only,minimum,maximum,maybe,paused_until",
        "reader0@example.org,,quantum,daily,,0,UTC,confirmed,false,1,,false,",
    ]
    assert [name for name in os.listdir(tmp_path) if name.startswith(".")] == []  # noqa: PTH208


def test_export_roster_says_when_it_cannot_write(engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="No such file"):
        admin.export_roster(engine, tmp_path / "missing" / "out.csv")
    with pytest.raises(StorageError, match="Is a directory"):
        admin.export_roster(engine, tmp_path)
