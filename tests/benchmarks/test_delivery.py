"""The delivery benchmark runs, small; and its deliveries survive a killed sender with a clean audit."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from benchmarks import delivery as benchmark
from benchmarks.postgresql_server import postgresql_programs
from benchmarks.smtp_sink import smtp_sink_program
from newsletter.db.engine import default_url, open_engine, reading
from newsletter.db.schema import deliveries
from newsletter.delivery.outbox.handover import WINDOW
from newsletter.pipeline.explain.audit import audit
from tests.benchmarks.benchmark_process import run_benchmark
from tests.smtp_servers.recording import RecordingServer

pytestmark = pytest.mark.full

needs_load_tools = pytest.mark.skipif(
    smtp_sink_program() is None,
    reason="smtp-sink is not installed (Debian: postfix)",
)


def printed(*arguments: str) -> str:
    done = run_benchmark("delivery.py", *arguments, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


@needs_load_tools
@pytest.mark.parametrize("more", [[], ["--distinct"], ["--dkim", "both"]])
def test_delivery_benchmark_runs(more: list[str]) -> None:
    report = printed("--subscribers", "60", "--pairs", "1", *more)
    assert "µs CPU each" in report
    assert "times as fast" in report


@needs_load_tools
@pytest.mark.parametrize(
    ("more", "words"),
    [
        ([], "PostgreSQL delivers"),
        (["--two"], "a mail server that answers at once: two senders"),
        (["--two", "--slow", "5"], "a mail server that answers after 5 ms: two senders"),
    ],
)
def test_benchmark_of_postgresql_runs(more: list[str], words: str) -> None:
    if postgresql_programs() is None:
        pytest.skip("PostgreSQL is not installed")
    done = run_benchmark("delivery_postgresql.py", "--subscribers", "60", "--pairs", "1", *more, timeout=300)
    assert done.returncode == 0, done.stderr
    assert words in done.stdout


def test_compose_benchmark_runs() -> None:
    assert "plain sqlite3 inserts as many rows in" in printed("--compose", "60")


@pytest.mark.prove
def test_audit_is_clean_after_the_sender_is_killed_again_and_again(tmp_path: Path) -> None:
    """Digests of 6,000 readers, kill -9 at random: no reader twice, none missed, audit clean."""
    benchmark.fill(tmp_path, 6_000, distinct=False)
    benchmark.step(tmp_path, "compose")
    chance, kills = random.Random(5), 0
    with RecordingServer() as server:
        command = [
            sys.executable,
            benchmark.__file__,
            "--worker",
            "deliver",
            str(tmp_path),
            str(server.port),
            "10",
            "none",
            "",
        ]
        while True:
            enough = len(server.accepted) + chance.randint(0, 250)
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
            while process.poll() is None and len(server.accepted) < enough:
                time.sleep(0.001)
            time.sleep(chance.uniform(0, 0.02))
            if process.poll() is not None:
                break
            process.kill()
            process.wait()
            kills += 1
        arrived = Counter(server.recipients())
    engine = open_engine(default_url(tmp_path))
    with reading(engine) as connection:
        counted = connection.execute(select(deliveries.c.state, func.count()).group_by(deliveries.c.state))
        states = {state: number for state, number in counted}  # noqa: C416 - rows, not pairs
    report = audit(engine, now=benchmark.NOW + timedelta(hours=1))
    assert kills > 10
    assert max(arrived.values()) == 1
    assert states["sent"] <= len(arrived)
    assert states["sent"] + states["uncertain"] == 6_000
    assert states["uncertain"] <= WINDOW * kills
    assert (report.repeated, report.missed, report.uncertain) == (0, 0, states["uncertain"])
