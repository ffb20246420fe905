"""`newsletter serve` as a process: started, requested over real sockets like a proxy, stopped or killed."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode

from sqlalchemy import Engine, func, select

from newsletter.db.engine import default_url, open_engine, reading
from newsletter.db.schema import deliveries
from subscribers import queries, requests
from tests.state_dirs import initialized
from tests.web.newsletter_site import field_of

ROOT = Path(__file__).parents[2]
STEP_TIMEOUT = 60.0  # seconds for any step on a busy machine


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """An answer."""

    status: int
    location: str
    text: str


@dataclass(slots=True, kw_only=True)
class Serving:
    """A newsletter whose pages are served by separate processes."""

    folder: Path  # the state directory
    smtp_port: int
    settings: Mapping[str, str] = field(default_factory=dict)  # environment variables, without their prefix
    workers: int = 1
    process: subprocess.Popen[str] | None = None
    port: int = 0
    engine: Engine = field(init=False)

    def __post_init__(self) -> None:
        self.engine = open_engine(default_url(initialized(self.folder)))

    def environment(self) -> dict[str, str]:
        """The environment of the command."""
        ours = {
            "STATE_DIR": str(self.folder),
            "SMTP__HOST": "127.0.0.1",
            "SMTP__PORT": str(self.smtp_port),
            "SMTP__SECURITY": "none",
            **self.settings,
        }
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("NEWSLETTER_")}
        return inherited | {f"NEWSLETTER_{name}": value for name, value in ours.items()}

    def command(self, *arguments: str) -> list[str]:
        """The command line that serves."""
        return [sys.executable, "-m", "newsletter", "serve", *arguments]

    def start(self) -> None:
        """Start on a free port, and wait until pages answer."""
        log = self.folder / "serve.log"
        with log.open("a", encoding="utf-8") as file:
            before = file.tell()
            self.process = subprocess.Popen(
                self.command("--port", str(self.port), "--workers", str(self.workers)),
                cwd=ROOT,
                env=self.environment(),
                stdout=subprocess.DEVNULL,
                stderr=file,
                text=True,
                start_new_session=True,
            )
        deadline = time.monotonic() + STEP_TIMEOUT
        while (found := re.search(r"on \S+ port (\d+);", log.read_text("utf-8")[before:])) is None:
            assert self.process.poll() is None, self.log()
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.02)
        self.port = int(found.group(1))
        assert self.get("/robots.txt").status == 200

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal; returns the exit code."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(STEP_TIMEOUT)

    def kill(self) -> None:
        """Kill all of its processes together, like a power failure."""
        assert self.process is not None
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(STEP_TIMEOUT)

    def log(self) -> str:
        """The log so far."""
        return (self.folder / "serve.log").read_text("utf-8")

    # requests

    def ask(
        self,
        method: str,
        path: str,
        *,
        sent: Mapping[str, str | list[str]] | None = None,
        forwarded: str = "",
        peer: str = "127.0.0.1",
    ) -> Page:
        """One request on a connection of its own. forwarded: X-Forwarded-For. peer: the client's address."""
        headers = {"X-Forwarded-For": forwarded} if forwarded else {}
        if sent is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        connection = HTTPConnection("127.0.0.1", self.port, timeout=STEP_TIMEOUT, source_address=(peer, 0))
        try:
            body = urlencode(sent, doseq=True) if sent is not None else None
            connection.request(method, path, body=body, headers=headers)
            answer = connection.getresponse()
            text = answer.read().decode()
            return Page(status=answer.status, location=answer.headers.get("Location", ""), text=text)
        finally:
            connection.close()

    def get(self, path: str) -> Page:
        """A page."""
        return self.ask("GET", path)

    def sign_up(self, email: str, *, forwarded: str = "", peer: str = "127.0.0.1", time: str = "") -> Page:
        """Send the form. time: the signed time of the form; empty: none."""
        sent: dict[str, str | list[str]] = {"email": email, "topics": ["quantum"], "form": time}
        return self.ask("POST", "/sign-up", sent=sent, forwarded=forwarded, peer=peer)

    def form_time(self) -> str:
        """The signed time of a form that is shown now."""
        return field_of(self.get("/").text, "form")

    # what is stored

    def requests(self) -> dict[str, int]:
        """The number of requests that wait, and of failed ones."""
        with reading(self.engine) as connection:
            return requests.counts(connection)

    def states(self) -> dict[str, int]:
        """The number of deliveries by state."""
        counted = select(deliveries.c.state, func.count()).group_by(deliveries.c.state)
        with reading(self.engine) as connection:
            return {state: number for state, number in connection.execute(counted)}  # noqa: C416 - rows

    def state_of(self, email: str) -> str:
        """The state of a person; empty for an unknown address."""
        with reading(self.engine) as connection:
            person = queries.find(connection, email)
        return "" if person is None else str(person.state)


@contextmanager
def serving(
    folder: Path, smtp_port: int, *, workers: int = 1, settings: Mapping[str, str] | None = None
) -> Iterator[Serving]:
    """A newsletter that is served as long as the block runs."""
    site = Serving(folder=folder, smtp_port=smtp_port, settings=settings or {}, workers=workers)
    try:
        site.start()
        yield site
    finally:
        if site.process is not None:
            site.kill()
        site.engine.dispose()
