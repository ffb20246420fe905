"""What a second worker is worth."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks.smtp_sink import smtp_sink, smtp_sink_program
from tests.postgres_server import private_postgres
from tests.smtp_servers.recording import RecordingServer
from tests.workers.machines import Machines, wait

pytestmark = pytest.mark.prove

READERS = 12_000
SETTLED = 300  # messages after which a worker is at full speed
MEASURED = 2_500
SLOW = 0.02  # seconds before the server takes a message


@contextmanager
def mail_server(delay: float) -> Iterator[RecordingServer]:
    """One that waits; or the fastest there is, in a process of its own."""
    server = RecordingServer()
    if delay:
        server.rules.delay = delay
        with server:
            yield server
        return
    program = smtp_sink_program()
    if program is None:
        pytest.skip("smtp-sink is not installed")
    user = ("-u", "nobody") if os.geteuid() == 0 else ()
    with smtp_sink(program, *user) as server.port:
        yield server


def rate(machines: Machines) -> float:
    """Messages a second, over the next ones."""

    def await_more(number: int) -> float:
        goal = machines.states().get("sent", 0) + number
        while machines.states().get("sent", 0) < goal:
            machines.drain()
            time.sleep(0.05)
        return time.monotonic()

    began = await_more(SETTLED)
    before = machines.states()["sent"]
    ended = await_more(MEASURED)
    return (machines.states()["sent"] - before) / (ended - began)


@pytest.mark.parametrize(("delay", "bar"), [(SLOW, 1.8), (0.0, 1.0)])
def test_two_workers_send_faster_than_one(tmp_path: Path, delay: float, bar: float) -> None:
    """Two workers: 1.8 times the rate of one where the server waits 20 ms; not slower where it does not."""
    with private_postgres() as database, mail_server(delay) as server:
        machines = Machines(tmp_path, database, server)
        try:
            machines.readers(READERS)
            machines.ingest()
            machines.start("composer", "--queues", "compose")
            wait(lambda: machines.states().get("queued") == READERS, seconds=300)
            assert machines.stop("composer") == 0
            machines.start("one", "--queues", "deliver")
            alone = rate(machines)
            machines.start("two", "--queues", "deliver")
            wait(lambda: "scheduler started" in machines.log("two"), each=machines.drain)
            together = rate(machines)
        finally:
            machines.end()
    sys.stdout.write(f"delay={delay} one={alone:.0f}/s two={together:.0f}/s ratio={together / alone:.2f}\n")
    assert together / alone >= bar
