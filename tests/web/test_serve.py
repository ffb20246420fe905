"""`newsletter serve` as processes: behind a proxy, stopped, killed, without its port or mail server."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.smtp_servers.recording import RecordingServer, ServerRules
from tests.web.newsletter_site import ReceivedMail
from tests.web.serving import ROOT, STEP_TIMEOUT, Page, Serving, serving

pytestmark = pytest.mark.full

LIMIT = {"WEB__CLIENT_LIMIT": "2/minute", "WEB__TRUSTED_PROXIES": '["127.0.0.1"]'}


def eventually(what: Callable[[], bool], site: Serving, retry_delays: float = STEP_TIMEOUT) -> None:
    deadline = time.monotonic() + retry_delays
    while not what():
        assert time.monotonic() < deadline, site.log()
        time.sleep(0.05)


def kept(site: Serving) -> int:
    """The number of stored sign-ups, answered or not."""
    return site.requests()["waiting"] + sum(site.states().values())


BODY = b"email=grace%40example.org&topics=quantum"
HALF = b"""POST /sign-up HTTP/1.1\r
Host: localhost\r
Content-Type: application/x-www-form-urlencoded\r
Content-Length: %d\r
\r
%b""" % (len(BODY), BODY[:10])
OTHER_HALF = BODY[10:]


class RequestLoop(threading.Thread):
    """A request in progress."""

    def __init__(self, ask: Callable[[], Page]) -> None:
        super().__init__(daemon=True)
        self._ask = ask
        self.page: Page | None = None
        self.start()

    def run(self) -> None:
        self.page = self._ask()

    def answer(self) -> Page:
        self.join(STEP_TIMEOUT)
        assert self.page is not None
        return self.page


def test_pages_answer_and_links_bear_the_path_that_the_proxy_takes_off(
    tmp_path: Path, server: RecordingServer
) -> None:
    settings = {"BASE_URL": "https://example.org/papers"}
    with serving(tmp_path / "state", server.port, settings=settings) as site:
        pages = {path: site.get(path) for path in ("/", "/check-your-mail", "/link", "/sample", "/embed")}
        assert {path: page.status for path, page in pages.items()} == dict.fromkeys(pages, 200)
        for page in pages.values():
            for link in re.findall(r'(?:href|src|action)="(/[^"]*)"', page.text):
                assert link.startswith("/papers/"), link
                if "sign-up" not in link:
                    assert site.get(link.removeprefix("/papers")).status == 200, link
        answer = site.sign_up("ada@example.org")
        assert (answer.status, answer.location) == (303, "/papers/check-your-mail")
        eventually(lambda: len(server.accepted) == 1, site)
        (mail,) = server.accepted
        confirm = ReceivedMail(mail.recipient, mail.data, "https://example.org/papers").link("/confirm/")
        page = site.get(confirm)
        assert page.status == 200
        (action,) = re.findall(r'<form method="post"(?: action="([^"]*)")?', page.text)
        assert action in ("", f"/papers{confirm}")
        assert site.ask("POST", confirm, sent={}).status == 200
        assert site.state_of("ada@example.org") == "confirmed"
        assert site.stop() == 0


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_waits_for_the_request_and_the_mail_under_way(
    tmp_path: Path, workers: int, number: int
) -> None:
    with (
        RecordingServer(ServerRules(delay=3)) as server,
        serving(tmp_path / "state", server.port, workers=workers) as site,
    ):
        assert site.sign_up("ada@example.org").status == 303
        eventually(lambda: b"DATA" in server.lines, site)
        with socket.create_connection(("127.0.0.1", site.port), timeout=STEP_TIMEOUT) as visitor:
            visitor.sendall(HALF)
            time.sleep(0.5)
            assert site.process is not None
            site.process.send_signal(number)
            time.sleep(0.5)
            visitor.sendall(OTHER_HALF)
            answer = visitor.recv(4096).decode()
        assert answer.startswith("HTTP/1.1 303 See Other\r\n")
        assert "location: /check-your-mail\r\n" in answer
        assert site.process.wait(STEP_TIMEOUT) == 0
        assert (server.recipients(), site.states()) == (["ada@example.org"], {"sent": 1})
        assert site.requests() == {"waiting": 1, "failed": 0}
        assert not re.search(r"Traceback|ERROR|WARNING", site.log()), site.log()
        server.rules.delay = 0
        site.start()
        eventually(lambda: len(server.accepted) == 2, site)
        assert server.recipients() == ["ada@example.org", "grace@example.org"]
        eventually(lambda: site.states() == {"sent": 2}, site)


def test_limits_trust_the_client_address_of_a_trusted_proxy_only(
    tmp_path: Path, server: RecordingServer
) -> None:
    with serving(tmp_path / "state", server.port, settings=LIMIT, workers=2) as site:
        tried = iter(range(100))

        def sign_up(times: int, *, forwarded: str, peer: str = "127.0.0.1") -> int:
            """How many of so many were kept; the answer is the same for all."""
            before = kept(site)
            pages = {
                site.sign_up(f"r{next(tried)}@example.org", forwarded=forwarded, peer=peer)
                for _ in range(times)
            }
            assert pages == {Page(status=303, location="/check-your-mail", text="")}
            return kept(site) - before

        assert sign_up(4, forwarded="192.0.2.1") == 2  # whichever of the two workers answered
        assert sign_up(4, forwarded="192.0.2.2") == 2
        # The proxy appends the real address to the one that a visitor invented.
        assert sign_up(1, forwarded="198.51.100.1, 192.0.2.1") == 0
        assert sign_up(3, forwarded="2001:db8::1") == 2
        assert sign_up(1, forwarded="2001:db8::2") == 0  # the same network
        # The header counts only from a trusted proxy.
        assert sign_up(2, forwarded="192.0.2.3", peer="127.0.0.2") == 2
        assert sign_up(2, forwarded="192.0.2.4", peer="127.0.0.2") == 0
        assert sign_up(2, forwarded="192.0.2.4") == 2
        assert site.stop() == 0


def test_workers_share_the_limits_under_simultaneous_requests(
    tmp_path: Path, server: RecordingServer
) -> None:
    with serving(tmp_path / "state", server.port, settings=LIMIT, workers=2) as site:
        asked = [
            RequestLoop(lambda n=n: site.sign_up(f"r{n}@example.org", forwarded="192.0.2.1"))  # type: ignore[misc]
            for n in range(30)
        ]
        assert {each.answer().status for each in asked} == {303}
        assert kept(site) == 2


def refused(site: Serving, *arguments: str) -> tuple[int, list[str]]:
    done = subprocess.run(
        site.command(*arguments),
        cwd=ROOT,
        env=site.environment(),
        capture_output=True,
        text=True,
        timeout=STEP_TIMEOUT,
        check=False,
    )
    return done.returncode, done.stderr.splitlines()


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_port_in_use_is_reported_with_a_hint(tmp_path: Path, workers: str) -> None:
    site = Serving(folder=tmp_path / "state", smtp_port=1)
    with socket.create_server(("127.0.0.1", 0)) as in_use:
        port = str(in_use.getsockname()[1])
        assert refused(site, "--port", port, "--workers", workers) == (
            1,
            [
                f"Error: cannot listen on 127.0.0.1 port {port}: Address already in use",
                "Stop what uses it, or choose another with --host and --port, or web.host and web.port.",
            ],
        )
    site.engine.dispose()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"WEB__TRUSTED_PROXIES": '["my-proxy"]'}, "NEWSLETTER_WEB__TRUSTED_PROXIES"),
        ({"WEB__CLIENT_LIMIT": "often"}, "NEWSLETTER_WEB__CLIENT_LIMIT"),
        ({"WEB__PORT": "http"}, "NEWSLETTER_WEB__PORT"),
        ({"BASE_URL": "http://papers.example.org"}, "NEWSLETTER_BASE_URL"),
        ({"SMTP__HOST": "smtp.example.org", "SMTP__SECURITY": "tls"}, "sender is not set"),
        ({"SECRET_KEY": ""}, "secret_key"),
    ],
)
def test_bad_settings_are_refused_before_anything_is_served(
    tmp_path: Path, settings: dict[str, str], said: str
) -> None:
    site = Serving(folder=tmp_path / "state", smtp_port=1, settings=settings)
    code, lines = refused(site, "--port", "0", "--workers", "2")
    assert (code, lines[0].startswith("Error: "), said in lines[0]) == (78, True, True), lines
    assert len(lines) <= 2, lines
    site.engine.dispose()


def test_a_foreign_host_and_a_missing_database_are_reported(tmp_path: Path) -> None:
    site = Serving(folder=tmp_path / "state", smtp_port=1)
    code, lines = refused(site, "--host", "192.0.2.1", "--port", "0")
    assert (code, lines[0]) == (
        1,
        "Error: cannot listen on 192.0.2.1 port 0: Cannot assign requested address",
    )
    code, lines = refused(site, "--host", "no-host.invalid", "--port", "0")
    assert (code, lines[0].partition(": Name")[0]) == (
        1,
        "Error: cannot listen on no-host.invalid port 0",
    ), lines
    site.engine.dispose()
    (site.folder / "newsletter.sqlite3").unlink()
    assert refused(site) == (
        1,
        [
            f"Error: no newsletter in {site.folder}",
            "Run `newsletter init` first, or name the right --state-dir.",
        ],
    )


def test_sign_ups_are_stored_while_the_mail_server_is_down_and_mailed_later(tmp_path: Path) -> None:
    with RecordingServer() as gone:
        port = gone.port
    with serving(tmp_path / "state", port) as site:
        wanted = [f"r{n}@example.org" for n in range(5)]
        assert {site.sign_up(email, forwarded=f"192.0.2.{n}").status for n, email in enumerate(wanted)} == {
            303
        }
        eventually(lambda: "step=requests failures=1" in site.log(), site)
        assert "Traceback" not in site.log()
        assert kept(site) == 5
        back = RecordingServer()
        back.port = port
        with back:
            eventually(lambda: len(back.accepted) == 5, site, retry_delays=90)
            assert sorted(back.recipients()) == wanted
            eventually(lambda: site.states() == {"sent": 5}, site)
            assert site.stop() == 0


def test_nothing_is_lost_when_all_processes_are_killed_between_request_and_answer(
    tmp_path: Path, server: RecordingServer
) -> None:
    no_limits = {f"WEB__{name}_LIMIT": "" for name in ("CLIENT", "ADDRESS", "UNCONFIRMED")}
    with serving(tmp_path / "state", server.port, workers=2, settings=no_limits) as site:
        accepted: list[str] = []
        ended = threading.Event()

        def visitors(which: int) -> None:
            number = 0
            while not ended.is_set():
                number += 1
                email = f"r{which}-{number}@example.org"
                try:
                    page = site.sign_up(email, forwarded=f"10.{which}.{number >> 8}.{number & 255}")
                except OSError:  # killed meanwhile: no answer
                    time.sleep(0.1)
                    continue
                assert page.status == 303
                accepted.append(email)

        threads = [threading.Thread(target=visitors, args=(which,)) for which in range(4)]
        for thread in threads:
            thread.start()
        for turn in range(2):
            eventually(lambda turn=turn: len(accepted) > 30 * (turn + 1), site)  # type: ignore[misc]
            site.kill()
            site.start()  # on the same port
        ended.set()
        for thread in threads:
            thread.join()
        eventually(
            lambda: site.requests()["waiting"] == 0 and set(site.states()) <= {"sent", "uncertain"}, site
        )
        assert site.requests()["failed"] == 0
        assert {site.state_of(email) for email in accepted} == {"pending"}
        mailed = server.recipients()
        assert set(accepted) <= set(mailed)
        assert site.stop() == 0


def test_workers_end_with_their_parent_and_leave_the_port_to_the_next(
    tmp_path: Path, server: RecordingServer
) -> None:
    with serving(tmp_path / "state", server.port, workers=2) as site:
        assert site.process is not None
        os.kill(site.process.pid, signal.SIGKILL)
        site.process.wait(STEP_TIMEOUT)

        def free() -> bool:
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", site.port)) != 0

        eventually(free, site)
        site.start()
        assert site.get("/").status == 200
        assert site.stop() == 0
