"""The configured ways in are watched by the program itself: what comes is in the log once."""

from __future__ import annotations

import os
import signal
import smtplib
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text

from newsletter.cli.commands.schedule import make_timetable
from newsletter.cli.inbound import make_intakes
from newsletter.cli.wiring import Wiring
from newsletter.cli.workspace import Workspace
from newsletter.db.engine import reading
from tests.cli.shell import Shell
from tests.inbound.intakes.test_lmtp import free_port
from tests.inbound.made_messages import OURS, dsn, plain

ROOT = Path(__file__).parents[2]
FIELDS = "Final-Recipient: rfc822; ada@readers.example\nAction: failed\nStatus: 5.1.1\n"


@contextmanager
def opened(shell: Shell) -> Iterator[Wiring]:
    work = Workspace(state_dir_flag=shell.state_dir)
    try:
        yield Wiring(work)
    finally:
        work.close()


def logged(shell: Shell) -> list[tuple[str, str]]:
    """Source and class of what came in."""
    with opened(shell) as wiring, reading(wiring.work.engine) as connection:
        rows = connection.execute(text("SELECT source, kind FROM inbound_messages ORDER BY id")).all()
    return [(row.source, row.kind) for row in rows]


def deliver(shell: Shell, data: bytes, name: str = "1700000000.V1.mx") -> None:
    new = shell.state_dir / "Maildir" / "new"
    new.mkdir(parents=True, exist_ok=True)
    (shell.state_dir / "Maildir" / name).write_bytes(data)
    (shell.state_dir / "Maildir" / name).rename(new / name)


def test_without_settings_nothing_is_watched(shell: Shell) -> None:
    with opened(shell) as wiring:
        assert make_intakes(wiring) == ()


def test_a_maildir_below_the_state_directory_is_emptied_into_the_log(shell: Shell) -> None:
    shell.settings('[inbound.maildir]\npath = "Maildir"\n')
    deliver(shell, dsn(FIELDS))
    deliver(shell, plain("I am away.", subject="Automatic reply: papers", sender="a@b.example"), "2")
    deliver(shell, dsn(FIELDS), "3")  # the same again
    with opened(shell) as wiring:
        (intake,) = make_intakes(wiring)
        intake.step()
    assert logged(shell) == [("maildir", "bounce"), ("maildir", "auto-reply")]


def test_the_scheduler_starts_and_ends_what_listens(shell: Shell) -> None:
    port = free_port()
    shell.settings(f'[inbound.lmtp]\naddress = "127.0.0.1:{port}"\n')
    with opened(shell) as wiring, make_timetable(wiring).running():
        for _ in range(600):
            try:
                server = smtplib.LMTP("127.0.0.1", port, local_hostname="mx.example")
                break
            except OSError:
                time.sleep(0.05)
        with server:
            assert server.sendmail("", [OURS], dsn(FIELDS)) == {}
    assert logged(shell) == [("lmtp", "bounce")]
    with pytest.raises(OSError, match="refused"):
        smtplib.LMTP("127.0.0.1", port)


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ('[inbound.lmtp]\naddress = "0.0.0.0:24"', "write it as 127.0.0.1:8024"),
        ('[inbound.lmtp]\naddress = "8024"', "write it as 127.0.0.1:8024"),
        ('[inbound.lmtp]\naddress = "127.0.0.1:99999"', "write it as 127.0.0.1:8024"),
        ('[inbound.maildir]\npaht = "x"', "unknown setting inbound.maildir.paht"),
        ("[inbound.imap]\nport = 0", "must be at least 1"),
        ('[inbound.imap]\nhost = "imap.example.org"', "no login for this mailbox"),
        (
            '[inbound.imap]\nhost = "imap.example.org"\npassword = "x"',
            "a password without inbound.imap.username",
        ),
        (
            '[inbound.imap]\nhost = "i.example"\nusername = "u"\npassword = "x"\nsecurity = "none"',
            "no protection for a server",
        ),
        (
            '[inbound.imap]\nhost = "i.example"\nusername = "u"\npassword = "x"\nafter = "move"',
            "it needs moved_to",
        ),
        ('[inbound.webhooks]\nses_topic = "bounces"', "write the topic's ARN"),
        ('[inbound.webhooks]\nsendgrid_key = "short"', "write the verification key"),
        ('[inbound.webhooks]\nmailgun_key = "short"', "must have at least 8 characters"),
    ],
)
def test_wrong_settings_are_told_of(shell: Shell, toml: str, said: str) -> None:
    shell.settings(f"{toml}\n")
    answer = shell("bounces", "parse", "-", stdin="")
    assert answer.code == 78
    assert said in answer.stderr


@pytest.mark.full
def test_run_empties_the_maildir_that_filled_while_it_was_stopped(shell: Shell) -> None:
    shell.settings('[inbound.maildir]\npath = "Maildir"\n')
    deliver(shell, dsn(FIELDS))
    process = subprocess.Popen(
        [sys.executable, "-m", "newsletter", "--state-dir", str(shell.state_dir), "run", "--port", "0"],
        cwd=ROOT,
        env=os.environ | {"NEWSLETTER_DEBUG": "1"},
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(600):
            if not list((shell.state_dir / "Maildir" / "new").iterdir()):
                break
            time.sleep(0.1)
        deliver(shell, dsn(FIELDS.replace("ada", "bob")), "2")
        for _ in range(600):
            if len(logged(shell)) == 2:
                break
            time.sleep(0.1)
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    assert logged(shell) == [("maildir", "bounce")] * 2
