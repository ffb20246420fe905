"""The cost model of any size runs, small; and it is a line through the two sizes that it is made of."""

from __future__ import annotations

import pytest

from benchmarks.scale import SMALLEST, Cost, Model
from tests.benchmarks.benchmark_process import run_benchmark


def cost(value: float) -> Cost:
    return Cost(
        compose=value,
        compose_statements=value,
        deliver=value,
        deliver_statements=value,
        readers_bytes=value,
        day_bytes=value,
        audit=value,
    )


@pytest.mark.parametrize(
    ("readers", "expected"), [(0, 5.0), (SMALLEST, 5 + SMALLEST), (1_000, 1_005.0), (10**8, 10**8 + 5.0)]
)
def test_model_is_a_line_through_two_sizes(readers: int, expected: float) -> None:
    model = Model.of(cost(5 + SMALLEST), cost(5 + 2_000), readers=2_000)
    assert model.cost(readers).deliver == pytest.approx(expected)


@pytest.mark.full
def test_scale_benchmark_runs() -> None:
    done = run_benchmark(
        "scale.py", "--sizes", "100", "200", "--days", "4", "--papers", "8", "--ask", "1000", timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("predicted/measured") == 2
