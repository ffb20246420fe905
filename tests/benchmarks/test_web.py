"""The benchmark of the pages runs, small in every test run and whole among the proofs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def benchmark(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "benchmarks/web.py", "--folder", str(folder), *arguments],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )


@pytest.mark.flaky(reruns=2)
def test_web_benchmark_loses_nothing(tmp_path: Path) -> None:
    done = benchmark(tmp_path, "--rate", "20", "--seconds", "2", "--tries", "0")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "40 accepted, errors: 0" in done.stdout
    assert "40 pending, 40 mails; lost 0, without a mail 0, twice 0, strange 0" in done.stdout


@pytest.mark.flaky(reruns=2)
def test_web_benchmark_of_times_runs(tmp_path: Path) -> None:
    done = benchmark(tmp_path, "--seconds", "0", "--tries", "5")
    assert done.returncode in (0, 1), done.stderr  # so few tries prove nothing about the bar
    assert "slowest to fastest class" in done.stdout


@pytest.mark.prove
def test_a_hundred_sign_ups_a_second_are_kept_and_answered_alike_for_everybody(tmp_path: Path) -> None:
    """Bars: 0 errors, nothing lost in 60 s; medians of the four classes over 500 tries within 10 %."""
    done = benchmark(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
