"""Importing and exporting rosters: batches, counts, dry runs, and files that cannot be written."""

from __future__ import annotations

import io
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from newsletter.core.errors import StorageError
from newsletter.db.engine import open_engine
from newsletter.pipeline.readers import admin, rosters
from newsletter.pipeline.readers.policy import ReaderPolicy
from subscribers.errors import RosterError
from tests.databases import migrated_url
from tests.pipeline.readers.scenario import NOON, POLICY, debts


def roster(tmp_path: Path, count: int) -> Path:
    path = tmp_path / "roster.csv"
    lines = "".join(f"reader{n}@example.org,quantum,{n % 24},x\n" for n in range(count))
    path.write_text(f"email,topics,hour,phone\n{lines}", encoding="utf-8")
    return path


def import_roster(engine: Engine, path: Path, **more: Any) -> dict[str, Any]:
    return rosters.import_roster(engine, path, **{"confirmed": True, "policy": POLICY, "now": NOON, **more})


def test_import_roster_answers_with_counts_and_reports_progress(engine: Engine, tmp_path: Path) -> None:
    path = roster(tmp_path, 4100)
    calls: list[tuple[int, int]] = []
    answer = import_roster(engine, path, progress=lambda done, size: calls.append((done, size)))
    assert answer == {
        "added": 4100,
        "updated": 0,
        "unchanged": 0,
        "without_topics": 0,
        "refused": [],
        "not_mailed": {},
        "ignored_columns": ["phone"],
        "ignored_values": [],
        "format": None,
        "at_most": None,
        "encoding": "utf-8",
    }
    assert [rows for rows, _ in calls] == [2000, 4000, 4100]
    assert all(rows <= total < 6000 for rows, total in calls)
    assert calls[-1] == (4100, 4100)


def test_import_roster_dry_stores_nothing(engine: Engine, tmp_path: Path) -> None:
    answer = import_roster(engine, roster(tmp_path, 3), dry_run=True)
    assert (answer["added"], len(answer["changes"])) == (3, 3)
    assert admin.listed(engine, policy=POLICY) == []


def test_import_roster_dry_calls_on_change(engine: Engine, tmp_path: Path) -> None:
    calls: list[dict[str, Any]] = []
    answer = import_roster(engine, roster(tmp_path, 3), dry_run=True, on_change=calls.append)
    assert [(change["row"], change["change"]) for change in calls] == [
        (2, "added"),
        (3, "added"),
        (4, "added"),
    ]
    assert "changes" not in answer


def test_import_roster_lists_each_unknown_value_once(engine: Engine, tmp_path: Path) -> None:
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
        "without_topics": 0,
        "not_mailed": {"suppressed": 3},
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


def test_import_roster_that_was_killed_is_finished_by_a_second_run(engine: Engine, tmp_path: Path) -> None:
    path = roster(tmp_path, 4100)

    def die(done: int, size: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_roster(engine, path, progress=die)
    died = len(admin.listed(engine, policy=POLICY))
    assert 0 < died < 4100
    answer = import_roster(engine, path)
    assert (answer["added"], answer["unchanged"]) == (4100 - died, died)
    whole = open_engine(migrated_url(tmp_path, "whole.sqlite3"))
    import_roster(whole, path)
    assert admin.listed(engine, policy=POLICY) == admin.listed(whole, policy=POLICY)
    whole.dispose()


def test_import_roster_welcomes_newcomers(engine: Engine, tmp_path: Path, backlog: None) -> None:
    policy = ReaderPolicy(known_topics=POLICY.known_topics, suppression_key=POLICY.suppression_key, welcome=1)
    import_roster(engine, roster(tmp_path, 2), policy=policy)
    import_roster(engine, roster(tmp_path, 2), policy=policy)
    assert debts(engine) == [(3, "quantum", "welcome")] * 2


def test_import_roster_of_a_missing_file_stores_nothing(engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(RosterError):
        import_roster(engine, tmp_path / "missing.csv")
    assert admin.listed(engine, policy=POLICY) == []


def test_export_roster_is_private_whole_and_canonical(engine: Engine, tmp_path: Path) -> None:
    import_roster(engine, roster(tmp_path, 3))
    out = tmp_path / "out.csv"
    out.write_text("old")
    assert rosters.export_roster(engine, out) == 3
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    file = io.StringIO(newline="")
    rosters.write_roster(engine, file)
    assert out.read_text(encoding="utf-8") == file.getvalue()
    assert file.getvalue().splitlines()[:2] == [
        "email,name,topics,cadence,weekday,hour,timezone,state,text_only,minimum,maximum,cards,maybe,"
        "paused_until",
        "reader0@example.org,,quantum,daily,,0,UTC,confirmed,false,1,,10,false,",
    ]
    assert [name for name in os.listdir(tmp_path) if name.startswith(".")] == []  # noqa: PTH208


def test_export_roster_reports_when_it_cannot_write(engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="No such file"):
        rosters.export_roster(engine, tmp_path / "missing" / "out.csv")
    with pytest.raises(StorageError, match="Is a directory"):
        rosters.export_roster(engine, tmp_path)
