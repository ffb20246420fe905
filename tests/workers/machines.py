"""Several machines on one PostgreSQL server: workers as processes, each with a state directory of its own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg

from newsletter.samples import dumps
from tests.cli.shell import Shell
from tests.postgres_server import PostgresServer
from tests.smtp_servers.recording import RecordingServer

ROOT = Path(__file__).parents[2]
OPEN = ("queued", "leased", "handing over", "deferred")


class Machines:
    """One newsletter whose readers are due, and the workers that mail them."""

    def __init__(self, folder: Path, database: PostgresServer, mail_server: RecordingServer) -> None:
        """Creates the newsletter; nobody is a reader yet."""
        self.folder = folder
        self.database = database
        self.mail_server = mail_server
        self.got: Counter[str] = Counter()  # messages by recipient
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.began = datetime.now(UTC)
        with psycopg.connect(self._server, autocommit=True) as connection:
            connection.execute("DROP DATABASE IF EXISTS papers WITH (FORCE)")
            connection.execute("CREATE DATABASE papers")
        self.shell = Shell(folder / "first")
        hour = (self.began - timedelta(hours=1)).hour  # so that no slot comes during the test
        self.shell.settings(
            f'database_url = "{database.url}/papers"\ndefault_hour = {hour}\n\n[smtp]\nhost = "127.0.0.1"\n'
            f'port = {mail_server.port}\nsecurity = "none"\n'
        )
        self.shell.ok("init")

    @property
    def _server(self) -> str:
        return self.database.url.replace("+psycopg", "") + "/postgres"

    def readers(self, number: int, topics: str = "everything") -> None:
        """Readers who joined before the slot."""
        roster = self.folder / "roster.csv"
        rows = [f"r{n}@readers.example,{topics}" for n in range(number)]
        roster.write_text("\n".join(["email,topics", *rows]), "utf-8")
        joined = (self.began - timedelta(hours=4)).isoformat()
        self.shell.ok("subscribers", "import", str(roster), "--confirmed", "--at", joined)

    def ingest(self) -> None:
        """Take in a listing before the slot."""
        at = (self.began - timedelta(hours=3)).isoformat()
        self.shell.ok("ingest", str(dumps()[0]), "--at", at)

    def state_dir_of(self, name: str) -> Path:
        """The state directory of a machine, with the settings and keys of the first."""
        state_dir = self.folder / name
        if not state_dir.exists():
            shutil.copytree(self.shell.state_dir, state_dir)
        return state_dir

    def start(self, name: str, *options: str) -> None:
        """Start the worker of a machine, again under the same name."""
        state_dir = self.state_dir_of(name)
        with (self.folder / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen(
                [sys.executable, "-m", "newsletter", "--state-dir", str(state_dir), "worker", *options],
                cwd=ROOT,
                env=dict(os.environ),
                stdout=log,
                stderr=log,
            )

    def kill(self, name: str) -> None:
        """Kill -9."""
        self.running[name].kill()
        self.running[name].wait()

    def stop(self, name: str, seconds: float = 60) -> int:
        """Ask it to stop; its exit code."""
        self.running[name].terminate()
        return self.running[name].wait(seconds)

    def end(self) -> None:
        """Kill what runs."""
        for process in self.running.values():
            process.kill()
            process.wait()

    def log(self, name: str) -> str:
        """All that a worker said."""
        return (self.folder / f"{name}.log").read_text("utf-8", "replace")

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """The result of a query; nothing while the server is away."""
        with (
            suppress(psycopg.Error),
            psycopg.connect(f"{self._server[:-8]}papers", autocommit=True) as connection,
        ):
            return connection.execute(statement).fetchall()  # type: ignore[arg-type]
        return []

    def states(self) -> dict[str, int]:
        """The number of deliveries by state."""
        return dict(self.rows("SELECT state, count(*) FROM deliveries GROUP BY state"))

    def drain(self) -> None:
        """Count what the mail server accepted, and forget the bytes."""
        accepted, self.mail_server.lines = self.mail_server.accepted, []
        self.mail_server.accepted = []
        self.got.update(mail.recipient for mail in accepted)

    def empty_engine_tables(self) -> None:
        """Empty all tables of the engine."""
        found = self.rows(
            "SELECT schemaname, tablename FROM pg_tables WHERE schemaname LIKE 'newsletter_jobs_%'"
        )
        assert len(found) == 4
        names = ", ".join(f"{schema}.{table}" for schema, table in found)
        with psycopg.connect(f"{self._server[:-8]}papers", autocommit=True) as connection:
            connection.execute(f"TRUNCATE {names}")  # type: ignore[arg-type]


class Forks:
    """Workers that are forks of one process: they are back within a moment after a kill."""

    def __init__(self, machines: Machines) -> None:
        self._machines = machines
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.workers.worker_forks"],
            cwd=ROOT,
            env=dict(os.environ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._pids: dict[str, int] = {}

    def start(self, name: str) -> None:
        """Start the worker of a machine, again under the same name."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        state_dir = self._machines.state_dir_of(name)
        self._process.stdin.write(f"{state_dir} {self._machines.folder / name}.log\n")
        self._process.stdin.flush()
        self._pids[name] = int(self._process.stdout.readline())

    def runs(self, name: str) -> bool:
        """Whether it has not ended."""
        with suppress(ProcessLookupError):
            os.kill(self._pids[name], 0)
            return True
        return False

    def kill(self, name: str) -> None:
        """Kill -9."""
        with suppress(ProcessLookupError):
            os.kill(self._pids[name], signal.SIGKILL)
        while self.runs(name):
            time.sleep(0.01)

    def end(self) -> None:
        """Kill all of them."""
        for name in self._pids:
            self.kill(name)
        self._process.communicate()


class Ages:
    """How long deliveries stay in a state in which one owner holds them."""

    def __init__(self, machines: Machines) -> None:
        self._machines = machines
        self._since: dict[tuple[Any, ...], float] = {}
        self.oldest = 0.0  # seconds

    def look(self) -> None:
        """Note what is held now."""
        now = time.monotonic()
        held = self._machines.rows("SELECT id, state, owner FROM deliveries WHERE owner IS NOT NULL")
        self._since = {row: self._since.get(row, now) for row in held}
        self.oldest = max([self.oldest, *(now - since for since in self._since.values())])


def wait(
    seen: Callable[[], object], *, seconds: float = 120, each: Callable[[], object] = lambda: None
) -> None:
    """Return when `seen` returns something; `each` is called again and again meanwhile."""
    end = time.monotonic() + seconds
    while not seen():
        assert time.monotonic() < end, "it did not happen"
        each()
        time.sleep(0.2)
