"""The pattern of a subject line."""

from __future__ import annotations

import pytest

from newsletter.core.subject import FIELDS, check_subject


def test_pattern_of_every_field_and_of_none_is_taken_as_it_is() -> None:
    for pattern in ("", "Papers {{today}}", " ".join("{" + name + "}" for name in FIELDS)):
        assert check_subject(pattern) == pattern


@pytest.mark.parametrize(
    "pattern",
    ["{nmae}", "{}", "{0}", "{name.__class__}", "{name[0]}", "{name!r}", "{name:>99}", "{name", "}"],
)
def test_check_subject_refuses_what_cannot_be_filled(pattern: str) -> None:
    with pytest.raises(ValueError, match="use any of"):
        check_subject(pattern)
