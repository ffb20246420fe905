"""Measures how the cost of a call grows with its input.

An absolute time fails on a slow machine and passes on a fast one; a ratio within one run does neither.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Input = TypeVar("Input")

FACTOR = 8  # how much larger the large input is to be
LIMIT = 24.0  # linear work costs 8 times as much, quadratic work 64 times
FLOOR = 0.002  # seconds; what a clock cannot tell from nothing
TRIALS = 5


def cpu_seconds(call: Callable[[], object], *, trials: int = 3) -> float:
    """The least CPU time that the call took in so many trials: other processes only ever add to it."""
    took = []
    for _ in range(trials):
        started = time.process_time()
        call()
        took.append(time.process_time() - started)
    return min(took)


def assert_linear(
    call: Callable[[Input], object], small: Input, large: Input, *, factor: float = FACTOR
) -> None:
    """Assert that `large`, `factor` times the size of `small`, costs less than three times `factor` as much.

    A quadratic cost is `factor` squared. A noisy machine gets TRIALS chances, for noise passes.
    """
    call(small)  # fills caches, compiles expressions
    growth = []
    for _ in range(TRIALS):
        base = max(cpu_seconds(lambda: call(small)), FLOOR)
        growth.append(cpu_seconds(lambda: call(large), trials=1) / base)
        if growth[-1] < LIMIT * factor / FACTOR:
            return
    raise AssertionError(f"{factor} times the input costs {min(growth):.0f} times as much")
