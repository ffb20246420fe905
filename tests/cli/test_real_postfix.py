"""Days behind a real Postfix that refuses senders, recipients, and whatever exceeds its quota."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from newsletter.samples import dumps
from tests.cli.shell import Shell
from tests.smtp_servers.postfix import needs_postfix, postfix_relay
from tests.smtp_servers.postfix_policy import PASS, policy_server
from tests.smtp_servers.recording import RecordingServer

MONDAY = datetime(2026, 4, 13, 7, tzinfo=UTC)
DAY, HOUR, TICK = timedelta(days=1), timedelta(hours=1), timedelta(minutes=15)
SENDER = "news@papers.example"  # all that the server lets this login send as
QUOTA = 10
GREYLISTED_FOR = timedelta(minutes=20)
WAIT = 60.0  # seconds that Postfix may take to pass everything on

UNKNOWN = ("unknown1", "unknown2")  # in no table of the server
DEAD = {  # as large servers word it
    "dead1": "550 No such user here",
    "dead2": "550 5.1.1 The email account that you tried to reach does not exist",
    "dead3": "554 5.1.1 delivery error: dd This user doesn't have a yahoo.com account",
    "dead4": "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup",
    "dead5": "550 5.4.1 Recipient address rejected: Access denied",
    "dead6": "550 5.1.6 User has moved and left no address",
}
DEFERRED = {
    "slow1": "450 4.7.1 Greylisted, please try again later",
    "slow2": "451 4.7.1 Try again later",
    "slow3": "451 4.3.0 Temporary lookup failure",
    "slow4": "452 4.2.2 The mailbox is over quota",
}
WELL = tuple(f"reader{number}" for number in range(1, 19))
GOOD = (*WELL, *DEFERRED)
READERS = (*UNKNOWN, *DEAD, *GOOD)


@dataclass(slots=True)
class Provider:
    """What the server counts, on the test's clock."""

    every: timedelta  # after which a new quota begins
    now: datetime = MONDAY
    taken: Counter[datetime] = field(default_factory=Counter)  # by start of the quota's period
    first_tried: dict[str, datetime] = field(default_factory=dict)

    def __call__(self, step: Mapping[str, str]) -> str:
        """Postfix asks at MAIL, at RCPT and after the final dot."""
        state = step["protocol_state"]
        period = MONDAY + (self.now - MONDAY) // self.every * self.every
        if state == "MAIL":
            return PASS if self.taken[period] < QUOTA else "550 5.4.5 Daily user sending quota exceeded"
        name = step["recipient"].partition("@")[0]
        if state == "RCPT" and name in DEFERRED:
            first = self.first_tried.setdefault(name, self.now)
            return PASS if self.now - first >= GREYLISTED_FOR else DEFERRED[name]
        if state == "END-OF-MESSAGE":
            self.taken[period] += 1
        return PASS


RULES = """\
smtpd_delay_reject = no
smtpd_sender_restrictions = check_sender_access regexp:{folder}/senders,
  check_policy_service inet:127.0.0.1:{policy}
smtpd_recipient_restrictions = check_recipient_access texthash:{folder}/dead, reject_unlisted_recipient,
  check_policy_service inet:127.0.0.1:{policy}, permit_mynetworks, reject
smtpd_end_of_data_restrictions = check_policy_service inet:127.0.0.1:{policy}
relay_domains = readers.example
relay_recipient_maps = texthash:{folder}/listed
"""


def address(name: str) -> str:
    return f"{name}@readers.example"


@contextmanager
def submission_server(provider: Provider) -> Iterator[tuple[int, RecordingServer]]:
    """The port of such a Postfix, and the server to which it passes on what it takes."""
    listed = [name for name in READERS if name not in UNKNOWN]
    rule = f"/^{re.escape(SENDER)}$/ DUNNO\n/./ 553 5.7.1 Sender address rejected: not owned by user news\n"
    with (
        RecordingServer() as mailboxes,
        policy_server(provider) as policy,
        TemporaryDirectory(prefix="postfix-") as name,  # other test runs close the folders of pytest
    ):
        folder = Path(name)
        (folder / "listed").write_text("".join(f"{address(name)} OK\n" for name in listed), "ascii")
        (folder / "dead").write_text("".join(f"{address(name)} {DEAD[name]}\n" for name in DEAD), "ascii")
        (folder / "senders").write_text(rule, "ascii")
        rules = RULES.format(folder=folder, policy=policy)
        with postfix_relay(folder, next_hop=mailboxes.port, more=rules) as port:
            yield port, mailboxes


@dataclass(slots=True)
class Admin:
    """Does what alarms name, and nothing else."""

    shell: Shell
    settings: str
    said: list[str] = field(default_factory=list)  # distinct alarms
    commands: list[str] = field(default_factory=list)  # that were run for them

    def look(self, at: datetime) -> None:
        for alarm in self.shell("watch", "--json", "--at", at.isoformat()).json:
            said = f"{alarm['words']} {alarm['hint']}"
            if said in self.said:
                continue
            self.said.append(said)
            if "Sender address rejected: not owned" in said and "smtp.return_path" in said:
                self.shell.settings(f'{self.settings}return_path = "{SENDER}"\n')
                if "newsletter smtp check" in said:
                    self.commands.append("smtp check")
                    self.shell.ok("smtp", "check")


def run_days(shell: Shell, admin: Admin, provider: Provider, *, days: int, editions: int) -> Counter[int]:
    """The exit codes of `send` every quarter of an hour. The admin comes after an hour, then twice a day."""
    codes: Counter[int] = Counter()
    at = MONDAY
    while at < MONDAY + days * DAY:
        provider.now = at
        day, since = divmod(at - MONDAY, DAY)
        if not since and day < editions:
            shell.ok("ingest", str(dumps()[day]), "--at", (at - HOUR).isoformat())
        codes[shell("send", "--at", at.isoformat()).code] += 1
        if at == MONDAY + HOUR or (at.hour in (9, 18) and not at.minute):
            admin.look(at)
        at += TICK
    return codes


def papers_of(shell: Shell, name: str) -> list[int]:
    """The papers that this reader was given, one for each time."""
    rows = shell.ok("deliveries", "list", "--address", address(name), "--json").json
    return [paper["id"] for row in rows if row["state"] == "sent" for paper in row["papers"]]


@pytest.mark.prove
@needs_postfix
@pytest.mark.parametrize(
    ("every", "editions"), [(HOUR, 3), (DAY, 1)], ids=["10 an hour, 3 editions", "10 a day, 1 edition"]
)
def test_three_days_behind_a_server_that_refuses_much(shell: Shell, every: timedelta, editions: int) -> None:
    """30 readers behind a real Postfix: within three days every good one has every paper once.

    2 are unknown at RCPT, 6 dead, 4 deferred; a quota after 10, and a rule about the sender. Every dead one
    is suppressed, no good one is, nothing is done but what an alarm names, and `audit` is clean.
    """
    provider = Provider(every=every)
    with submission_server(provider) as (port, mailboxes):
        settings = (
            f'sender = "News <{SENDER}>"\nbase_url = "https://papers.example"\n'
            f'[smtp]\nhost = "127.0.0.1"\nport = {port}\nsecurity = "none"\n'
        )
        shell.settings(settings)
        admin = Admin(shell, settings)
        for name in READERS:
            added = ("--topic", "everything", "--confirmed", "--at", (MONDAY - 2 * HOUR).isoformat())
            shell.ok("subscribers", "add", address(name), *added)
        codes = run_days(shell, admin, provider, days=3, editions=editions)
        end = (MONDAY + 3 * DAY - TICK).isoformat()
        sent = [row for row in _deliveries(shell) if row["state"] == "sent"]
        _wait_until(lambda: len(mailboxes.accepted) >= len(sent))

    every_paper = sorted(paper["id"] for paper in shell.ok("papers", "list", "--json").json)
    assert {name: sorted(papers_of(shell, name)) for name in GOOD} == dict.fromkeys(GOOD, every_paper)
    suppressed = shell.ok("subscribers", "list", "--state", "suppressed", "--json").json
    assert sorted(row["address"] for row in suppressed) == sorted(map(address, (*UNKNOWN, *DEAD)))
    arrived = Counter((mail.recipient, _message_id(mail.data)) for mail in mailboxes.accepted)
    assert set(arrived.values()) == {1}
    assert sorted(arrived) == sorted((row["address"], row["message_id"]) for row in sent)
    assert admin.commands == ["smtp check"]
    assert set(codes) == {0, 3}
    audit = shell.ok("audit", "--at", end, "--json").json
    assert (audit["subscribers"], audit["repeated"], audit["missed"], audit["uncertain"]) == (30, 0, 0, 0)


def _deliveries(shell: Shell) -> list[dict[str, str]]:
    rows: list[dict[str, str]] = shell.ok("deliveries", "list", "--json").json
    return rows


def _message_id(data: bytes) -> str:
    found = re.search(rb"^Message-ID: (<[^>]+>)", data, re.MULTILINE | re.IGNORECASE)
    assert found is not None
    return found[1].decode("ascii")


def _wait_until(done: Callable[[], bool]) -> None:
    until = time.monotonic() + WAIT
    while not done():
        assert time.monotonic() < until, "Postfix did not pass everything on"
        time.sleep(0.2)
