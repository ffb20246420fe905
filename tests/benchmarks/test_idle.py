"""The idle benchmark runs, and `newsletter run` stays below its bars while nothing is due."""

from __future__ import annotations

import pytest

from benchmarks.idle import measure

pytestmark = pytest.mark.full


@pytest.mark.parametrize("intakes", [False, True])
def test_idle_benchmark_runs(intakes: bool) -> None:
    found = measure(50, 3.0, settle=4.0, intakes=intakes)
    assert (found["readers"], found["seconds"], found["intakes"]) == (50, 3, intakes)


@pytest.mark.prove
def test_all_intakes_cost_no_more_than_10_mib_and_three_thousandths_of_a_core() -> None:
    without, with_all = (measure(2_000, 120.0, intakes=intakes) for intakes in (False, True))
    assert with_all["cpu"] - without["cpu"] < 0.003, (without, with_all)  # type: ignore[operator]
    assert with_all["rss_mib"] - without["rss_mib"] < 10, (without, with_all)  # type: ignore[operator]


@pytest.mark.prove
def test_idle_run_costs_less_than_a_hundredth_of_a_core_and_150_mib() -> None:
    """`newsletter run` with 100,000 subscribers, idle: under 1 % of a core and under 150 MiB."""
    found = measure(100_000, 120.0)
    assert found["cpu"] < 0.01, found  # type: ignore[operator]
    assert found["rss_mib"] < 150, found  # type: ignore[operator]
