"""Whole days on the command line: sample dumps in, mail out over real SMTP, nothing twice, nothing missed."""

from __future__ import annotations

import email
import email.policy
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from newsletter.ops.demo_mail_server import DemoMailServer, running_mail_server
from newsletter.samples import dumps
from tests.cli.shell import Shell

MONDAY, TUESDAY = (str(dump) for dump in dumps()[:2])
ADA = "ada@readers.example"


@pytest.fixture
def mail(tmp_path: Path) -> Iterator[DemoMailServer]:
    with running_mail_server(tmp_path / "mail") as server:
        yield server


@pytest.fixture
def ready(shell: Shell) -> Shell:
    """A newsletter with one reader of circuits and one dump, on Monday at six."""
    shell.ok("subscribers", "add", ADA, "--topic", "circuits", "--confirmed", "--at", "2026-04-13T05:00")
    shell.ok("ingest", MONDAY, "--at", "2026-04-13T06:00")
    return shell


def _relay(shell: Shell, monkeypatch: pytest.MonkeyPatch, port: int, **more: str) -> None:
    settings = {"SMTP__HOST": "127.0.0.1", "SMTP__PORT": str(port), "SMTP__SECURITY": "none", **more}
    for key, value in settings.items():
        monkeypatch.setenv(f"NEWSLETTER_{key}", value)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _mails(server: DemoMailServer, address: str) -> list[Any]:
    folder = server.maildir(address) / "new"
    if not folder.exists():
        return []
    parsed = [
        email.message_from_bytes(file.read_bytes(), policy=email.policy.default) for file in folder.iterdir()
    ]
    return sorted(parsed, key=lambda message: message["Date"].datetime)


def test_two_days_bring_two_digests_and_the_audit_is_clean(
    ready: Shell, mail: DemoMailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    _relay(ready, monkeypatch, mail.port)
    first = ready.ok("send", "--at", "2026-04-13T07:00", "--json").json
    assert {key: first[key] for key in ("edition", "due", "composed", "sent", "deferred", "failed")} == {
        "edition": 1,
        "due": 1,
        "composed": 1,
        "sent": 1,
        "deferred": 0,
        "failed": 0,
    }
    again = ready.ok("send", "--at", "2026-04-13T08:00", "--json").json
    assert (again["composed"], again["sent"]) == (0, 0)
    ready.ok("ingest", TUESDAY, "--at", "2026-04-14T06:00")
    ready.ok("send", "--at", "2026-04-14T07:00")
    listed = ready.ok("deliveries", "list", "--json").json
    given = [paper["id"] for delivery in listed for paper in delivery["papers"]]
    assert len(listed) == len(_mails(mail, ADA)) == 2
    assert len(given) == len(set(given))
    owed = ready.ok("papers", "list", "--topic", "circuits", "--json").json
    assert set(given) == {paper["id"] for paper in owed}
    audit = ready.ok("audit", "--at", "2026-04-14T08:00", "--json").json
    assert (audit["subscribers"], audit["deliveries"], audit["repeated"], audit["missed"]) == (1, 2, 0, 0)


def test_preview_is_the_mail_that_is_sent(
    ready: Shell, mail: DemoMailServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _relay(ready, monkeypatch, mail.port)
    ready.ok("preview", ADA, "--at", "2026-04-13T07:00", "--format", "html", "--out", str(tmp_path / "page"))
    assert ready.ok("deliveries", "list", "--json").json == []
    ready.ok("send", "--at", "2026-04-13T07:00")
    (sent,) = _mails(mail, ADA)
    html = sent.get_body(("html",)).get_content()
    # Only what is made of the digest's number in the ledger may differ: the link to it on the web.
    assert _without_tokens((tmp_path / "page").read_text("utf-8")) == _without_tokens(html)


def _without_tokens(page: str) -> str:
    return re.sub(r"(/digests/|/preferences/)[^\"#\s<]+", r"\1…", page).replace("\r\n", "\n")


def test_dry_run_stores_and_sends_nothing(ready: Shell) -> None:
    report = ready.ok("send", "--dry-run", "--at", "2026-04-13T07:00", "--json").json
    assert (report["composed"], report["dry_run"]) == (1, True)
    assert ready.ok("editions", "list", "--json").json == []
    assert ready.ok("deliveries", "list", "--json").json == []


def test_server_that_is_down_loses_nothing(
    ready: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _relay(ready, monkeypatch, _free_port())
    answer = ready("send", "--at", "2026-04-13T07:00", "--json")
    assert answer.code in (1, 3)
    assert answer.json["sent"] == 0
    assert "refused" in answer.stderr
    with running_mail_server(tmp_path / "mail") as server:
        _relay(ready, monkeypatch, server.port)
        assert ready.ok("send", "--at", "2026-04-13T07:30", "--json").json["sent"] == 1
        assert len(_mails(server, ADA)) == 1
    ready.ok("audit", "--at", "2026-04-13T08:00")


def test_refused_login_is_reported_and_loses_nothing(ready: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    class Refusing:
        def __call__(self, *_: Any) -> AuthResult:
            return AuthResult(success=False, handled=False)

    controller = Controller(
        object(), hostname="127.0.0.1", port=_free_port(), authenticator=Refusing(), auth_require_tls=False
    )
    controller.start()
    try:
        _relay(ready, monkeypatch, controller.port, SMTP__USERNAME="papers", SMTP__PASSWORD="hush")
        check = ready("smtp", "check")
        answer = ready("send", "--at", "2026-04-13T07:00", "--json")
    finally:
        controller.stop()
    assert check.code == 1
    assert answer.code in (1, 3)
    for printed in (check, answer):
        assert "smtp.username" in printed.stderr
        assert "hush" not in printed.stdout + printed.stderr
    assert [row["state"] for row in ready.ok("deliveries", "list", "--json").json] == ["queued"]


def test_smtp_check_names_what_it_found(
    shell: Shell, mail: DemoMailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    _relay(shell, monkeypatch, mail.port)
    found = shell.ok("smtp", "check", "--json").json
    assert (found["host"], found["port"], found["encrypted"], found["logged_in"]) == (
        "127.0.0.1",
        mail.port,
        "",
        False,
    )


def test_relay_beyond_this_machine_needs_a_sender_of_ones_own(
    ready: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEWSLETTER_SMTP__HOST", "mx.example")
    answer = ready("send", "--at", "2026-04-13T07:00")
    assert (answer.code, answer.stdout) == (78, "")
    assert "sender is not set" in answer.stderr
    assert ready.ok("editions", "list", "--json").json == [], "refused before anything was published"


@pytest.mark.parametrize("address", [ADA, "stranger@readers.example"])
def test_test_mail_is_outside_the_ledger(
    ready: Shell, mail: DemoMailServer, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    _relay(ready, monkeypatch, mail.port)
    ready.ok("send", "--at", "2026-04-13T07:00")
    before = ready.ok("deliveries", "list", "--json").json
    report = ready.ok("send", "--test", address, "--at", "2026-04-13T09:00", "--json").json
    assert (report["test"], report["sent"]) == (address, 1)
    assert ready.ok("deliveries", "list", "--json").json == before
    ledger = {row["message_id"] for row in before}
    (sample,) = [each for each in _mails(mail, address) if each["Message-ID"] not in ledger]
    assert sample.defects == []


def test_newcomer_gets_only_new_papers_and_is_told_the_number_of_older_ones(
    ready: Shell, mail: DemoMailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    _relay(ready, monkeypatch, mail.port)
    ready.ok("send", "--at", "2026-04-13T07:00")
    added = ready.ok(
        "subscribers", "add", "kay@readers.example", "--topic", "everything", "--confirmed", "--json",
        "--at", "2026-04-13T12:00",
    ).json  # fmt: skip
    assert (added["welcomed"], added["could_have_had_count"]) == (0, 10)
    ready.ok("ingest", TUESDAY, "--at", "2026-04-14T06:00")
    ready.ok("send", "--at", "2026-04-14T07:00")
    (delivery,) = ready.ok("deliveries", "list", "--address", "kay@readers.example", "--json").json
    new = ready.ok("papers", "list", "--edition", "2", "--json").json
    assert {paper["id"] for paper in delivery["papers"]} == {paper["id"] for paper in new}


def test_why_explains_a_day_with_mail_and_one_without(
    ready: Shell, mail: DemoMailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    _relay(ready, monkeypatch, mail.port)
    ready.ok("send", "--at", "2026-04-13T07:00")
    day = ready.ok("why", ADA, "--on", "2026-04-13", "--at", "2026-04-13T12:00", "--json").json
    other = ready.ok("why", ADA, "--on", "2026-04-14", "--at", "2026-04-14T12:00", "--json").json
    assert (day["mailed"], bool(day["papers"])) == (True, True)
    assert (other["mailed"], other["papers"], bool(other["reason"])) == (False, [], True)


def test_why_cuts_no_title_in_a_pipe(ready: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "70")
    ready.ok("editions", "publish", "--at", "2026-04-13T06:10")
    printed = ready.ok("why", ADA, "--on", "2026-04-13", "--at", "2026-04-13T06:30").stdout
    _, heading, _, *rows = printed.splitlines()
    assert heading == "Papers:"
    titles = [paper["title"] for paper in ready.ok("papers", "list", "--edition", "1", "--json").json]
    assert max(map(len, titles)) > 70
    assert all(any(title in row for title in titles) for row in rows)
    assert {row.split("  ")[-1].strip() for row in rows} == {"it waits for the slot"}


DOUBTFUL = """Daily Papers

byAK and the research community

Apr 14

Pruning by Activations

We look at activations and hidden states of a language model to decide what to prune. \
We propose a score for each neuron and show results on four benchmarks.

  • 2 authors
·
Apr 10
"""


def test_doubtful_papers_are_separate_from_those_that_were_owed(
    shell: Shell, mail: DemoMailServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _relay(shell, monkeypatch, mail.port)
    chosen = ("--topic", "interpretability", "--maybe", "--confirmed", "--at", "2026-04-13T12:00")
    shell.ok("subscribers", "add", ADA, *chosen)
    (tmp_path / "2026-04-14-doubtful.txt").write_text(DOUBTFUL, "utf-8")
    shell.ok("ingest", TUESDAY, str(tmp_path / "2026-04-14-doubtful.txt"), "--at", "2026-04-14T06:00")
    shell.ok("send", "--at", "2026-04-14T07:00")
    doubted = {"id": 11, "title": "Pruning by Activations", "topic": "interpretability"}
    answer = shell.ok("why", ADA, "--on", "2026-04-14", "--json").json
    assert answer["maybe"] == [doubted | {"evidence": ["Activations", "neuron", "hidden"]}]
    reasons = {paper["title"]: paper["evidence"][:2] for paper in answer["papers"]}
    wild = "Interpretability in the Wild: a Circuit for Indirect Object Identification in GPT-2 small"
    assert reasons[wild] == ["Indirect Object Identification", "Circuit"]
    assert doubted["title"] not in [left["title"] for left in answer["left_out"]]
    printed = shell.ok("why", ADA, "--on", "2026-04-14").stdout
    assert "At its end, only perhaps of their topics:" in printed
    assert "Activations, neuron, hidden" in printed
    delivery = shell.ok("deliveries", "show", str(answer["deliveries"][0]), "--json").json
    assert delivery["maybe"] == [doubted]
    assert [held["title"] for held in delivery["papers"]] == list(reasons)
    printed = shell.ok("deliveries", "show", str(answer["deliveries"][0])).stdout
    assert "At its end, only perhaps of their topics:" in printed


def test_edition_is_held_checked_and_released(
    ready: Shell, mail: DemoMailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    _relay(ready, monkeypatch, mail.port)
    (edition,) = ready.ok("editions", "publish", "--at", "2026-04-13T06:10", "--json").json
    number = str(edition["number"])
    ready.ok("editions", "hold", number)
    ready.ok("editions", "note", number, "A word from the editors.")
    assert ready.ok("send", "--at", "2026-04-13T07:00", "--json").json["sent"] == 0
    ready.ok("editions", "release", number, "--at", "2026-04-13T07:10")
    assert ready.ok("send", "--now", "--at", "2026-04-13T07:20", "--json").json["sent"] == 1
    (sent,) = _mails(mail, ADA)
    assert "A word from the editors." in sent.get_body(("plain",)).get_content()
    ready.ok("audit", "--at", "2026-04-13T08:00")


def test_roster_comes_back_as_it_went(shell: Shell, tmp_path: Path) -> None:
    roster = tmp_path / "roster.csv"
    roster.write_text("email,topics,hour\nada@readers.example,circuits;quantum,8\nnonsense,circuits,7\n")
    answer = shell("subscribers", "import", str(roster), "--confirmed", "--json")
    assert answer.code == 3
    assert (answer.json["added"], [row["row"] for row in answer.json["refused"]]) == (1, [3])
    shell.ok("subscribers", "export", str(tmp_path / "out.csv"))
    before = shell.ok("subscribers", "list", "--json").json
    again = shell.ok("subscribers", "import", str(tmp_path / "out.csv"), "--confirmed", "--json").json
    assert (again["added"], again["updated"], again["unchanged"]) == (0, 0, 1)
    assert shell.ok("subscribers", "list", "--json").json == before


def test_classify_answers_line_for_line(bare: Shell) -> None:
    lines = (
        '{"id": 1, "title": "Spiking neural networks", "abstract": ""}\nnonsense\n{"id": 2, "title": "Tea"}\n'
    )
    answer = bare("topics", "classify", "-", stdin=lines)
    assert answer.code == 3
    rows = [json.loads(line) for line in answer.stdout.splitlines()]
    assert [(row["id"], row["topics"]) for row in rows] == [(1, ["neuromorphic"]), (None, []), (2, [])]
    assert not bare.state_dir.exists(), "classifying needs no newsletter"


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_classify_prints_ids_that_no_encoding_has(bare: Shell, encoding: str) -> None:
    line = '{"id": "\\ud800é", "title": "Spiking \\udfff neural networks", "abstract": "\\u0000<b>\\ud83d"}\n'
    done = subprocess.run(
        [sys.executable, "-m", "newsletter", "--state-dir", str(bare.state_dir), "topics", "classify"],
        input=line.encode(),
        capture_output=True,
        env=os.environ | {"PYTHONIOENCODING": encoding},
        check=True,
        timeout=60,
    )
    assert json.loads(done.stdout)["id"] == "\ud800é"
    assert done.stderr == b""
