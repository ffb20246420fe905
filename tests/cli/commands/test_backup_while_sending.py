"""A backup that is made while mail goes out, restored elsewhere, mails nobody twice."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from newsletter.samples import dumps
from tests.cli.shell import Shell
from tests.smtp_servers.recording import RecordingServer, ServerRules

ROOT = Path(__file__).parents[3]
READERS = 150
TOPICS = ("circuits", "quantum", "neuromorphic", "interpretability", "everything")


def _backup(shell: Shell, *options: str) -> Path:
    return Path(shell.ok("backup", *options, "--json").json["backup"]["file"])


def _roster(folder: Path) -> Path:
    rows = [f"r{n}@readers.example,{TOPICS[n % 5]};{TOPICS[n % 3]}" for n in range(READERS)]
    roster = folder / "roster.csv"
    roster.write_text("\n".join(["email,topics", *rows]), "utf-8")
    return roster


def _until(server: RecordingServer, mails: int) -> None:
    for _ in range(1200):
        if len(server.accepted) >= mails:
            return
        time.sleep(0.05)
    raise AssertionError("nothing was sent")


@pytest.fixture
def sending(bare: Shell, database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Shell:
    """A newsletter with many readers who are owed something, on Monday at six."""
    if "postgresql" in database_url and not (shutil.which("pg_dump") and shutil.which("pg_restore")):
        pytest.skip("PostgreSQL's client programs are not installed")
    monkeypatch.setenv("NEWSLETTER_DATABASE_URL", database_url)
    bare.ok("init")
    bare.ok("subscribers", "import", str(_roster(tmp_path)), "--confirmed", "--at", "2026-04-12T12:00")
    bare.ok("ingest", str(dumps()[0]), "--at", "2026-04-13T06:00")
    return bare


@pytest.mark.full
def test_backup_during_a_send_restored_elsewhere_mails_nobody_twice(
    sending: Shell,
    database_url: str,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    file = tmp_path / "backup.tar.gz"
    with RecordingServer(ServerRules(delay=0.1)) as server:
        for key, value in {"HOST": "127.0.0.1", "PORT": str(server.port), "SECURITY": "none"}.items():
            monkeypatch.setenv(f"NEWSLETTER_SMTP__{key}", value)
        command = [sys.executable, "-m", "newsletter", "--state-dir", str(sending.state_dir)]
        sender = subprocess.Popen(
            [*command, "send", "--json", "--at", "2026-04-13T07:00"], cwd=ROOT, stdout=subprocess.PIPE
        )
        _until(server, 60)
        sending.ok("backup", str(file))
        assert sender.poll() is None, "the backup was to be made while mails were going out"
        report = json.loads(sender.communicate(timeout=120)[0])
        assert report["sent"] == READERS  # the backup was in nobody's way
        sending.ok("audit", "--at", "2026-04-13T08:00")

        other = Shell(tmp_path / "other")
        if "postgresql" in database_url:
            refused = other("restore", str(file))
            assert (refused.code, "not empty" in refused.stderr) == (1, True)
            database_url = str(_another(request, database_url))
        else:
            database_url = f"sqlite:///{tmp_path / 'other.sqlite3'}"
        monkeypatch.setenv("NEWSLETTER_DATABASE_URL", database_url)
        restored = other.ok("restore", str(file), "--json").json
        assert 0 < restored["uncertain"] < READERS
        found = other.ok("audit", "--at", "2026-04-13T08:00", "--json").json
        assert (found["repeated"], found["missed"]) == (0, 0)
        assert other.ok("send", "--at", "2026-04-13T08:00", "--json").json["sent"] == 0
        assert Counter(server.recipients()) == {f"r{n}@readers.example": 1 for n in range(READERS)}
        # The next day's digests hold what nobody can know to have come.
        other.ok("ingest", str(dumps()[1]), "--at", "2026-04-14T06:00")
        assert other.ok("send", "--at", "2026-04-14T07:00", "--json").json["sent"] == READERS
        found = other.ok("audit", "--at", "2026-04-14T08:00", "--json").json
        assert (found["repeated"], found["missed"], found["mended"]) == (0, 0, restored["uncertain"])


def _another(request: pytest.FixtureRequest, url: str) -> str:
    """An empty database on the server of `url`."""
    import psycopg

    server, _, name = url.rpartition("/")
    with psycopg.connect(f"{server.replace('+psycopg', '')}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}_other")  # type: ignore[arg-type]

    def drop() -> None:
        with psycopg.connect(f"{server.replace('+psycopg', '')}/postgres", autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name}_other WITH (FORCE)")  # type: ignore[arg-type]

    request.addfinalizer(drop)
    return f"{url}_other"


def test_restore_of_a_stopped_newsletter_sends_what_waited(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shell.ok(
        "subscribers",
        "add",
        "ada@readers.example",
        "--topic",
        "circuits",
        "--confirmed",
        "--at",
        "2026-04-12",
    )
    shell.ok("ingest", str(dumps()[0]), "--at", "2026-04-13T06:00")
    monkeypatch.setenv("NEWSLETTER_SMTP__PORT", "1")
    shell("send", "--at", "2026-04-13T07:00")
    file = _backup(shell)
    other = Shell(tmp_path / "other")
    assert other.ok("restore", str(file), "--stopped", "--json").json["uncertain"] == 0
    with RecordingServer() as server:
        monkeypatch.setenv("NEWSLETTER_SMTP__PORT", str(server.port))
        monkeypatch.setenv("NEWSLETTER_SMTP__HOST", "127.0.0.1")
        assert other.ok("send", "--at", "2026-04-13T12:00", "--json").json["sent"] == 1
