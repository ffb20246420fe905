"""`doctor`: every check by the command line, with a mail server, a DNS server and pages on real sockets."""

from __future__ import annotations

import http.server
import json
import os
import socket
import sqlite3
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme

from newsletter import __version__
from newsletter.delivery.outbox.sender_locks import owning
from newsletter.ops.doctor import machine
from newsletter.ops.doctor.finding import Status
from newsletter.samples import dumps
from newsletter.scheduler.leader_lock import LOCK, LeaderLock
from tests.cli.shell import Shell
from tests.name_server import NameServer, Zone, quoted
from tests.smtp_servers.recording import RecordingServer

MACHINE = {"clock"}  # what depends on who runs the test


def _ask(shell: Shell, *options: str, code: int = 0) -> dict[str, list[dict[str, str]]]:
    answer = shell("doctor", "--json", *options)
    assert answer.code == code, answer.stdout + answer.stderr
    found: dict[str, list[dict[str, str]]] = {}
    for finding in answer.json["checks"]:
        assert bool(finding["hint"]) == (finding["status"] in ("failed", "warning"))
        found.setdefault(finding["check"], []).append(finding)
    return found


def _bad(found: dict[str, list[dict[str, str]]]) -> dict[str, tuple[str, str]]:
    return {
        check: (finding["status"], finding["words"])
        for check, findings in found.items()
        for finding in findings
        if finding["status"] != "ok" and check not in MACHINE
    }


OFFLINE = dict.fromkeys(("mail server", "return path", "DNS", "web pages"), ("skipped", "--offline"))


def test_new_newsletter_is_well_but_nothing_runs_it(shell: Shell) -> None:
    assert _bad(_ask(shell, "--offline")) == {
        **OFFLINE,
        "scheduler": ("warning", "nothing has ever been sent"),
    }


def test_doctor_prints_a_line_for_each_check_and_how_to_mend_it(shell: Shell) -> None:
    (shell.state_dir / "credentials/secret_key").chmod(0o644)
    answer = shell("doctor", "--offline")
    assert answer.code == 1
    lines = answer.stdout.splitlines()
    file = shell.state_dir / "credentials/secret_key"
    assert f"failed   secrets: others on this machine may read {file} -> chmod 600 {file}" in lines
    assert {line.split()[0] for line in lines} <= {"ok", "warning", "failed", "skipped"}
    assert answer.stderr.strip() == f"{len(lines)} checks: 1 failed, {_warnings(lines)} warnings."


def _warnings(lines: list[str]) -> int:
    return sum(line.startswith("warning") for line in lines)


def test_canaries_that_are_no_readers_are_named_and_fail_nothing(shell: Shell) -> None:
    shell.ok("subscribers", "add", "ada@example.org", "--topic", "quantum", "--confirmed")
    shell.ok("subscribers", "add", "bob@example.org", "--topic", "quantum")
    addresses = ["Ada@example.org", "bob@example.org", "eve@example.org"]
    shell.settings(f"[review]\ncanaries = {json.dumps(addresses)}\n")
    found = _ask(shell, "--offline")["canaries"]
    assert [(finding["status"], finding["words"]) for finding in found] == [
        ("warning", "bob@example.org is pending and gets no edition"),
        ("warning", "eve@example.org is no subscriber and gets no edition"),
    ]
    shell.settings('[review]\ncanaries = ["ada@example.org"]\n')
    (finding,) = _ask(shell, "--offline")["canaries"]
    assert (finding["status"], finding["words"]) == ("ok", "1 get editions first")


def test_running_scheduler_is_seen(shell: Shell) -> None:
    leader = LeaderLock(shell.state_dir / "locks")
    assert leader.acquire()
    assert _bad(_ask(shell, "--offline")) == OFFLINE
    leader.release()
    assert (shell.state_dir / "locks" / LOCK).exists()
    assert "scheduler" in _bad(_ask(shell, "--offline"))


def _change(shell: Shell, statement: str) -> None:
    with sqlite3.connect(shell.state_dir / "newsletter.sqlite3") as connection:
        connection.execute(statement)
    connection.close()


@pytest.fixture
def waiting(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """A mail that waits since Monday at seven, as no mail server is there."""
    monkeypatch.setenv("NEWSLETTER_SMTP__PORT", "1")
    shell.ok(
        "subscribers", "add", "a@readers.example", "--topic", "circuits", "--confirmed", "--at", "2026-04-12"
    )
    shell.ok("ingest", str(dumps()[0]), "--at", "2026-04-13T06:00")
    shell("send", "--at", "2026-04-13T07:00")
    return shell


def test_mail_that_waits_for_long_fails(waiting: Shell) -> None:
    soon = _bad(_ask(waiting, "--offline", "--at", "2026-04-13T07:30"))
    assert soon == OFFLINE
    found = _bad(_ask(waiting, "--offline", "--at", "2027-04-13T12:00", code=1))
    assert found["outbox"] == ("failed", "1 mails wait, the oldest since 2026-04-13 07:00 UTC")
    assert found["scheduler"] == ("warning", "nothing has run since 2026-04-13 07:00 UTC")


def test_clock_behind_the_database_fails(waiting: Shell) -> None:
    status, words = _bad(_ask(waiting, "--offline", "--at", "2026-04-12T07:00", code=1))["clock and database"]
    assert (status, "still to come" in words) == ("failed", True)


def test_held_dump_edition_and_requests_are_reported(shell: Shell) -> None:
    columns = "kind, at, address, name, topics, given, origin, failed"
    for at, failed in (("2026-01-01 00:00:00", "NULL"), ("2026-01-01 00:00:00", "'odd'")):
        _change(
            shell,
            f"INSERT INTO signup_requests ({columns}) "
            f"VALUES ('sign-up', '{at}', 'a@b.example', '', '[]', '{{}}', '{{}}', {failed})",
        )
    shell.ok("ingest", str(dumps()[0]))
    shell.ok("editions", "publish")
    shell.ok("editions", "hold", "1")
    _change(shell, "UPDATE dumps SET status = 'held', error = 'too much was not read'")
    found = _bad(_ask(shell, "--offline", code=1))
    assert found["sign-ups"] == ("failed", "1 requests wait, the oldest since 2026-01-01 00:00 UTC")
    assert found["held dump"] == ("warning", f"{dumps()[0].name} is held: too much was not read")
    words = "edition 1 is held, and nothing of it goes out until it is released"
    assert found["held edition"] == ("warning", words)
    _change(shell, "DELETE FROM signup_requests WHERE failed IS NULL")
    assert _bad(_ask(shell, "--offline"))["sign-ups"] == ("warning", "1 requests could not be answered")


def test_stuck_files_are_reported(shell: Shell) -> None:
    inbox = shell.state_dir / "inbox"
    (inbox / "folder").mkdir()
    (inbox / "empty.txt").touch()
    (inbox / "nowhere.txt").symlink_to("gone.txt")
    (inbox / "fine.txt").write_text("Daily Papers")
    (inbox / "half.txt.part").write_text("Daily")
    (inbox / ".hidden").touch()
    (inbox / "refused").mkdir()
    (inbox / "refused" / b"r\xe9sum\xe9\n.txt".decode("utf-8", "surrogateescape")).write_text("Dear all")
    soon = ("--at", (datetime.now(UTC) + timedelta(minutes=30)).isoformat(timespec="seconds"))
    later = ("--at", (datetime.now(UTC) + timedelta(hours=2)).isoformat(timespec="seconds"))
    refused = "r\ufffdsum\ufffd?.txt was refused, and lies in inbox/refused/"
    lies = "lies in the inbox and is not taken"
    words = [
        f"empty.txt {lies}: the file is empty",
        f"fine.txt {lies}",
        f"folder {lies}: a folder; put the files themselves here",
        f"half.txt.part {lies}: its name says that it is still written",
        f"nowhere.txt {lies}: a link; put the file itself here",
        refused,
    ]
    assert [finding["words"] for finding in _ask(shell, "--offline", *soon)["inbox"]] == [refused]
    found = _ask(shell, "--offline", *later)["inbox"]
    assert [(finding["status"], finding["words"]) for finding in found] == [
        ("warning", message) for message in words
    ]
    watched = shell("watch", "--quietly", "--json", *later)
    assert watched.code == 1
    assert [alarm["what"] for alarm in watched.json if alarm["alarm"]] == words
    for left in [*inbox.glob("*.*"), *(inbox / "refused").iterdir()]:
        left.unlink()
    (inbox / "folder").rmdir()
    assert shell.ok("watch", "--quietly", *later).stdout.strip() == "Nothing is wrong."


def test_damaged_and_newer_databases_fail(shell: Shell) -> None:
    _change(shell, "UPDATE alembic_version SET version_num = '9999'")
    _change(shell, "UPDATE schema_readers SET oldest = '9999'")
    status, words = _bad(_ask(shell, "--offline", code=1))["database"]
    assert (status, "newer version" in words) == ("failed", True)


def test_row_that_refers_to_nothing_fails(shell: Shell) -> None:
    _change(shell, "INSERT INTO subscriptions (subscriber_id, topic) VALUES (7, 'circuits')")
    assert _bad(_ask(shell, "--offline", code=1))["database"][1].startswith("1 rows refer to nothing")


def test_broken_template_and_old_or_open_keys_fail(shell: Shell) -> None:
    shell.ok("dkim", "keygen")
    shell.settings('sender = "P <p@example.org>"\n[[dkim]]\nselector = "newsletter-rsa"\n')
    key = shell.state_dir / "dkim/newsletter-rsa.pem"
    os.utime(key, (1_600_000_000, 1_600_000_000))
    key.chmod(0o640)
    own = shell.state_dir / "templates/email/digest"
    own.mkdir(parents=True)
    (own / "layout.html.j2").write_text("{{ nothing }}", "utf-8")
    found = _bad(_ask(shell, "--offline", code=1))
    assert found["key age"][0] == "warning"
    assert found["secrets"] == ("failed", f"others on this machine may read {key}")
    assert found["templates"][0] == "failed"


def test_bad_settings_are_exit_78_here_as_anywhere(shell: Shell) -> None:
    shell.settings("sendr = 1\n")
    assert shell("doctor", "--offline").code == 78


def test_clock_without_ntp_is_a_warning() -> None:
    statuses = [machine.clock(kept=kept, zone_words="now").status for kept in (True, False, None)]
    assert statuses == [Status.OK, Status.WARNING, Status.OK]


def test_disk_that_is_full_or_small_is_reported(tmp_path: Path) -> None:
    free = os.statvfs(tmp_path).f_bavail * os.statvfs(tmp_path).f_frsize
    assert machine.disk(tmp_path, database_size=0).status is Status.OK
    assert machine.disk(tmp_path, database_size=free).status is Status.WARNING


class _Pages(http.server.BaseHTTPRequestHandler):
    title, version = "Research papers: sign-up", __version__
    metrics = ""

    def do_GET(self) -> None:
        body = json.dumps({"info": {"title": self.title, "version": self.version}}).encode()
        found = self.path == "/papers/api/openapi.json"
        if self.path == "/papers/metrics" and self.metrics:
            found, body = True, self.metrics.encode()
        self.send_response(200 if found else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def _pages(folder: Path, **about: str) -> Iterator[tuple[int, Path]]:
    """(port, certificate to trust) of an HTTPS server that answers as the pages do."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    authority.cert_pem.write_to_path(str(folder / "trusted.pem"))
    handler = type("Handler", (_Pages,), about)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1], folder / "trusted.pem"
        server.shutdown()


def test_everything_online_is_checked(shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shell.settings('sender = "Papers <papers@example.org>"\n')
    record = shell.ok("dkim", "keygen", "--json").json
    zone: Zone = {
        ("example.org", "TXT"): [quoted("v=spf1 ip4:203.0.113.7 -all")],
        (record["name"], "TXT"): [quoted(record["value"])],
        ("_dmarc.example.org", "TXT"): [quoted("v=DMARC1; p=none")],
        ("example.org", "MX"): ["10 mx.example.org."],
        ("mx.example.org", "A"): ["203.0.113.7"],
        ("7.113.0.203.in-addr.arpa", "PTR"): ["mx.example.org."],
    }
    with _pages(tmp_path) as (port, trusted), NameServer(zone) as names, RecordingServer() as server:
        shell.settings(
            f'sender = "Papers <papers@example.org>"\nbase_url = "https://localhost:{port}/papers"\n'
            f'[smtp]\nhost = "127.0.0.1"\nport = {server.port}\n[[dkim]]\nselector = "newsletter-rsa"\n'
        )
        leader = LeaderLock(shell.state_dir / "locks")
        assert leader.acquire()
        options = ("--resolver", names.address, "--address", "203.0.113.7")
        monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
        found = _ask(shell, *options)
        assert _bad(found) == {
            "base_url": (
                "warning",
                f"links in mail lead to https://localhost:{port}/papers, which is every reader's own machine",
            ),
            "return path": (
                "skipped",
                "nothing takes bounces in; see “Read bounces with your own Postfix” and the pages next to it",
            ),
        }
        monkeypatch.delenv("SSL_CERT_FILE")
        status, words = _bad(_ask(shell, *options, code=1))["web pages"]
        assert (status, "certificate does not hold" in words) == ("failed", True)
        status, words = _bad(_ask(shell, "--resolver", names.address, "--address", "203.0.113.8", code=1))[
            "SPF"
        ]
        assert (status, words) == ("failed", "example.org does not let 203.0.113.8 send (fail)")
        leader.release()


@pytest.mark.parametrize(
    ("about", "path", "expected"),
    [
        ({"version": "0.0.0"}, "/papers", ("warning", "runs version 0.0.0")),
        ({"title": "Other letters: sign-up"}, "/papers", ("failed", "another newsletter: Other letters")),
        ({}, "/elsewhere", ("failed", "not with these pages (status 404)")),
    ],
)
def test_pages_of_another_program_are_reported(
    shell: Shell,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    about: dict[str, str],
    path: str,
    expected: tuple[str, str],
) -> None:
    with _pages(tmp_path, **about) as (port, trusted), RecordingServer() as server:
        monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
        monkeypatch.setenv("NEWSLETTER_SMTP__PORT", str(server.port))
        monkeypatch.setenv("NEWSLETTER_BASE_URL", f"https://localhost:{port}{path}")
        status, words = _bad(_ask(shell, code=int(expected[0] == "failed")))["web pages"]
    assert (status, expected[1] in words) == (expected[0], True), words


@pytest.mark.parametrize(
    ("metrics", "expected"),
    [
        ('newsletter_subscribers{state="confirmed"} 1.0\n', "failed"),
        ("", "ok"),
        ("<h1>Some page for every path</h1>", "ok"),
    ],
)
def test_metrics_that_everybody_can_read_are_reported(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, metrics: str, expected: str
) -> None:
    with _pages(tmp_path, metrics=metrics) as (port, trusted), RecordingServer() as server:
        monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
        monkeypatch.setenv("NEWSLETTER_SMTP__PORT", str(server.port))
        monkeypatch.setenv("NEWSLETTER_BASE_URL", f"https://localhost:{port}/papers")
        (finding,) = _ask(shell, code=int(expected == "failed"))["metrics"]
    assert finding["status"] == expected
    assert (
        expected == "ok" or f"everybody can read https://localhost:{port}/papers/metrics" in finding["words"]
    )


def test_servers_that_are_down_are_reported(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        monkeypatch.setenv("NEWSLETTER_SMTP__PORT", str(port))
        monkeypatch.setenv("NEWSLETTER_BASE_URL", f"http://127.0.0.1:{port}")
        with owning(shell.state_dir / "locks"):  # a sender at work is no scheduler
            found = _bad(_ask(shell, code=1))
    assert {check: found[check][0] for check in ("mail server", "DNS", "web pages", "scheduler")} == {
        "mail server": "failed",
        "DNS": "warning",
        "web pages": "warning",
        "scheduler": "warning",
    }


@pytest.mark.parametrize("server", ["dns.example", "127.0.0.1:x", "1.2.3"])
def test_resolver_that_is_no_address_is_refused(shell: Shell, server: str) -> None:
    status, words = _bad(_ask(shell, "--resolver", server, code=1))["DNS"]
    assert (status, "no address" in words) == ("failed", True)


def test_doctor_looks_at_postgresql_too(
    bare: Shell, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEWSLETTER_DATABASE_URL", postgres_url)
    bare.ok("init")
    found = _ask(bare, "--offline")
    assert _bad(found).keys() == {*OFFLINE, "scheduler"}
    assert "on a server" in found["database"][0]["words"]
