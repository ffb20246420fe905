"""`subscribers add` without consent asks by mail; `subscribers link` prints a reader's own links."""

from __future__ import annotations

import re
import socket
from pathlib import Path

import pytest

from tests.cli.shell import Shell
from tests.smtp_servers.recording import RecordingServer


def through(shell: Shell, port: int) -> None:
    shell.settings(f'base_url = "http://localhost:8000"\n[smtp]\nhost = "127.0.0.1"\nport = {port}\n')


def test_a_reader_without_consent_is_asked_at_once_and_again_when_added_again(shell: Shell) -> None:
    with RecordingServer() as server:
        through(shell, server.port)
        for _ in range(2):
            answer = shell.ok("subscribers", "add", "ada@example.org", "--topic", "circuits")
            assert "Asked by mail to confirm" in answer.stderr
        shell.ok("subscribers", "add", "grace@example.org", "--topic", "circuits", "--confirmed")
    assert [mail.recipient for mail in server.accepted] == ["ada@example.org"] * 2
    assert b"/confirm/" in server.accepted[0].data


def test_a_mail_server_that_is_down_only_delays_the_question(shell: Shell) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        through(shell, unused.getsockname()[1])
        answer = shell.ok("subscribers", "add", "ada@example.org", "--topic", "circuits", "--json")
    assert (answer.json["state"], answer.json["asked"]) == ("pending", True)
    with RecordingServer() as server:
        through(shell, server.port)
        shell.ok("send")
    assert [mail.recipient for mail in server.accepted] == ["ada@example.org"]


def test_readers_of_a_roster_are_asked_once_and_only_by_the_command(shell: Shell, tmp_path: Path) -> None:
    roster = tmp_path / "roster.csv"
    roster.write_text("email,topics\n" + "".join(f"r{n}@example.org,quantum\n" for n in range(3)), "utf-8")
    with RecordingServer() as server:
        through(shell, server.port)
        shell.ok("subscribers", "import", str(roster))
        shell.ok("send")
        assert server.accepted == []
        assert shell.ok("subscribers", "ask", "--json").json == {"asked": 3}
        shell.ok("send")
        assert sorted(mail.recipient for mail in server.accepted) == [f"r{n}@example.org" for n in range(3)]
        assert shell.ok("subscribers", "ask", "--json").json == {"asked": 0}
    whats = [event["what"] for event in shell.ok("subscribers", "history", "r0@example.org", "--json").json]
    assert whats == ["requested", "requested"]


@pytest.mark.parametrize(
    ("zone", "offered"),
    [
        ("GMT+2", "Europe/Athens"),
        ("PST", "America/Los_Angeles"),
        ("W. Europe Standard Time", "Europe/Berlin"),
        ("localtime", "such as Europe/Berlin"),
    ],
)
def test_zone_that_is_none_is_refused_with_near_ones(shell: Shell, zone: str, offered: str) -> None:
    answer = shell("subscribers", "add", "ada@example.org", "--timezone", zone, "--confirmed")
    assert (answer.code, offered in answer.stderr, "Etc/" in answer.stderr) == (2, True, False)


def test_links_are_those_of_the_reader(shell: Shell) -> None:
    shell.ok("subscribers", "add", "ada@example.org", "--topic", "circuits", "--confirmed")
    links = shell.ok("subscribers", "link", "ADA@example.org", "--json").json
    assert set(links) == {"address", "state", "preferences_url", "unsubscribe_url"}
    assert re.fullmatch(r"http://localhost:8000/preferences/[\w.-]+", links["preferences_url"])
    assert re.fullmatch(r"http://localhost:8000/u/[\w-]{22}", links["unsubscribe_url"])
    shell.ok("subscribers", "suppress", "ada@example.org")
    answer = shell("subscribers", "link", "ada@example.org")
    assert (answer.code, "ada@example.org is suppressed" in answer.stderr) == (1, True)
