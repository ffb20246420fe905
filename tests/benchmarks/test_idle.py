"""The idle benchmark runs, and `newsletter run` stays below its bars while nothing is due."""

from __future__ import annotations

import pytest

from benchmarks.idle import measure

pytestmark = pytest.mark.full


def test_idle_benchmark_runs() -> None:
    found = measure(50, 3.0, settle=4.0)
    assert (found["readers"], found["seconds"]) == (50, 3)


@pytest.mark.prove
def test_idle_run_costs_less_than_a_hundredth_of_a_core_and_150_mib() -> None:
    """`newsletter run` with 100,000 subscribers, idle: under 1 % of a core and under 150 MiB."""
    found = measure(100_000, 120.0)
    assert found["cpu"] < 0.01, found  # type: ignore[operator]
    assert found["rss_mib"] < 150, found  # type: ignore[operator]
