"""Repeated addresses of a roster are found, also across batches."""

from __future__ import annotations

from subscribers.roster.duplicates import DuplicateIndex


def test_repeated_names_the_first_row_over_batches() -> None:
    with DuplicateIndex() as seen:
        assert seen.repeated([("a", 2), ("b", 3), ("a", 4)]) == {4: 2}
        assert seen.repeated([("b", 5), ("c", 6), ("a", 7)]) == {5: 3, 7: 2}
