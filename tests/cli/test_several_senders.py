"""The main job by the command line on either database, with several senders at once: every mail once."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from newsletter.samples import dumps
from tests.cli.shell import Shell
from tests.smtp_servers.recording import RecordingServer

pytestmark = pytest.mark.full

READERS = 150
TOPICS = ("circuits", "quantum", "neuromorphic", "interpretability", "everything")
LISTINGS = (
    ("dumps", "list"),
    ("papers", "list", "--topic", "circuits"),
    ("editions", "show", "1"),
    ("topics", "list"),
    ("subscribers", "list"),
    ("send", "--dry-run", "--now", "--at", "2026-04-14T09:00"),
)
ROOT = Path(__file__).parents[2]


@pytest.fixture
def ready(bare: Shell, empty_database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Shell:
    """A newsletter with many readers, on Sunday."""
    monkeypatch.setenv("NEWSLETTER_DATABASE_URL", empty_database_url)
    bare.ok("init")
    rows = [f"r{n}@readers.example,{TOPICS[n % 5]};{TOPICS[n % 3]}" for n in range(READERS)]
    roster = tmp_path / "roster.csv"
    roster.write_text("\n".join(["email,topics", *rows]), "utf-8")
    bare.ok("subscribers", "import", str(roster), "--confirmed", "--at", "2026-04-12T12:00")
    return bare


def _at_once(shell: Shell, *senders: tuple[str, ...]) -> list[int]:
    command = [sys.executable, "-m", "newsletter", "--state-dir", str(shell.state_dir), "send", "--json"]
    running = [
        subprocess.Popen([*command, *options], cwd=ROOT, stdout=subprocess.DEVNULL) for options in senders
    ]
    return [process.wait(timeout=120) for process in running]


def test_senders_at_once_mail_everybody_once(ready: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    with RecordingServer() as server:
        for key, value in {"HOST": "127.0.0.1", "PORT": str(server.port), "SECURITY": "none"}.items():
            monkeypatch.setenv(f"NEWSLETTER_SMTP__{key}", value)
        for day, dump in ((13, dumps()[0]), (14, dumps()[1])):
            ready.ok("ingest", str(dump), "--at", f"2026-04-{day}T06:00")
            at = f"2026-04-{day}T07:00"
            senders = (("--at", at), ("--at", at), ("--now", "--at", f"{at}:01"))
            assert _at_once(ready, *senders) == [0, 0, 0]
        mails: list[dict[str, Any]] = ready.ok("deliveries", "list", "--limit", "1000", "--json").json
        got = Counter(mail.recipient for mail in server.accepted)
    assert len(mails) == sum(got.values())
    assert (len(got), max(got.values())) == (READERS, 2)
    assert [edition["number"] for edition in ready.ok("editions", "list", "--json").json] == [1, 2]
    found = ready.ok("audit", "--at", "2026-04-14T08:00", "--json").json
    assert (found["subscribers"], found["deliveries"]) == (READERS, len(mails))
    assert (found["repeated"], found["missed"], found["pending"], found["findings"]) == (0, 0, {}, [])
    explained = ready.ok("why", "r0@readers.example", "--on", "2026-04-14", "--json").json
    assert (explained["mailed"], bool(explained["papers"])) == (True, True)
    for command in LISTINGS:
        assert ready.ok(*command, "--json").json
