"""`newsletter bounces ingest`, `list` and `show`, and where else what came back is seen. A real server."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from newsletter.db.engine import DEFAULT_FILE
from newsletter.samples import dumps
from tests.cli.shell import Shell
from tests.pipeline.inbound.reports import bounce, complaint, letter
from tests.smtp_servers.recording import AcceptedMail, RecordingServer

READERS = ("ada@readers.example", "bob@readers.example", "eve@readers.example")


@pytest.fixture
def server() -> Iterator[RecordingServer]:
    with RecordingServer() as running:
        yield running


@pytest.fixture
def sent(shell: Shell, server: RecordingServer) -> dict[str, AcceptedMail]:
    """A digest to each reader."""
    shell.settings(
        f'[smtp]\nhost = "127.0.0.1"\nport = {server.port}\nsecurity = "none"\n'
        '[inbound]\naddress = "bounce@papers.example"\n'
    )
    for address in READERS:
        shell.ok(
            *("subscribers", "add", address, "--topic", "everything", "--confirmed"),
            *("--at", "2026-04-12T18:00"),
        )
    shell.ok("ingest", str(dumps()[0]), "--at", "2026-04-13T05:00")
    shell.ok("send", "--at", "2026-04-13T07:00")
    return {mail.recipient: mail for mail in server.accepted}


def _ingest(shell: Shell, *arguments: str, stdin: bytes | None = None) -> list[dict[str, object]]:
    found = shell.ok("bounces", "ingest", *arguments, "--at", "2026-04-13T09:00", "--json", stdin=stdin).json
    assert isinstance(found, list)
    return found


def test_what_came_back_is_seen_everywhere(shell: Shell, sent: dict[str, AcceptedMail]) -> None:
    ada, bob, eve = (sent[address] for address in READERS)
    assert ada.sender.startswith("bounce+")
    assert ada.sender.endswith("@papers.example")
    assert b"<mailto:bounce+leave-" in ada.data
    (one,) = _ingest(shell, "-", "--recipient", ada.sender, stdin=bounce(ada))
    assert (one["file"], one["class"], one["done"], one["repeated"]) == ("-", "bounce", "suppressed", False)
    (again,) = _ingest(shell, "-", "--recipient", ada.sender, stdin=bounce(ada))
    assert (again["id"], again["repeated"]) == (one["id"], True)
    _ingest(shell, "-", stdin=bounce(bob, "4.2.2", "452 4.2.2 mailbox full"))
    _ingest(shell, "-", stdin=complaint(eve))
    _ingest(shell, "-", stdin=b"not mail")
    listed = shell.ok("bounces", "list", "--json").json
    assert [(row["class"], row["done"]) for row in listed] == [
        ("other", "look"),
        ("complaint", "suppressed"),
        ("bounce", "strike"),
        ("bounce", "suppressed"),
    ]
    assert [one["address"] for row in listed for one in row["recipients"]] == [
        None,
        READERS[2],
        READERS[1],
        READERS[0],
    ]
    assert len(shell.ok("bounces", "list", "--class", "complaint", "--json").json) == 1
    shown = shell.ok("bounces", "show", str(one["id"])).stdout
    assert "5.1.1" in shown
    assert "Undelivered Mail" in shown
    assert shell.ok("bounces", "show", str(one["id"]), "--raw").stdout.startswith("From: MAILER-DAEMON")
    history = shell.ok("subscribers", "history", READERS[1], "--json").json
    assert [event["detail"]["done"] for event in history if event["what"] == "bounce"] == ["strike"]
    why = shell.ok("why", READERS[1], "--on", "2026-04-13", "--json").json
    assert why["mailed"] is False
    assert "came back on" in why["reason"]
    assert "once more" in why["reason"]
    stats = shell.ok("stats", "--at", "2026-04-13T10:00", "--json").json["came_back"]
    assert stats == {
        "classes": {"bounce": 2, "complaint": 1, "other": 1},
        "reasons": {"full": 1, "unknown-mailbox": 1},
        "domains": {"readers.example": 2},
    }
    assert "Came back, by reason: full 1" in shell.ok("stats", "--at", "2026-04-13T10:00").stdout
    audit = shell("audit", "--at", "2026-04-13T10:00", "--json")
    assert (audit.json["missed"], audit.json["repeated"]) == (0, 0)
    watch = shell("watch", "--at", "2026-04-13T10:00")
    words = " ".join(watch.stdout.split())
    assert "Readers complain: 1 complaint about 1 message in 7 days (100.00 %)" in words


def test_files_of_every_kind(shell: Shell, sent: dict[str, AcceptedMail], tmp_path: Path) -> None:
    ada, bob, eve = (sent[address] for address in READERS)
    box = tmp_path / "all.mbox"
    box.write_bytes(
        b"".join(
            b"From MAILER-DAEMON Mon Apr 13 09:00:00 2026\n" + data.replace(b"\r\n", b"\n") + b"\n"
            for data in (bounce(ada), b"Subject: x\n\n>From the beginning\n", bounce(bob))
        )
    )
    assert [(row["file"].removeprefix(f"{tmp_path}/"), row["done"]) for row in _ingest(shell, str(box))] == [
        ("all.mbox", "suppressed"),
        ("all.mbox", "look"),
        ("all.mbox", "suppressed"),
    ]
    maildir = tmp_path / "Maildir"
    for name in ("new", "cur", "tmp"):
        (maildir / name).mkdir(parents=True)
    (maildir / "tmp" / "1").write_bytes(b"half a mess")
    leave = letter(READERS[2], eve.sender.replace("bounce+", "bounce+leave-"), "unsubscribe")
    (maildir / "new" / "2").write_bytes(leave)
    (maildir / "cur" / "3:2,S").write_bytes(leave + b" ")
    assert [row["done"] for row in _ingest(shell, str(maildir))] == ["left", "nothing"]
    answer = shell("bounces", "ingest", str(box), str(tmp_path / "nowhere"))
    assert answer.code == 3
    assert "nowhere cannot be opened" in answer.stderr


@pytest.mark.parametrize("data", [b"", b"\0" * 100, b"From x\n", b"\xff\xfe" * 50, b"Subject: hi\n\nyou\n"])
def test_what_cannot_be_read_is_kept_and_is_no_failure(shell: Shell, data: bytes) -> None:
    (row,) = _ingest(shell, "-", stdin=data)
    assert row["done"] == "look"
    assert len(shell.ok("bounces", "list", "--done", "look", "--json").json) == 1


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(("list", "--class", "spam"), 2), (("list", "--done", "gone"), 2), (("show", "999"), 1)],
)
def test_what_there_is_not(shell: Shell, arguments: tuple[str, ...], code: int) -> None:
    answer = shell("bounces", *arguments)
    assert (answer.code, answer.stdout) == (code, "")


def test_a_busy_database_asks_the_mail_server_to_try_again(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("newsletter.db.engine.BUSY_TIMEOUT", 100)
    with closing(sqlite3.connect(shell.state_dir / DEFAULT_FILE)) as other:
        other.execute("BEGIN IMMEDIATE")
        answer = shell("bounces", "ingest", "-", stdin=b"Subject: x\n\n")
        assert answer.code == 75
        assert "locked" in answer.stderr
        other.rollback()
    assert shell.ok("bounces", "list", "--json").json == []


@pytest.mark.full
def test_as_a_pipe_of_a_mail_server(shell: Shell, sent: dict[str, AcceptedMail]) -> None:
    ada = sent[READERS[0]]
    command = [sys.executable, "-m", "newsletter", "--state-dir", str(shell.state_dir)]
    command += ["bounces", "ingest", "-", "--recipient", ada.sender, "--sender", ""]
    done = subprocess.run(
        [*command, "--at", "2026-04-13T09:00"], input=bounce(ada), capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert shell.ok("subscribers", "show", ada.recipient, "--json").json["state"] == "suppressed"


def test_erasing_a_reader_erases_what_came_back(shell: Shell, sent: dict[str, AcceptedMail]) -> None:
    ada = sent[READERS[0]]
    (row,) = _ingest(shell, "-", stdin=bounce(ada))
    shell.ok("subscribers", "forget", ada.recipient)
    shown = shell.ok("bounces", "show", str(row["id"]), "--json").json
    assert shown["text"] is None
    assert "ada@" not in str(shown)
    assert b"ada@readers" not in (shell.state_dir / DEFAULT_FILE).read_bytes()


def test_erasing_reaches_what_could_not_be_assigned(shell: Shell, sent: dict[str, AcceptedMail]) -> None:
    (row,) = _ingest(shell, "-", stdin=letter(READERS[0], "bounce@papers.example", "unsubscribe"))
    (bad,) = _ingest(shell, "-", stdin=bounce(sent[READERS[0]], to="bounce@papers.example", return_path=""))
    assert (row["done"], bad["done"]) == ("look", "look")
    shell.ok("subscribers", "forget", READERS[0])
    for message in (row, bad):
        assert shell.ok("bounces", "show", str(message["id"]), "--json").json["text"] is None
    assert b"ada@readers" not in (shell.state_dir / DEFAULT_FILE).read_bytes()


@pytest.mark.parametrize("data", [b"Subject: hi\n\nyou\n", b"From x\n", b"\0" * 100])
def test_show_says_once_what_was_done_with_a_message_that_names_nobody(shell: Shell, data: bytes) -> None:
    (row,) = _ingest(shell, "-", stdin=data)
    told = shell.ok("bounces", "show", str(row["id"])).stdout.splitlines()
    assert [line.split()[0] for line in told if line.startswith(("done", "why"))] == ["done", "why"]
    assert "2026-04-13 09:00 UTC" in shell.ok("bounces", "list").stdout


@pytest.mark.parametrize("verb", ["release", "drop"])
def test_nothing_is_held(shell: Shell, verb: str) -> None:
    assert shell.ok("bounces", verb, "--json").json == {"suppressed": 0, "dropped": 0}
    assert shell.ok("bounces", verb).stdout == "0 suppressed, 0 let be.\n"
