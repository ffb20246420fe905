"""Workers on several machines: they share the mail, its limits and the lead, and stop gracefully."""

from __future__ import annotations

import re
import socket
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.postgres_server import PostgresServer, private_postgres
from tests.smtp_servers.recording import RecordingServer
from tests.workers.machines import OPEN, Machines, wait

pytestmark = pytest.mark.full

READERS = 60


@pytest.fixture(scope="module")
def database() -> Iterator[PostgresServer]:
    with private_postgres() as server:
        yield server


@pytest.fixture
def machines(tmp_path: Path, database: PostgresServer) -> Iterator[Machines]:
    with RecordingServer() as server:
        machines = Machines(tmp_path, database, server)
        machines.readers(READERS)
        machines.ingest()
        yield machines
        machines.end()


def all_sent(machines: Machines) -> bool:
    states = machines.states()
    return sum(states.values()) == READERS and not any(states.get(state) for state in OPEN)


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def asked(port: int, path: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as answer:
        return str(answer.read(), "utf-8")


def test_workers_share_the_work_and_answer_monitoring(machines: Machines) -> None:
    ports = {name: free_port() for name in ("one", "two")}
    for name, port in ports.items():
        machines.start(name, "--port", str(port))
    wait(lambda: all_sent(machines))
    machines.drain()
    assert (len(machines.got), machines.got.total()) == (READERS, READERS)
    leading = 0
    for port in ports.values():
        assert (asked(port, "/healthz"), asked(port, "/readyz")) == ("ok\n", "ready\n")
        shown = asked(port, "/metrics")
        assert "newsletter_mails_due 0.0" in shown
        leading += "newsletter_worker_leads 1.0" in shown
    assert leading == 1
    assert [machines.stop(name) for name in ports] == [0, 0]
    assert all("scheduler stopped" in machines.log(name) for name in ports)


def test_mail_of_a_shard_without_a_worker_is_sent_by_another(machines: Machines) -> None:
    machines.start("first", "--queues", "ingest,compose,upkeep")
    machines.start("second", "--shard", "1/2")
    wait(lambda: all_sent(machines))
    machines.drain()
    assert (len(machines.got), machines.got.total()) == (READERS, READERS)
    runs = re.findall(r"delivered sent=(\d+)", machines.log("second"))
    assert [int(sent) for sent in runs if int(sent)] == [READERS // 2, READERS // 2]
    assert "delivered" not in machines.log("first")


def test_limit_holds_for_all_workers_together(machines: Machines) -> None:
    with (machines.shell.state_dir / "newsletter.toml").open("a") as settings:
        settings.write('limit = "20/hour"\n\n[delivery.domain_limits]\n"readers.example" = "25/hour"\n')
    names = ("one", "two", "three")
    for name in names:
        machines.start(name)

    def reached() -> bool:
        return (
            any("is reached" in machines.log(name) for name in names) and machines.states().get("sent") == 20
        )

    wait(reached)
    assert [machines.stop(name) for name in names] == [0, 0, 0]
    machines.drain()
    assert machines.got.total() == machines.states()["sent"] == 20
