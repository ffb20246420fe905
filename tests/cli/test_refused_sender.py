"""Days behind servers that refuse us in every phase: nobody loses mail, and alarms say what to do."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from newsletter.samples import dumps
from tests.cli.shell import Shell
from tests.marks import first_quick
from tests.smtp_servers.misbehaving import MisbehavingServer
from tests.smtp_servers.recording import Conversation, HangupError

MONDAY = datetime(2026, 4, 13, 7, tzinfo=UTC)
HOUR = timedelta(hours=1)
READERS = [f"r{number}@readers.example" for number in range(1, 13)]
WAITING = "new@readers.example"  # has signed up, and waits for the confirmation


class Refusing(Conversation):
    """Gives one refusal in one phase, as long as the server refuses us."""

    server: Provider

    def greet(self) -> None:
        if self.server.refuses("greeting"):
            self.say(self.server.refusal)
            raise HangupError
        super().greet()

    def auth(self, argument: str) -> None:
        if self.server.refuses("auth"):
            self.say(self.server.refusal)
        else:
            super().auth(argument)

    def mail(self, argument: str) -> None:
        if not self._refused("mail"):
            super().mail(argument)

    def rcpt(self, argument: str) -> None:
        if not self._refused("rcpt"):
            super().rcpt(argument)

    def data(self, argument: str) -> None:
        if not self._refused("data"):
            super().data(argument)

    def dot(self, body: bytes) -> None:
        if not self._refused("dot"):
            super().dot(body)

    def _refused(self, phase: str) -> bool:
        refused = self.server.refuses(phase)
        if refused:
            self.say(self.server.refusal)
        if refused and self.server.refusal.startswith(b"421"):
            raise HangupError
        return refused


class Provider(MisbehavingServer):
    """Refuses us in one phase, from so many accepted mails on, until it is told not to."""

    __slots__ = ("phase", "quota", "refusal")

    def __init__(self) -> None:
        super().__init__(conversation=Refusing)
        self.phase, self.refusal, self.quota = "", b"", 0

    def refuses(self, phase: str) -> bool:
        return phase == self.phase and len(self.accepted) >= self.quota


@pytest.fixture
def provider() -> Iterator[Provider]:
    with Provider() as server:
        yield server


REFUSALS = [
    ("mail", b"550 5.4.5 Daily user sending quota exceeded"),
    (
        "dot",
        b"554 Message rejected: Email address is not verified.",
    ),
    ("auth", b"535 5.7.8 Error: authentication failed"),
    ("greeting", b"554 5.7.1 Service unavailable; Client host [203.0.113.9] blocked using zen.spamhaus.org"),
    ("mail", b"421 4.7.0 Daily sending limit reached, try again tomorrow"),
    ("rcpt", b"550 5.7.1 Message limit exceeded for this account"),
    ("dot", b"454 4.7.0 Throttling failure: Daily message quota exceeded"),
    ("rcpt", b"452 4.5.3 Daily limit of recipients reached"),
    ("mail", b"530 5.7.0 Authentication required"),
    ("rcpt", b"554 5.7.1 Service unavailable; Client host [203.0.113.9] blocked using zen.spamhaus.org"),
    ("rcpt", b"553 5.7.1 Sender address rejected: not owned by user"),
    ("mail", b"501 5.1.7 Bad sender address syntax"),
    ("data", b"550 5.7.1 Outgoing mail from this account is suspended"),
    ("mail", b"552 5.3.4 Message size exceeds fixed limit"),
    ("dot", b"554 5.7.1 Message rejected as spam by content filter"),
    ("mail", b"550 nix da"),  # words that nobody knows
    ("rcpt", b"550 5.7.1 nix da"),
    ("rcpt", b"550 nix da"),
    ("rcpt", b"550 User unknown"),
    ("rcpt", b"550 5.2.1 disabled"),
]
ABOUT_ANYBODY = (b"550 nix da", b"550 User unknown", b"550 5.2.1 disabled")  # of some only, it is theirs


@pytest.mark.parametrize(
    ("phase", "refusal", "quota"),
    first_quick([(phase, words, 5 * (n % 2)) for n, (phase, words) in enumerate(REFUSALS)]),
)
def test_who_refuses_us_for_a_day_costs_nobody_anything(
    shell: Shell, provider: Provider, monkeypatch: pytest.MonkeyPatch, phase: str, refusal: bytes, quota: int
) -> None:
    settings = {"SMTP__HOST": "127.0.0.1", "SMTP__PORT": str(provider.port), "SMTP__SECURITY": "none"}
    if phase == "auth":
        provider.rules.login = ("papers", "hush")
        settings |= {"SMTP__USERNAME": "papers", "SMTP__PASSWORD": "hush"}
    for key, value in settings.items():
        monkeypatch.setenv(f"NEWSLETTER_{key}", value)
    early = (MONDAY - 2 * HOUR).isoformat()
    for reader in READERS:
        shell.ok("subscribers", "add", reader, "--topic", "everything", "--confirmed", "--at", early)
    provider.phase, provider.refusal, provider.quota = phase, refusal, quota
    if phase in ("greeting", "auth") or (phase == "rcpt" and refusal in ABOUT_ANYBODY):
        provider.quota = 0
    shell.ok("ingest", str(dumps()[0]), "--at", early)
    first = shell("send", "--at", MONDAY.isoformat(), "--json")
    assert first.code == 3, first.stderr
    assert first.json["failed"] == 0
    shell.ok("subscribers", "add", WAITING, "--topic", "everything", "--at", MONDAY.isoformat())
    for hours in range(1, 28):
        at = MONDAY + hours * HOUR
        if hours == 23:
            shell.ok("ingest", str(dumps()[1]), "--at", at.isoformat())
        answer = shell("send", "--at", at.isoformat())
        assert answer.code in (0, 3), answer.stderr
        if hours == 3:
            watch = shell("watch", "--at", at.isoformat())
            said = watch.stdout
            assert watch.code == 1, (said, answer.stderr)
            assert refusal.decode()[:3] in said, said
            assert "`newsletter " in said
            assert provider.refusal.decode().split(" ")[-1] in said, said
    provider.phase = ""  # mended; then what the alarms name
    shell.ok("smtp", "check")
    for number in re.findall(
        r"`newsletter editions release (\d+)`", shell("watch", "--at", at.isoformat()).stdout
    ):
        shell.ok("editions", "release", number, "--at", at.isoformat())
    for hours in range(28, 56, 4):
        shell("send", "--at", (MONDAY + hours * HOUR).isoformat())
    got = Counter(mail.recipient for mail in provider.accepted)
    papers = {paper["id"] for paper in shell.ok("papers", "list", "--json").json}
    for reader in READERS:
        rows = shell.ok("deliveries", "list", "--address", reader, "--json").json
        given = [paper["id"] for row in rows if row["state"] == "sent" for paper in row["papers"]]
        assert (reader, sorted(given)) == (reader, sorted(papers))
    assert got[WAITING] == 1
    assert shell.ok("subscribers", "list", "--state", "suppressed", "--json").json == []
    shell.ok("audit", "--at", (MONDAY + 56 * HOUR).isoformat())
