"""The ingest benchmark runs, small in every test run and whole among the proofs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def benchmark(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "benchmarks/ingest.py", "--folder", str(folder), *arguments],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=1800,
        check=False,
    )


def test_ingest_benchmark_runs(tmp_path: Path) -> None:
    done = benchmark(tmp_path, "--known", "1000", "--few", "500", "--papers", "100")
    assert done.returncode in (0, 1), done.stderr  # so small a run proves nothing about the bars
    assert "papers/s with 1,000 known" in done.stdout


@pytest.mark.prove
def test_ingest_keeps_its_bars_with_a_million_known_papers(tmp_path: Path) -> None:
    """Bars: at least 500 papers a second with 1,000,000 known, within 1.3 times of the time with 10,000."""
    done = benchmark(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
