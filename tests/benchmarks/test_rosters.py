"""The benchmark of rosters runs, small in every test run and whole among the proofs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def benchmark(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "benchmarks/rosters.py", "--folder", str(folder), *arguments],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=1800,
        check=False,
    )


def test_roster_benchmark_runs(tmp_path: Path) -> None:
    done = benchmark(tmp_path, "--rows", "400", "--few", "200", "--rounds", "1")
    assert done.returncode in (0, 1), done.stderr  # so small a run proves nothing about the bars
    assert "times csv and email-validator alone" in done.stdout


@pytest.mark.prove
def test_roster_import_keeps_its_bars_with_100_000_rows(tmp_path: Path) -> None:
    """Bars: at most 4 times the time of reading and checking alone; at most 10 MiB more than with 10,000."""
    done = benchmark(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
