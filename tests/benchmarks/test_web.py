"""The benchmark of the pages runs: small in every test run, whole in `make prove`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.benchmarks.benchmark_process import run_benchmark

pytestmark = pytest.mark.full


def test_web_benchmark_loses_nothing(tmp_path: Path) -> None:
    done = run_benchmark(
        "web.py", "--folder", str(tmp_path), "--rate", "20", "--seconds", "2", "--tries", "0", timeout=900
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "40 accepted, errors: 0" in done.stdout
    assert "40 pending, 40 mails; lost 0, without a mail 0, twice 0, strange 0" in done.stdout


def test_web_benchmark_of_times_runs(tmp_path: Path) -> None:
    done = run_benchmark("web.py", "--folder", str(tmp_path), "--seconds", "0", "--tries", "5", timeout=900)
    assert done.returncode in (0, 1), done.stderr  # so few tries prove no bar
    assert "slowest to fastest class" in done.stdout


@pytest.mark.prove
def test_a_hundred_sign_ups_a_second_are_kept_and_answered_alike_for_every_address(tmp_path: Path) -> None:
    """Bars: 0 errors, nothing lost in 60 s; medians of the four classes over 500 tries within 10 %."""
    done = run_benchmark("web.py", "--folder", str(tmp_path), timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr
