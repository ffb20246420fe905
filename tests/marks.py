"""Says which cases of a test run in `make test` and which in `make test-all` only.

The marks themselves stand in pyproject.toml. Here is no test.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import settings


def first_quick(cases: Iterable[Any], quick: int = 1) -> list[Any]:
    """Cases for `parametrize`: the first ones run in `make test`, the others in `make test-all` only."""
    found = list(cases)
    return [*found[:quick], *(_full(case) for case in found[quick:])]


def _full(case: Any) -> Any:
    if hasattr(case, "values") and hasattr(case, "marks"):  # a pytest.param
        return pytest.param(*case.values, id=case.id, marks=(*case.marks, pytest.mark.full))
    return pytest.param(*(case if isinstance(case, tuple) else (case,)), marks=pytest.mark.full)


def examples(number: int) -> int:
    """How many examples hypothesis tries of a test that wants `number`: a quarter in `make test`."""
    return max(10, number * settings.default.max_examples // 100)
