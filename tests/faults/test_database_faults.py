"""A database that fails while messages go out: tried again, reported, no answer of a mail server lost."""

from __future__ import annotations

import logging
import os
import re
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from newsletter.core.errors import StorageError
from newsletter.db.engine import writing
from newsletter.samples import dumps
from tests.cli.shell import Shell
from tests.databases import migrate, migrated_url
from tests.pipeline.whole_newsletter import WholeNewsletter
from tests.postgres_server import PostgresServer, private_postgres
from tests.smtp_servers.recording import RecordingServer

pytestmark = pytest.mark.full

READERS = 60
OUTAGE = 2.0  # seconds
SLOT, LATER = "2026-04-14T07:00", "2026-04-14T07:10"
ROOT = Path(__file__).parents[2]
PLACE = re.compile(r" on (\S+) port (\d+)")


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    with private_postgres() as server:
        yield server


def database(postgres: PostgresServer, name: str) -> str:
    """The URL of a new database that has all tables."""
    import psycopg

    plain = postgres.url.replace("+psycopg", "")
    with psycopg.connect(f"{plain}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")  # type: ignore[arg-type]
    migrate(f"{postgres.url}/{name}")
    return f"{postgres.url}/{name}"


@pytest.fixture
def server() -> Iterator[RecordingServer]:
    with RecordingServer() as server:
        yield server


def ready(folder: Path, server: RecordingServer, url: str) -> WholeNewsletter:
    newsletter = WholeNewsletter(folder, port=server.port, url=url)
    for number in range(READERS):
        newsletter.reader(f"r{number}@readers.example", "circuits", joined="2026-04-12T12:00")
    newsletter.ingest_samples([14])
    return newsletter


@contextmanager
def restarted(postgres: PostgresServer, _engine: Engine) -> Iterator[None]:
    postgres.stop()
    yield
    postgres.start()


@contextmanager
def sessions_ended(postgres: PostgresServer, _engine: Engine) -> Iterator[None]:
    with other(postgres) as connection:
        connection.execute(END_SESSIONS)
    yield


@contextmanager
def no_connections(postgres: PostgresServer, _engine: Engine) -> Iterator[None]:
    """Others take every connection as soon as ours end."""
    import psycopg

    with ExitStack() as stack, other(postgres) as connection:
        connection.execute(END_SESSIONS)
        while True:
            try:
                stack.enter_context(psycopg.connect(plain_url(postgres), autocommit=True))
            except psycopg.OperationalError:
                break
        yield


END_SESSIONS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE pid <> pg_backend_pid() AND datname IS NOT NULL"
)


@contextmanager
def other(postgres: PostgresServer) -> Iterator[Any]:
    import psycopg

    with psycopg.connect(plain_url(postgres), autocommit=True) as connection:
        yield connection


def plain_url(postgres: PostgresServer) -> str:
    return postgres.url.replace("+psycopg", "") + "/postgres"


def refusing(state: str) -> Callable[[PostgresServer, Engine], Any]:
    """Every update of a delivery fails with that SQLSTATE."""

    @contextmanager
    def fault(_postgres: PostgresServer, engine: Engine) -> Iterator[None]:
        with writing(engine) as connection:
            connection.execute(
                text(
                    "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
                    f"$$ BEGIN RAISE EXCEPTION 'refused' USING ERRCODE = '{state}'; END $$"
                )
            )
            connection.execute(
                text(
                    "CREATE TRIGGER refuse BEFORE UPDATE ON deliveries FOR EACH STATEMENT "
                    "EXECUTE FUNCTION refuse()"
                )
            )
        yield
        with writing(engine) as connection:
            connection.execute(text("DROP TRIGGER refuse ON deliveries"))

    return fault


@contextmanager
def full_file(_postgres: PostgresServer | None, engine: Engine) -> Iterator[None]:
    """SQLite's words for a full disk, from every update of a delivery."""
    with writing(engine) as connection:
        connection.execute(
            text(
                "CREATE TRIGGER refuse BEFORE UPDATE ON deliveries "
                "BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END"
            )
        )
    yield
    with writing(engine) as connection:
        connection.execute(text("DROP TRIGGER refuse"))


POSTGRESQL = {
    "restarted": restarted,
    "sessions ended": sessions_ended,
    "no connections": no_connections,
    "deadlock": refusing("40P01"),
    "serialization": refusing("40001"),
    "disk full": refusing("53100"),
    "lock not available": refusing("55P03"),
}


def check_a_run_survives(
    newsletter: WholeNewsletter,
    server: RecordingServer,
    fault: Callable[[], Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    def break_and_mend() -> None:
        while len(server.accepted) < READERS // 6:
            time.sleep(0.01)
        with fault():
            time.sleep(OUTAGE)

    server.rules.delay = 0.1
    thread = threading.Thread(target=break_and_mend)
    thread.start()
    with caplog.at_level(logging.INFO), pytest.raises(StorageError) as told:
        newsletter.send(SLOT)
    thread.join()
    assert told.value.hint
    assert "were written after failures=" in caplog.text or "wait for the database" not in caplog.text
    server.rules.delay = 0.0
    report = newsletter.send(SLOT)
    assert report.complete
    found = newsletter.audit(LATER)
    assert (found.repeated, found.missed, found.uncertain) == (0, 0, 0)
    got = Counter(mail.recipient for mail in server.accepted)
    assert (len(got), max(got.values())) == (READERS, 1)
    newsletter.engine.dispose()


@pytest.mark.parametrize("kind", POSTGRESQL)
def test_a_run_on_postgresql_keeps_the_answers_until_the_database_is_back(
    kind: str,
    postgres: PostgresServer,
    server: RecordingServer,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    newsletter = ready(tmp_path, server, database(postgres, kind.replace(" ", "_")))
    fault = POSTGRESQL[kind]
    check_a_run_survives(newsletter, server, lambda: fault(postgres, newsletter.engine), caplog)


def test_a_run_on_sqlite_keeps_the_answers_until_the_disk_has_room(
    server: RecordingServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    newsletter = ready(tmp_path, server, migrated_url(tmp_path))
    check_a_run_survives(newsletter, server, lambda: full_file(None, newsletter.engine), caplog)


def test_a_server_whose_default_is_serializable_changes_nothing(
    postgres: PostgresServer, server: RecordingServer, tmp_path: Path
) -> None:
    url = database(postgres, "serializable")
    with other(postgres) as connection:
        connection.execute("ALTER DATABASE serializable SET default_transaction_isolation = 'serializable'")
    newsletter = ready(tmp_path, server, url)
    with writing(newsletter.engine) as connection:
        assert connection.execute(text("SHOW transaction_isolation")).scalar_one() == "read committed"
    assert newsletter.send(SLOT).sent == READERS
    newsletter.engine.dispose()


def test_the_whole_newsletter_goes_on_by_itself_when_postgresql_is_back(
    postgres: PostgresServer, server: RecordingServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`newsletter run`: the pages say 503 meanwhile, the steps are tried again, everybody gets one mail."""
    monkeypatch.setenv("NEWSLETTER_DATABASE_URL", database(postgres, "whole"))
    shell = Shell(tmp_path / "state")
    shell.ok("init")
    shell.settings(f'[smtp]\nhost = "127.0.0.1"\nport = {server.port}\nsecurity = "none"\n')
    for number in range(20):
        shell.ok(
            "subscribers", "add", f"r{number}@readers.example", "--topic", "everything", "--confirmed",
            "--at", days_ago(3),
        )  # fmt: skip
    shell.ok("ingest", str(dumps()[0]), "--at", days_ago(26 / 24))  # a slot came since
    server.rules.delay = 0.3
    log = tmp_path / "log"
    command = [sys.executable, "-m", "newsletter", "--state-dir", str(shell.state_dir), "run", "--port", "0"]
    with log.open("w") as out:
        process = subprocess.Popen(command, cwd=ROOT, stderr=out, env=dict(os.environ))
    try:
        wait(lambda: server.accepted and PLACE.search(said(log)), process)
        found = PLACE.search(said(log))
        assert found is not None
        address = "http://{}:{}".format(*found.groups())
        assert status_of(f"{address}/archive") == 200
        postgres.stop()
        assert status_of(f"{address}/archive") == 503
        wait(lambda: "failures=1" in said(log), process)
        postgres.start()
        server.rules.delay = 0.0
        wait(lambda: len({mail.recipient for mail in server.accepted}) == 20, process)
        wait(lambda: "works again after failures=" in said(log), process)
        assert status_of(f"{address}/archive") == 200
    finally:
        process.terminate()
        assert process.wait(60) == 0
    assert "Traceback" not in said(log)
    balance = shell.ok("audit", "--json").json
    assert (balance["repeated"], balance["missed"], balance["uncertain"]) == (0, 0, 0)
    assert Counter(mail.recipient for mail in server.accepted).most_common(1)[0][1] == 1


def days_ago(days: float) -> str:
    return (datetime.now(UTC) - timedelta(days=days)).isoformat()


def said(log: Path) -> str:
    return log.read_text("utf-8")


def status_of(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=60) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def wait(seen: Callable[[], object], process: subprocess.Popen[bytes], seconds: float = 120.0) -> None:
    end = time.monotonic() + seconds
    while not seen():
        assert process.poll() is None, "it ended"
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.1)
