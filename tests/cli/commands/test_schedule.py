"""`newsletter schedule` and `run` as processes: two at once, one stopped for days or killed, told to stop."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from newsletter.samples import dumps
from tests.cli.shell import Shell
from tests.smtp_servers.recording import RecordingServer

ROOT = Path(__file__).parents[3]
READERS = 30
HOUR = timedelta(hours=1)


@pytest.fixture
def server() -> Iterator[RecordingServer]:
    with RecordingServer() as server:
        yield server


@pytest.fixture
def shell(shell: Shell, server: RecordingServer, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """A newsletter whose readers' hour came a while ago, every day."""
    for key, value in {"HOST": "127.0.0.1", "PORT": str(server.port), "SECURITY": "none"}.items():
        monkeypatch.setenv(f"NEWSLETTER_SMTP__{key}", value)
    hour = _slot().hour
    roster = shell.state_dir / "roster.csv"
    rows = [f"r{n}@readers.example,everything,{hour}" for n in range(READERS)]
    roster.write_text("\n".join(["email,topics,hour", *rows]), "utf-8")
    shell.ok("subscribers", "import", str(roster), "--confirmed", "--at", _iso(_slot() - timedelta(days=5)))
    return shell


def _slot() -> datetime:
    """Today's slot: the last full hour that is a quarter of an hour ago, so that no test meets the next."""
    return (datetime.now(UTC) - timedelta(minutes=15)).replace(minute=0, second=0, microsecond=0)


def _iso(at: datetime) -> str:
    return at.isoformat()


class Running:
    """A program that runs on."""

    def __init__(self, shell: Shell, *arguments: str) -> None:
        command = [sys.executable, "-m", "newsletter", "--state-dir", str(shell.state_dir), *arguments]
        self.log = shell.state_dir / f"{arguments[0]}-{time.monotonic_ns()}.log"
        with self.log.open("w") as out:
            self.process = subprocess.Popen(command, cwd=ROOT, stderr=out, env=dict(os.environ))

    def said(self, pattern: str) -> re.Match[str] | None:
        return re.search(pattern, self.log.read_text("utf-8"))

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(60)


@contextmanager
def running(shell: Shell, *arguments: str) -> Iterator[Running]:
    program = Running(shell, *arguments)
    try:
        yield program
    finally:
        program.stop(signal.SIGKILL)


def wait_for(seen: Callable[[], object], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not seen():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.1)


def _mailed(server: RecordingServer) -> Counter[str]:
    return Counter(mail.recipient for mail in server.accepted)


def _once_each(server: RecordingServer) -> bool:
    return len(_mailed(server)) == READERS


def _check_ledger(shell: Shell, mails: int) -> None:
    found = shell.ok("audit", "--json").json
    assert (found["deliveries"], found["repeated"], found["missed"], found["pending"]) == (mails, 0, 0, {})


@pytest.mark.full
def test_two_schedulers_started_at_once_mail_everybody_once_and_one_takes_over(
    shell: Shell, server: RecordingServer
) -> None:
    shell.ok("ingest", str(dumps()[0]), "--at", _iso(_slot() - HOUR))
    with ExitStack() as stack:
        both = [stack.enter_context(running(shell, "schedule")) for _ in range(2)]
        wait_for(lambda: _once_each(server))
        wait_for(lambda: all(program.said("scheduler started") for program in both))
        wait_for(lambda: any(program.said("delivered sent") for program in both))  # logged after the commit
        [leader] = [program for program in both if program.said("delivered sent")]
        [other] = [program for program in both if program is not leader]
        assert other.said("another scheduler of this newsletter works; this one waits")
        assert not leader.said("another scheduler")
        assert leader.stop(signal.SIGKILL) == -signal.SIGKILL
        shutil.copy(dumps()[1], shell.state_dir / "inbox" / "next.txt")
        wait_for(lambda: other.said(r"dump ingested file='next.txt'"))
        assert other.stop() == 0
    assert max(_mailed(server).values()) == 1
    _check_next_day(shell, server)


def _check_next_day(shell: Shell, server: RecordingServer) -> None:
    """What the second one took in is for the next slot; nothing is missed."""
    shell.ok("send", "--at", _iso(_slot() + timedelta(days=1)))
    assert Counter(_mailed(server).values()) == {2: READERS}
    found = shell.ok("audit", "--at", _iso(_slot() + timedelta(days=1)), "--json").json
    assert (found["repeated"], found["missed"], found["pending"]) == (0, 0, {})


@pytest.mark.full
def test_scheduler_that_was_stopped_for_days_sends_one_catching_up_digest_each(
    shell: Shell, server: RecordingServer
) -> None:
    for days, dump in ((3, dumps()[0]), (2, dumps()[1]), (1, dumps()[2])):
        at = _slot() - timedelta(days=days)
        shell.ok("ingest", str(dump), "--at", _iso(at - HOUR))
        if days == 3:
            shell.ok("send", "--at", _iso(at))  # the last that it did
    assert Counter(_mailed(server).values()) == {1: READERS}
    with running(shell, "schedule") as program:
        wait_for(lambda: program.said(rf"delivered sent={READERS} "))
        assert program.stop() == 0
    assert Counter(_mailed(server).values()) == {2: READERS}
    _check_ledger(shell, 2 * READERS)


def test_run_serves_the_pages_and_sends_what_is_due(shell: Shell, server: RecordingServer) -> None:
    shell.ok("ingest", str(dumps()[0]), "--at", _iso(_slot() - HOUR))
    with running(shell, "run", "--port", "0") as program:
        wait_for(lambda: program.said(r"Serving \S+ on 127.0.0.1 port \d+"))
        wait_for(lambda: _once_each(server))
        port = program.said(r" on 127.0.0.1 port (\d+)")
        assert port is not None
        with urllib.request.urlopen(f"http://127.0.0.1:{port[1]}/", timeout=10) as answer:
            assert answer.status == 200
        program.stop()
        assert program.said("scheduler stopped")
        assert program.said("@") is None, "a log holds no address"
    _check_ledger(shell, READERS)


@pytest.mark.full
def test_schedule_that_is_told_to_stop_while_it_sends_loses_nothing(
    shell: Shell, server: RecordingServer
) -> None:
    server.rules.delay = 0.3
    shell.ok("ingest", str(dumps()[0]), "--at", _iso(_slot() - HOUR))
    with running(shell, "schedule") as program:
        wait_for(lambda: server.accepted)
        assert program.stop() == 0
    assert 0 < len(_mailed(server)) < READERS
    server.rules.delay = 0.0
    assert shell.ok("send", "--json").json["uncertain"] == 0
    assert Counter(_mailed(server).values()) == {1: READERS}
    _check_ledger(shell, READERS)


def test_schedule_in_no_state_directory_fails_at_once(bare: Shell) -> None:
    assert bare("schedule").code == 1
