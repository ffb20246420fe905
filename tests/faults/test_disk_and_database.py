"""A full or read-only disk and a locked database are reported; nothing is lost, and work goes on."""

from __future__ import annotations

import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from newsletter.db.engine import DEFAULT_FILE
from newsletter.samples import dumps
from tests.cli.shell import Shell
from tests.faults.mounts import mounted
from tests.smtp_servers.recording import RecordingServer

pytestmark = pytest.mark.full

ROOT = Path(__file__).parents[2]
READERS = 120
KIB = 1024
JOINED, INGESTED, SLOT = "2026-04-12T12:00", "2026-04-13T06:00", "2026-04-13T07:00"


@pytest.fixture(scope="module")
def server() -> Iterator[RecordingServer]:
    with RecordingServer() as server:
        yield server


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory, server: RecordingServer) -> Path:
    """A newsletter whose readers all follow everything, on Sunday."""
    shell = Shell(tmp_path_factory.mktemp("settled") / "state")
    shell.ok("init")
    shell.settings(f'[smtp]\nhost = "127.0.0.1"\nport = {server.port}\nsecurity = "none"\n')
    rows = [f"r{number}@readers.example,everything" for number in range(READERS)]
    roster = shell.state_dir.parent / "roster.csv"
    roster.write_text("\n".join(["email,topics", *rows]), "utf-8")
    shell.ok("subscribers", "import", str(roster), "--confirmed", "--at", JOINED)
    return shell.state_dir


@pytest.fixture
def shell(settled: Path, server: RecordingServer, tmp_path: Path) -> Shell:
    server.accepted.clear()
    shutil.copytree(settled, tmp_path / "state")
    return Shell(tmp_path / "state")


def _command(shell: Shell, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "newsletter", "--state-dir", str(shell.state_dir), *arguments]


def _limited(shell: Shell, largest: int, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a process that can write no file of more than `largest` bytes."""
    return subprocess.run(
        _command(shell, *arguments),
        cwd=ROOT,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest)),
    )


def _check_error_without_traceback(done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode in (1, 3), done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert "Error" in done.stderr or "error" in done.stderr, done.stderr


def _check_each_reader_got_it_once(shell: Shell, server: RecordingServer) -> None:
    found = shell.ok("audit", "--at", SLOT, "--json").json
    assert (found["repeated"], found["missed"]) == (0, 0)
    got = Counter(mail.recipient for mail in server.accepted)
    assert not [address for address, times in got.items() if times > 1], "doubled"
    assert len(got) + found["uncertain"] >= READERS


@pytest.mark.parametrize("room", [0, 8, 24])
def test_ingest_on_a_full_disk_says_so_and_is_whole_afterwards(shell: Shell, room: int) -> None:
    size = (shell.state_dir / DEFAULT_FILE).stat().st_size
    done = _limited(shell, room * KIB, "ingest", str(dumps()[0]), "--at", INGESTED)
    _check_error_without_traceback(done)
    assert (shell.state_dir / DEFAULT_FILE).stat().st_size >= size
    assert shell.ok("papers", "list", "--json").json == []
    report = shell.ok("ingest", str(dumps()[0]), "--at", INGESTED, "--json").json
    assert [dump["status"] for dump in report["dumps"]] == ["ingested"]


@pytest.mark.parametrize("room", [40, 160, 320, 480])
def test_send_on_a_disk_that_fills_up_loses_and_doubles_nothing(
    shell: Shell, server: RecordingServer, room: int
) -> None:
    """room: KiB for each file; the journal of all deliveries needs more."""
    shell.ok("ingest", str(dumps()[0]), "--at", INGESTED)
    done = _limited(shell, room * KIB, "send", "--at", SLOT)
    if done.returncode:  # else the room was enough
        _check_error_without_traceback(done)
    assert shell("send", "--at", SLOT).code in (0, 3)  # 3: messages in transit at the failure are uncertain
    _check_each_reader_got_it_once(shell, server)


def test_scheduler_on_a_full_disk_goes_on_by_itself_once_there_is_room(
    settled: Path, server: RecordingServer, tmp_path: Path
) -> None:
    server.accepted.clear()
    place = tmp_path / "disk"
    place.mkdir()
    with mounted("-t", "tmpfs", "-o", "size=6m", "none", str(place)):
        shell = Shell(place / "state")
        shutil.copytree(settled, shell.state_dir)
        yesterday = datetime.now(UTC) - timedelta(hours=26)  # a slot came since
        shell.ok("ingest", str(dumps()[0]), "--at", yesterday.isoformat())
        ballast = place / "ballast"
        server.rules.delay = 0.2
        log = tmp_path / "log"
        with log.open("w") as out:
            process = subprocess.Popen(_command(shell, "schedule"), cwd=ROOT, stderr=out)
        try:
            _wait(lambda: server.accepted, process)
            with ballast.open("wb", buffering=0) as file, suppress(OSError):
                while file.write(b"x" * KIB):
                    pass
            _wait(lambda: "wait for the database failures=" in log.read_text("utf-8"), process)
            server.rules.delay = 0.0
            ballast.unlink()
            _wait(lambda: "were written after failures=" in log.read_text("utf-8"), process)
            _wait(lambda: "step=deliver works again" in log.read_text("utf-8"), process)
            _wait(lambda: shell.ok("send", "--dry-run", "--json").json["due"] == 0, process)
        finally:
            server.rules.delay = 0.0
            process.terminate()
            assert process.wait(60) == 0
        assert "Traceback" not in log.read_text("utf-8")
        found = shell.ok("audit", "--json").json
        assert (found["repeated"], found["missed"]) == (0, 0)
        assert Counter(mail.recipient for mail in server.accepted).most_common(1)[0][1] == 1


def _wait(seen: Callable[[], object], process: subprocess.Popen[bytes], seconds: float = 45.0) -> None:
    end = time.monotonic() + seconds
    while not seen():
        assert process.poll() is None, "it ended"
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.1)


def test_send_in_a_directory_that_is_read_only_says_so_and_loses_nothing(
    shell: Shell, server: RecordingServer
) -> None:
    shell.ok("ingest", str(dumps()[0]), "--at", INGESTED)
    place = str(shell.state_dir)
    with mounted("--bind", place, place):
        subprocess.run(["mount", "-o", "remount,ro,bind", place], check=True)
        answer = shell("send", "--at", SLOT)
        assert (answer.code, server.accepted) == (1, [])
        assert "written" in answer.stderr or "writable" in answer.stderr or "read-only" in answer.stderr
    shell.ok("send", "--at", SLOT)
    _check_each_reader_got_it_once(shell, server)


@pytest.mark.parametrize("step", ["ingest", "send"])
def test_commands_wait_for_a_database_that_is_locked_for_a_while(
    shell: Shell, server: RecordingServer, step: str
) -> None:
    if step == "send":
        shell.ok("ingest", str(dumps()[0]), "--at", INGESTED)
    locked, done = threading.Event(), threading.Event()

    def lock() -> None:
        connection = sqlite3.connect(shell.state_dir / DEFAULT_FILE, isolation_level=None)
        connection.execute("BEGIN IMMEDIATE")
        locked.set()
        done.wait(1.5)
        connection.execute("ROLLBACK")
        connection.close()

    thread = threading.Thread(target=lock)
    thread.start()
    locked.wait()
    arguments = (step, str(dumps()[0]), "--at", INGESTED) if step == "ingest" else (step, "--at", SLOT)
    assert shell(*arguments).code == 0
    thread.join()
    if step == "ingest":
        shell.ok("send", "--at", SLOT)
    _check_each_reader_got_it_once(shell, server)


@pytest.mark.prove
def test_database_that_stays_locked_is_reported(shell: Shell, server: RecordingServer) -> None:
    """A database stays locked beyond the time limit: exit 1 with a message; the next run does all work."""
    shell.ok("ingest", str(dumps()[0]), "--at", INGESTED)
    connection = sqlite3.connect(shell.state_dir / DEFAULT_FILE, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    answer = shell("send", "--at", SLOT)
    connection.execute("ROLLBACK")
    connection.close()
    assert (answer.code, server.accepted) == (1, [])
    assert "locked" in answer.stderr
    shell.ok("send", "--at", SLOT)
    _check_each_reader_got_it_once(shell, server)
