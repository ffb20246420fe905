"""The benchmark of bounces runs, with the messages that the tests make."""

from __future__ import annotations

import pytest

from tests.benchmarks.benchmark_process import run_benchmark


@pytest.mark.full
def test_bounces_benchmark_runs() -> None:
    done = run_benchmark("bounces.py")
    assert done.returncode in (0, 1), done.stderr  # a busy machine proves no bar
    names = [line.partition(":")[0] for line in done.stdout.splitlines()]
    assert names == ["messages", "a_second", "a_second_with_known_replies", "times_the_cost_of_email"]
