"""Several mail servers and limits, from newsletter.toml to what `send` and `smtp check` say."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from newsletter.cli.relays import default_ehlo_name
from newsletter.ops.demo_mail_server import DemoMailServer, running_mail_server
from newsletter.samples import dumps
from tests.cli.shell import Shell


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[list[DemoMailServer]]:
    with ExitStack() as stack:
        yield [stack.enter_context(running_mail_server(tmp_path / name)) for name in ("one", "two")]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _settings(first: int, second: int, more: str = "", *, limit: str = "") -> str:
    return f"""
[smtp]
host = "127.0.0.1"
port = {first}
limit = "{limit}"
[[relays]]
host = "127.0.0.1"
port = {second}
{more}
"""


def _readers(shell: Shell, count: int) -> None:
    shell.ok("ingest", *[str(path) for path in dumps()[:1]], "--at", "2026-04-13T06:00")
    for number in range(count):
        shell.ok(
            "subscribers", "add", f"r{number}@readers.example", "--topic", "everything", "--confirmed",
            "--at", "2026-04-12T06:00",
        )  # fmt: skip


def test_smtp_check_tries_every_server(shell: Shell, servers: list[DemoMailServer]) -> None:
    shell.settings(_settings(servers[0].port, servers[1].port))
    found = shell.ok("smtp", "check", "--json").json
    assert [found["port"], *(other["port"] for other in found["others"])] == [one.port for one in servers]
    assert shell.ok("smtp", "check").stdout.endswith("2 mail servers are ready.\n")
    down = _free_port()
    shell.settings(_settings(servers[0].port, down))
    answer = shell("smtp", "check")
    assert answer.code == 3
    assert f"the mail server 127.0.0.1:{down}: Connection refused" in answer.stderr
    shell.settings(_settings(down, _free_port()))
    assert shell("smtp", "check", "--json").code == 1


def test_send_divides_the_mail_and_warns_of_a_server_that_is_down(
    shell: Shell, servers: list[DemoMailServer]
) -> None:
    shell.settings("")
    _readers(shell, 4)
    down = _free_port()
    shell.settings(_settings(down, servers[1].port))
    answer = shell.ok("send", "--at", "2026-04-13T07:00", "--json")
    assert answer.json["sent"] == 4
    assert f"Warning: the mail server 127.0.0.1:{down}" in answer.stderr


def test_send_ends_in_part_when_a_limit_is_reached(shell: Shell, servers: list[DemoMailServer]) -> None:
    shell.settings("")
    _readers(shell, 4)
    shell.settings(_settings(servers[0].port, servers[1].port, 'limit = "1/day"', limit="2/day"))
    answer = shell("send", "--at", "2026-04-13T07:00", "--json")
    assert (answer.code, answer.json["sent"]) == (3, 3)
    assert "is reached; the next mail may go at" in answer.stderr
    assert [row["state"] for row in shell.ok("deliveries", "list", "--json").json].count("queued") == 1
    shell.settings(_settings(servers[0].port, servers[1].port))
    assert shell.ok("send", "--at", "2026-04-13T07:05", "--json").json["sent"] == 1
    shell.ok("audit", "--at", "2026-04-13T08:00")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('[delivery]\nlimit = "20/week"', "delivery.limit"),
        ('[delivery.domain_limits]\n"gmail.com" = "many"', "delivery.domain_limits"),
        ('[delivery]\nlimits = "1/day"', "unknown setting delivery.limits"),
        ("[[relays]]\nport = 0", "relays"),
        ('[[relays]]\nhots = "x"', "unknown setting relays.hots"),
        ("[smtp]\nweight = -1", "smtp.weight"),
        (
            '[smtp]\nhost = "127.0.0.1"\n[[relays]]\nhost = "127.0.0.1"',
            "two mail servers are both 127.0.0.1:25",
        ),
    ],
)
def test_settings_that_make_no_sense_are_named(shell: Shell, text: str, named: str) -> None:
    shell.settings(text)
    answer = shell("smtp", "check")
    assert (answer.code, answer.stdout) == (78, "")
    assert named in answer.stderr


def test_ehlo_name_is_a_full_name_towards_other_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getfqdn", lambda: "news.example.org")
    assert default_ehlo_name("https://papers.example") == "news.example.org"
    monkeypatch.setattr(socket, "getfqdn", lambda: "localhost")
    monkeypatch.setattr(socket, "gethostname", lambda: "box")
    assert default_ehlo_name("https://papers.example/x") == "papers.example"
    assert default_ehlo_name("http://localhost:8000") == ""


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('ehlo_name = "box"', "full name of this machine"),
        ('ehlo_name = "a b.example"', "full name of this machine"),
        ('return_path = "me"', "such as me+{id}@example.org"),
        ('return_path = "me+{id}+{id}@x.example"', "such as me+{id}@example.org"),
        ('return_path = "me@{id}.example"', "such as me+{id}@example.org"),
        ('return_path = "<me@x.example>"', "such as me+{id}@example.org"),
    ],
)
def test_unusable_names_and_addresses_are_refused_by_key(shell: Shell, line: str, words: str) -> None:
    shell.settings(f"[smtp]\n{line}\n")
    answer = shell("smtp", "check")
    assert answer.code == 78
    assert f"smtp.{line.partition(' ')[0]}" in answer.stderr
    assert words in answer.stderr
