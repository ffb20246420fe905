"""The benchmark of composing beside sign-ups runs, with few readers."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.benchmarks.benchmark_process import run_benchmark

pytestmark = pytest.mark.full


def test_day_is_composed_while_people_sign_up(tmp_path: Path) -> None:
    done = run_benchmark("million.py", str(tmp_path), "--readers", "6000", timeout=120)
    assert "6000 digests" in done.stdout, done.stderr
    assert " 0 errors" in done.stdout
