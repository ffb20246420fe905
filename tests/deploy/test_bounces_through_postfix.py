"""A real Postfix, set up from the samples, writes the bounces, and each way brings them in with no help."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from newsletter.samples import dumps
from tests.cli.shell import Shell
from tests.imap_servers.dovecot import PASSWORD, USER, dovecot, needs_dovecot
from tests.smtp_servers.postfix_machine import DEPLOY, Machine, needs_machine, postfix_machine
from tests.smtp_servers.recording import RecordingServer, ServerRules

WAIT = 90.0  # seconds that everything may take to come back
GOOD = tuple(f"reader{number}" for number in range(1, 9))
AT_RCPT = {
    "gone1": "550 5.1.1 No such user here",
    "full1": "552 5.2.2 The mailbox is full",
}
AT_THE_DOT = {"gone2": "550 5.1.1 The account does not exist"}
LATER_AT_RCPT = {
    "dead1": "550 5.1.1 The email account that you tried to reach does not exist",
    "dürr": "550 5.1.1 User unknown",
    "full2": "552 5.2.2 The mailbox is full",
    "slow": "451 4.3.0 Temporary lookup failure",  # until Postfix gives up
}
LATER_AT_THE_DOT = {
    "dead2": "550 5.1.1 No such user here",
    "filter": "554 5.7.1 Message rejected as spam",
}
READERS = (*GOOD, *AT_RCPT, *AT_THE_DOT, *LATER_AT_RCPT, *LATER_AT_THE_DOT)
SUPPRESSED = ("gone1", "gone2", "dead1", "dead2", "dürr")
CAME_BACK = {
    "dead1": "suppressed",
    "dead2": "suppressed",
    "dürr": "suppressed",
    "full2": "strike",
    "slow": "returned",
    "filter": "returned",
}
OUT_OF_CHROOT = "postconf -F lmtp/unix/chroot=n"  # of the guide
SOME_REFUSED = 3  # exit code of `send`
SHORT = (  # patience, so that Postfix gives up while the test waits
    "maximal_queue_lifetime = 12s",
    "delay_warning_time = 1s",
    "queue_run_delay = 4s",  # a loaded machine still delivers after a second: then Postfix waits for minutes
    "transport_retry_time = 1s",
    "minimal_backoff_time = 4s",
    "maximal_backoff_time = 4s",
)


HOW_TO = (DEPLOY.parent / "docs/how-to/bounces-with-postfix.md").read_text("utf-8")


def address(name: str) -> str:
    return f"{name}@readers.example"


def _check(refusals: dict[str, str]) -> Callable[[str], bytes | None]:
    known = {address(name): words.encode() for name, words in refusals.items()}
    return known.get


@contextmanager
def machine_with_mailboxes(
    folder: Path, transport: Sequence[str] = (), more: Sequence[str] = ()
) -> Iterator[Machine]:
    """A machine whose Postfix refuses some readers; the server behind it refuses others."""
    extensions = (*ServerRules().extensions, "SMTPUTF8")
    rules = ServerRules(
        extensions=extensions, refuse=_check(LATER_AT_RCPT), refuse_content=_check(LATER_AT_THE_DOT)
    )
    with RecordingServer(rules=rules) as mailboxes:
        for name, refusals in (("rcpt", AT_RCPT), ("dot", AT_THE_DOT)):
            (folder / name).write_text("".join(f"{address(who)} {said}\n" for who, said in refusals.items()))
        settings = (
            f"relayhost = [127.0.0.1]:{mailboxes.port}",
            f"smtpd_recipient_restrictions = check_recipient_access texthash:{folder}/rcpt,"
            " permit_mynetworks, reject",
            f"smtpd_end_of_data_restrictions = check_recipient_access texthash:{folder}/dot",
            *SHORT,
            *more,
        )
        with postfix_machine(folder, more=settings, transport=transport) as machine:
            yield machine


def sample_transport(words: str) -> str:
    """The line of the sample for this way; those for another one are comments."""
    lines = (DEPLOY / "postfix/transport").read_text().splitlines()
    (line,) = [line for line in lines if words in line and "bounce@example.org" in line]
    return line.removeprefix("#")


def test_the_guide_says_what_is_tried_here() -> None:
    master = (DEPLOY / "postfix/master.cf").read_text().splitlines(keepends=True)
    assert "".join(line for line in master if not line.startswith("#")) in HOW_TO
    for words in ("lmtp:inet:127.0.0.1:8024", "newsletter:"):
        assert sample_transport(words) in HOW_TO
    assert OUT_OF_CHROOT in HOW_TO


def set_up(shell: Shell, machine: Machine, inbound: str) -> None:
    """A newsletter with all readers and some papers."""
    shell.ok("init")
    shell.settings(
        'sender = "Papers <papers@example.org>"\nbase_url = "https://papers.example.org"\n'
        f'[smtp]\nhost = "127.0.0.1"\nport = {machine.port}\nsecurity = "none"\n'
        f'[inbound]\naddress = "bounce@example.org"\n{inbound}'
    )
    hour = str((datetime.now(UTC) + timedelta(hours=12)).hour)  # nothing more is due while the test runs
    for name in READERS:
        given = ("--topic", "everything", "--hour", hour, "--timezone", "UTC", "--confirmed")
        shell.ok("subscribers", "add", address(name), *given)
    shell.ok("ingest", str(dumps()[0]))
    machine.hand_over()


def came_back(shell: Shell) -> dict[str, str]:
    """What was done about each reader."""
    rows = shell.ok("bounces", "list", "--json").json
    return {
        one["address"].partition("@")[0]: row["done"]
        for row in rows
        if row["class"] == "bounce"
        for one in row["recipients"]
        if one["address"]
    }


def wait_until(done: Callable[[], bool], machine: Machine) -> None:
    until = time.monotonic() + WAIT
    while not done():
        assert time.monotonic() < until, machine.log
        time.sleep(0.5)


def states(shell: Shell) -> dict[str, list[str]]:
    """The names of the readers in each state."""
    found: dict[str, list[str]] = {}
    for row in shell.ok("subscribers", "list", "--json").json:
        found.setdefault(row["state"], []).append(row["address"].partition("@")[0])
    return {state: sorted(names) for state, names in found.items()}


def assert_everybody_is_right(shell: Shell) -> None:
    """Every reader is in the state that the answers about their address ask for, and nothing is left over."""
    assert came_back(shell) == CAME_BACK
    assert states(shell) == {
        "confirmed": sorted(set(READERS) - set(SUPPRESSED)),
        "suppressed": sorted(SUPPRESSED),
    }
    rows = shell.ok("bounces", "list", "--json").json
    assert [row for row in rows if row["done"] == "look"] == []
    assert {row["class"] for row in rows} <= {"bounce", "delivery-report"}  # Postfix says that `slow` waits


@pytest.fixture
def folder() -> Iterator[Path]:
    with TemporaryDirectory(prefix="machine-") as name:  # other test runs close the folders of pytest
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.mark.prove
@needs_machine
@needs_dovecot
@pytest.mark.parametrize("way", ["maildir", "pipe", "lmtp", "lmtp socket", "imap"])
def test_every_reader_ends_in_the_right_state(folder: Path, way: str) -> None:
    """A real Postfix refuses some readers at once and others later: all end in the right state."""
    lmtp = sample_transport("lmtp:inet:127.0.0.1:8024")
    transport = {
        "maildir": [],  # the alias of the sample
        "pipe": [sample_transport("newsletter:")],
        "lmtp": [lmtp],
        "lmtp socket": [lmtp.replace("inet:127.0.0.1:8024", "unix:/run/newsletter/lmtp")],
        "imap": ["bounce@example.org    virtual:"],
    }[way]
    inbound = {
        "maildir": '[inbound.maildir]\npath = "Maildir"\n',
        "pipe": "",
        "lmtp": '[inbound.lmtp]\naddress = "127.0.0.1:8024"\n',
        "lmtp socket": '[inbound.lmtp]\naddress = "/run/newsletter/lmtp"\n',
        "imap": "",
    }[way]
    more: list[str] = []
    (folder / "imap").mkdir()
    (folder / "machine").mkdir()
    with dovecot(folder / "imap") if way == "imap" else nullcontext() as mailbox:
        if mailbox is not None:
            inbound = (
                f'[inbound.imap]\nhost = "localhost"\nport = {mailbox.tls}\nusername = "{USER}"\n'
                'password = "file"\nca_file = "/var/lib/newsletter/ca.pem"\ninterval = 10\n'
            ).replace('"file"', f'"{PASSWORD}"')
            more = [
                "virtual_mailbox_base = /",
                f"virtual_mailbox_maps = inline:{{bounce@example.org={str(mailbox.folder)[1:]}/mail/}}",
                "virtual_uid_maps = static:65534",
                "virtual_gid_maps = static:65534",
                "virtual_minimum_uid = 1",
            ]
        with machine_with_mailboxes(folder / "machine", transport, more) as machine:
            shell = Shell(machine.state_dir)
            if way == "lmtp socket":
                machine.root(*OUT_OF_CHROOT.split())
                machine.root("postfix", "reload")
            if mailbox is not None:
                shutil.copy(mailbox.ca_file, machine.state_dir / "ca.pem")
            set_up(shell, machine, inbound)
            service = nullcontext() if way == "pipe" else machine.service("run", "--port", "0")
            with service:
                assert machine.newsletter("send", "--now") == SOME_REFUSED
                wait_until(lambda: set(came_back(shell)) >= set(CAME_BACK), machine)
            assert_everybody_is_right(shell)


@pytest.mark.prove
@needs_machine
def test_a_bounce_waits_while_the_settings_have_a_typo(folder: Path) -> None:
    """Postfix keeps a bounce that the pipe cannot take now, and brings it again."""
    more = ["maximal_queue_lifetime = 30s"]  # time to mend the settings
    with machine_with_mailboxes(folder, [sample_transport("newsletter:")], more) as machine:
        shell = Shell(machine.state_dir)
        set_up(shell, machine, "")
        right = (machine.state_dir / "newsletter.toml").read_text()
        assert machine.newsletter("send", "--now") == SOME_REFUSED
        shell.settings(f"sendr = 1\n{right}")
        wait_until(lambda: "Command output: Error: " in machine.log, machine)
        shell.settings(right)
        machine.hand_over()
        wait_until(lambda: set(came_back(shell)) >= set(CAME_BACK), machine)
    assert "dsn=4.3.0, status=deferred (temporary failure. Command output: Error: " in machine.log
    assert_everybody_is_right(shell)
