"""The sentence that tells a new reader when their first digest comes."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from newsletter.pipeline.readers.welcome_goodbye import first_digest_sentence
from subscribers.preferences import Preferences

NOW = datetime(2026, 4, 17, 12, tzinfo=UTC)  # a Friday


@pytest.mark.parametrize(
    ("wishes", "words"),
    [
        ({}, "on Saturday 18 April at 07:00 (UTC), or on the first day after it that brings something new."),
        ({"cadence": "weekdays"}, "on Monday 20 April at 07:00 (UTC), or on the first weekday after it"),
        (
            {"cadence": "weekly", "weekday": "friday"},
            "on Friday 24 April at 07:00 (UTC), or in the first week",
        ),
    ],
)
def test_first_digest_is_told_in_good_english(wishes: dict[str, Any], words: str) -> None:
    person = cast(Any, SimpleNamespace(preferences=Preferences(**wishes)))
    assert words in first_digest_sentence(person, now=NOW)
