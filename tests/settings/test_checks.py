"""Checks of single settings: the pattern of a subject line."""

from __future__ import annotations

import pytest

from newsletter.settings.checks import SUBJECT_FIELDS, subject_pattern


def test_pattern_of_every_field_and_of_none_is_taken_as_it_is() -> None:
    for pattern in ("", "Papers {{today}}", " ".join("{" + name + "}" for name in SUBJECT_FIELDS)):
        assert subject_pattern(pattern) == pattern


@pytest.mark.parametrize(
    "pattern",
    ["{nmae}", "{}", "{0}", "{name.__class__}", "{name[0]}", "{name!r}", "{name:>99}", "{name", "}"],
)
def test_pattern_that_cannot_be_filled_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="use any of"):
        subject_pattern(pattern)
