"""Four workers that are killed all the time, on a database that restarts, mail everybody once."""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.postgres_server import PostgresServer, private_postgres
from tests.smtp_servers.recording import RecordingServer
from tests.workers.machines import OPEN, Ages, Forks, Machines, wait

WORKERS = ("one", "two", "three", "four")
LONGEST = 60.0  # seconds that a dead worker's row may stay in an in-between state
KILL_INTERVAL = 1.0  # seconds


@pytest.fixture
def database() -> Iterator[PostgresServer]:
    with private_postgres() as server:
        yield server


@pytest.fixture
def mail_server() -> Iterator[RecordingServer]:
    with RecordingServer() as server:
        yield server


class Havoc:
    """What befalls the machines."""

    def __init__(
        self, machines: Machines, forks: Forks, *, readers: int, interval: float, empty_tables: bool
    ) -> None:
        self.machines = machines
        self._forks = forks
        self.ages = Ages(machines)
        self.kills = 0
        self._interval = interval
        self._chooser = random.Random(17)
        self._killed_at = time.monotonic()
        # By the number of mails that arrived.
        self._harms = [(readers // 3, self._restart_database), (2 * readers // 3, self._restart_database)]
        if empty_tables:
            self._harms.insert(1, (readers // 2, machines.empty_engine_tables))

    def go_on(self) -> None:
        """Do what is due now."""
        self.machines.drain()
        self.ages.look()
        if self._harms and self._harms[0][0] <= self.machines.got.total():
            self._harms.pop(0)[1]()
        for name in WORKERS:
            if not self._forks.runs(name):  # it could not start while the database was away
                self._forks.start(name)
        if time.monotonic() - self._killed_at >= self._interval:
            self._killed_at = time.monotonic()
            name = self._chooser.choice(WORKERS)
            self._forks.kill(name)
            self._forks.start(name)
            self.kills += 1

    @property
    def over(self) -> bool:
        """Whether all of it happened."""
        return not self._harms

    def _restart_database(self) -> None:
        self.machines.database.stop("fast")
        time.sleep(1)
        self.machines.database.start()


def mail_everybody(
    machines: Machines, *, readers: int, seconds: float, empty_tables: bool, as_often_as_said: bool = False
) -> Havoc:
    """Let four workers mail everybody meanwhile; checks that nothing is lost or doubled."""
    machines.readers(readers)
    machines.ingest()
    began = time.monotonic()
    forks = Forks(machines)
    for name in WORKERS:
        forks.start(name)
    wait(lambda: all("scheduler started" in machines.log(name) for name in WORKERS))
    # On a slow machine workers that are killed faster than they start would never send.
    interval = KILL_INTERVAL
    if not as_often_as_said:
        interval = max(interval, (time.monotonic() - began) / len(WORKERS))
    havoc = Havoc(machines, forks, readers=readers, interval=interval, empty_tables=empty_tables)

    def done() -> bool:
        states = machines.states()
        return sum(states.values()) == readers and not any(states.get(state) for state in OPEN)

    try:
        wait(done, seconds=seconds, each=havoc.go_on)
    finally:
        forks.end()
    machines.drain()
    states = machines.states()
    sys.stdout.write(
        f"mails={readers} seconds={time.monotonic() - began:.0f} kills={havoc.kills} states={states} "
        f"interval={interval:.1f} oldest={havoc.ages.oldest:.1f}\n"
    )
    assert havoc.over
    assert havoc.kills > 1
    assert set(states) <= {"sent", "uncertain"}
    doubled = [address for address, times in machines.got.items() if times > 1]
    assert not doubled
    # Whoever got nothing has a mail whose fate is unknown; its papers come as recaps.
    assert readers - len(machines.got) <= states.get("uncertain", 0)
    found = machines.shell.ok("audit", "--json").json
    assert (found["repeated"], found["missed"], found["deliveries"]) == (0, 0, readers)
    assert found["uncertain"] == states.get("uncertain", 0)
    assert "Traceback" not in "".join(machines.log(name) for name in WORKERS)
    return havoc


@pytest.mark.full
@pytest.mark.parametrize("empty_tables", [False, True])
def test_killed_workers_mail_everybody_once(
    tmp_path: Path, database: PostgresServer, mail_server: RecordingServer, empty_tables: bool
) -> None:
    machines = Machines(tmp_path, database, mail_server)
    mail_everybody(machines, readers=2_000, seconds=600, empty_tables=empty_tables)


@pytest.mark.prove
@pytest.mark.parametrize("empty_tables", [False, True])
def test_killed_workers_mail_fifty_thousand_once(
    tmp_path: Path, database: PostgresServer, mail_server: RecordingServer, empty_tables: bool
) -> None:
    """4 workers, 50,000 mails, a kill a second, 2 database restarts: 0 lost or doubled, no row held 60 s."""
    machines = Machines(tmp_path, database, mail_server)
    havoc = mail_everybody(
        machines, readers=50_000, seconds=3_600, empty_tables=empty_tables, as_often_as_said=True
    )
    assert havoc.ages.oldest < LONGEST
