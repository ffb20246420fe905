"""The ingest benchmark runs: small in every test run, whole in `make prove`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.benchmarks.benchmark_process import run_benchmark

pytestmark = pytest.mark.full


def test_ingest_benchmark_runs(tmp_path: Path) -> None:
    done = run_benchmark(
        "ingest.py", "--folder", str(tmp_path), "--known", "1000", "--few", "500", "--papers", "100"
    )
    assert done.returncode in (0, 1), done.stderr  # a run this small proves no bar
    assert "papers/s with 1,000 known" in done.stdout


@pytest.mark.prove
def test_ingest_keeps_its_bars_with_a_million_known_papers(tmp_path: Path) -> None:
    """Bars: at least 500 papers a second with 1,000,000 known, within 1.3 times of the time with 10,000."""
    done = run_benchmark("ingest.py", "--folder", str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
