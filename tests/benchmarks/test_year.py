"""The builder of a year runs, with few readers and days, and goes on where it ended."""

from __future__ import annotations

from pathlib import Path

import pytest

from newsletter.pipeline.explain.audit import audit
from tests.benchmarks.benchmark_process import run_benchmark

pytestmark = pytest.mark.full


def test_year_passes_days_and_goes_on_after_them(tmp_path: Path) -> None:
    from benchmarks.year import Newsletter

    for days in ("2", "3"):
        done = run_benchmark("year.py", str(tmp_path), "--readers", "30", "--days", days, timeout=60)
        assert done.returncode == 0, done.stderr
        assert "30 sent" in done.stdout
    newsletter = Newsletter(tmp_path, readers=30)
    found = audit(newsletter.engine, now=newsletter.slot(3))
    newsletter.engine.dispose()
    assert (found.deliveries, found.repeated, found.missed, found.pending) == (90, 0, 0, {})
