"""The delivery benchmark runs, small; and what it composes survives being killed, with a clean audit."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from benchmarks import delivery as benchmark
from newsletter.db.engine import default_url, open_engine, reading
from newsletter.db.schema import deliveries
from newsletter.delivery.outbox.handover import WINDOW
from newsletter.pipeline.explain.audit import audit
from tests.smtp_servers.recording import RecordingServer

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "benchmarks" / "delivery.py"

needs_load_tools = pytest.mark.skipif(
    not (shutil.which("smtp-sink") or Path("/usr/sbin/smtp-sink").exists()),
    reason="smtp-sink is not installed (Debian: postfix)",
)


def run(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *arguments],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@needs_load_tools
@pytest.mark.parametrize("more", [[], ["--distinct"], ["--dkim", "both"]])
def test_delivery_benchmark_runs(more: list[str]) -> None:
    told = run("--subscribers", "60", "--pairs", "1", *more)
    assert "µs CPU each" in told
    assert "times as fast" in told


def test_compose_benchmark_runs() -> None:
    assert "plain sqlite3 inserts as many rows in" in run("--compose", "60")


@pytest.mark.prove
def test_digests_whose_sender_is_killed_time_and_again_leave_a_clean_audit(tmp_path: Path) -> None:
    """Composed digests of 6,000 readers, kill -9 at random: nobody twice, nobody missed, audit clean."""
    benchmark.fill(tmp_path, 6_000, distinct=False)
    benchmark.step(tmp_path, "compose")
    chance, kills = random.Random(5), 0
    with RecordingServer() as server:
        command = [
            sys.executable,
            str(SCRIPT),
            "--worker",
            "deliver",
            str(tmp_path),
            str(server.port),
            "10",
            "none",
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
