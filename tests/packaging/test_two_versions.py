"""An old worker, release 0.1.0, goes on while the database is migrated and new workers send beside it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from newsletter.samples import dumps
from tests.cli.shell import Shell
from tests.packaging.old_release import ROOT, install_release, old_environment
from tests.smtp_servers.recording import RecordingServer

pytestmark = pytest.mark.full

READERS = 60


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install_release(tmp_path_factory.mktemp("release"))


@pytest.fixture
def server() -> Iterator[RecordingServer]:
    with RecordingServer() as server:
        yield server


class Version:
    """Commands of one version on one state directory, in processes."""

    def __init__(self, state_dir: Path, environment: dict[str, str], folder: Path) -> None:
        self._command = [sys.executable, "-m", "newsletter", "--state-dir", str(state_dir)]
        self._environment, self._folder = environment, folder

    def ok(self, *arguments: str) -> str:
        done = self.run(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self._command, *arguments],
            cwd=self._folder,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    def start(self, log: Path, *arguments: str) -> subprocess.Popen[bytes]:
        with log.open("w") as out:
            return subprocess.Popen(
                [*self._command, *arguments], cwd=self._folder, env=self._environment, stdout=out, stderr=out
            )


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_an_old_worker_and_new_ones_send_side_by_side(
    kind: str,
    installed: Path,
    server: RecordingServer,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if kind == "postgresql":
        monkeypatch.setenv("NEWSLETTER_DATABASE_URL", str(request.getfixturevalue("empty_postgres_url")))
    state = tmp_path / "state"
    old = Version(state, old_environment(installed), tmp_path)
    new = Version(state, dict(os.environ), ROOT)
    assert old.ok("--version").strip().endswith("0.1.0")
    old.ok("init")
    Shell(state).settings(f'[smtp]\nhost = "127.0.0.1"\nport = {server.port}\nsecurity = "none"\n')
    roster = tmp_path / "roster.csv"
    rows = [f"r{number}@readers.example,everything" for number in range(READERS)]
    roster.write_text("\n".join(["email,topics", *rows]), "utf-8")
    old.ok("subscribers", "import", str(roster), "--confirmed", "--at", days_ago(3))
    old.ok("ingest", str(dumps()[0]), "--at", days_ago(26 / 24))  # a slot came since
    server.rules.delay = 0.4
    log = tmp_path / "log"
    worker = old.start(log, "schedule")
    try:
        wait(lambda: len(server.accepted) >= 5, worker)
        new.ok("migrate")
        assert len(server.accepted) < READERS, "the old worker was done before"
        beside = new.start(tmp_path / "beside", "send")
        before = len(server.accepted)
        wait(lambda: len(server.accepted) > before, worker)
        assert beside.wait(300) in (0, 3), (tmp_path / "beside").read_text("utf-8")
        server.rules.delay = 0.0
        wait(lambda: len({mail.recipient for mail in server.accepted}) == READERS, worker)
        # The old worker composes and sends what the new version brought in, too.
        new.ok(
            "subscribers",
            "add",
            "late@readers.example",
            "--topic",
            "everything",
            "--confirmed",
            "--at",
            days_ago(2),
        )
        wait(lambda: "late@readers.example" in {mail.recipient for mail in server.accepted}, worker)
    finally:
        worker.terminate()
        code = worker.wait(120)
    words = log.read_text("utf-8")
    assert (code, "Traceback" in words, "failures=" in words) == (0, False, False), words
    new.run("send")
    assert '"repeated": 0' in (found := new.ok("audit", "--json"))
    assert '"missed": 0' in found
    assert '"uncertain": 0' in found
    got = Counter(mail.recipient for mail in server.accepted)
    assert (len(got), max(got.values())) == (READERS + 1, 1)
    # Started anew, the old one refuses: it does not know who may read a newer schema.
    refused = old.run("send")
    assert (refused.returncode, "newer version" in refused.stderr) == (1, True)


def days_ago(days: float) -> str:
    return (datetime.now(UTC) - timedelta(days=days)).isoformat()


def wait(seen: Callable[[], object], process: subprocess.Popen[bytes], seconds: float = 180.0) -> None:
    end = time.monotonic() + seconds
    while not seen():
        assert process.poll() is None, "it ended"
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.1)
