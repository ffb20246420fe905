"""`newsletter history …`, and what other commands say of packed months."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from newsletter.db.engine import default_url
from tests.cli.shell import Shell
from tests.pipeline.history.months import live_some_months
from tests.pipeline.scenario import Scenario

pytestmark = pytest.mark.full
AT = ("--at", "2026-05-20T09:00")


@pytest.fixture
def lived(shell: Shell) -> Shell:
    """A newsletter with some months of mail."""
    shell.settings("[history]\nkeep_days = 45\n")
    scenario = Scenario(shell.state_dir, url=default_url(shell.state_dir))
    live_some_months(scenario, days=90)
    scenario.engine.dispose()
    return shell


def _change_a_row(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "newsletter.sqlite3")) as connection, connection:
        connection.execute(
            "UPDATE history_readers SET body = zeroblob(length(body)) "
            "WHERE month = 202602 AND subscriber_id = 1"
        )


def test_history_is_packed_shown_checked_and_restored(lived: Shell, tmp_path: Path) -> None:
    before = lived("audit", *AT, "--json").json
    packed = lived("history", "roll-up", *AT, "--json").json
    assert packed["months"] == ["2026-01", "2026-02", "2026-03"]
    assert packed["deliveries"] > 100
    after = lived("audit", *AT, "--json").json
    assert {name: after[name] for name in ("given", "missed", "repeated", "deliveries", "ended")} == {
        name: before[name] for name in ("given", "missed", "repeated", "deliveries", "ended")
    }
    assert [seal["month"] for seal in after["seals"] if seal["matches"]] == packed["months"]
    shown = lived("history", "show", "--json").json
    assert [month["month"] for month in shown] == packed["months"]
    assert lived("history", "verify").code == 0
    assert "match their seals" in lived("doctor", "--offline").stdout
    lived.ok("backup", str(tmp_path / "kept"))
    (kept,) = (tmp_path / "kept").iterdir()

    _change_a_row(lived.state_dir)
    told = lived("history", "verify", *AT)
    assert told.code == 1
    assert "2026-02 does not match its seal; rows of subscribers 1 are damaged" in told.stdout
    assert lived("audit", *AT).code == 1
    assert lived("audit", "--full", *AT).code == 1
    assert "packed mail does not match its seal: 2026-02" in lived("doctor", "--offline").stdout
    assert [alarm for alarm in lived("watch", *AT, "--json").json if "2026-02" in alarm["what"]]
    why = lived("why", "a@readers.example", "--on", "2026-02-05", *AT)
    assert why.code == 1
    assert "damaged" in why.stderr
    assert "Traceback" not in why.stderr

    other = Shell(tmp_path / "other")
    assert other("restore", str(kept)).code == 0
    assert other("history", "verify").code == 0
    assert other("audit", *AT, "--json").json["given"] == before["given"]


def test_file_of_an_older_version_is_shrunk_once(lived: Shell) -> None:
    file = lived.state_dir / "newsletter.sqlite3"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA auto_vacuum = NONE")
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    told = lived("history", "roll-up", *AT)
    assert "newsletter history shrink" in told.stderr
    size = file.stat().st_size
    assert lived("history", "shrink", "--json").json["freed"] > 0
    assert file.stat().st_size < size
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("PRAGMA auto_vacuum").fetchone() == (2,)


def test_nothing_is_packed_before_its_time(lived: Shell) -> None:
    lived.settings("[history]\nkeep_days = 200\n")
    assert lived("history", "roll-up", *AT, "--json").json["months"] == []
    assert "nothing to pack" in lived("history", "roll-up", *AT).stdout
    assert lived("history", "show").stdout.strip() == "No month is packed yet."
