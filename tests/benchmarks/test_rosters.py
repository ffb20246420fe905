"""The benchmark of rosters runs: small in every test run, whole in `make prove`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.benchmarks.benchmark_process import run_benchmark

pytestmark = pytest.mark.full


def test_roster_benchmark_runs(tmp_path: Path) -> None:
    done = run_benchmark(
        "rosters.py", "--folder", str(tmp_path), "--rows", "400", "--few", "200", "--rounds", "1"
    )
    assert done.returncode in (0, 1), done.stderr  # a run this small proves no bar
    assert "times csv and email-validator alone" in done.stdout


@pytest.mark.prove
def test_roster_import_keeps_its_bars_with_100_000_rows(tmp_path: Path) -> None:
    """Bars: at most 4 times the time of reading and checking alone; at most 10 MiB more than with 10,000."""
    done = run_benchmark("rosters.py", "--folder", str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
