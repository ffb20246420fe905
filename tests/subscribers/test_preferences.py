"""Preferences: typed text becomes a value, or an error that names the field."""

from __future__ import annotations

import pytest

from subscribers.errors import PreferenceError
from subscribers.preferences import Preferences, changed


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, Preferences()),
        ({"cadence": None, "weekday": "", "hour": None}, Preferences()),
        ({"hour": "08"}, Preferences(hour=8)),
        ({"hour": 0}, Preferences(hour=0)),
        ({"cadence": "Weekly"}, Preferences(cadence="weekly", weekday="monday")),
        ({"cadence": "weekly", "weekday": "Friday"}, Preferences(cadence="weekly", weekday="friday")),
        ({"cadence": "daily", "weekday": "friday"}, Preferences()),
        ({"timezone": "europe/berlin"}, Preferences(timezone="Europe/Berlin")),
        ({"text_only": "true"}, Preferences(text_only=True)),
        ({"minimum": 3, "maximum": "20"}, Preferences(minimum=3, maximum=20)),
        ({"cards": "5"}, Preferences(cards=5)),
        ({"cards": 20}, Preferences(cards=20)),
        ({"cards": " All "}, Preferences(cards=None)),
    ],
)
def test_changed_reads_what_people_type(given: dict[str, object], expected: Preferences) -> None:
    assert changed(Preferences(), given) == expected


def test_changed_keeps_the_weekday_of_a_weekly_reader() -> None:
    before = Preferences(cadence="weekly", weekday="friday")
    assert changed(before, {"hour": 9}) == Preferences(cadence="weekly", weekday="friday", hour=9)
    assert changed(before, {"weekday": "sunday"}) == Preferences(cadence="weekly", weekday="sunday")
    assert changed(before, {"cadence": "daily"}) == Preferences()


@pytest.mark.parametrize(
    ("given", "field", "expected"),
    [
        ({"cadence": "hourly"}, "cadence", "none of daily, weekdays, weekly"),
        ({"cadence": "weekly", "weekday": "fri"}, "weekday", "none of monday, tuesday"),
        ({"weekday": "friday"}, "weekday", "daily digests have no weekday"),
        ({"hour": "24"}, "hour", "from 0 to 23"),
        ({"hour": "-1"}, "hour", "from 0 to 23"),
        ({"hour": "٧"}, "hour", "from 0 to 23"),
        ({"hour": "7.5"}, "hour", "from 0 to 23"),
        ({"hour": True}, "hour", "from 0 to 23"),
        ({"timezone": "Mars/Olympus"}, "timezone", "is no time zone"),
        ({"timezone": "../../etc/passwd"}, "timezone", "is no time zone"),
        ({"timezone": "\x00"}, "timezone", "is no time zone"),
        ({"text_only": "maybe"}, "text_only", "none of true, false"),
        ({"minimum": "0"}, "minimum", "from 1 to"),
        ({"minimum": 5, "maximum": 4}, "maximum", "less than the minimum"),
        ({"cards": "7"}, "cards", "none of 5, 10, 20, all"),
        ({"cards": "-5"}, "cards", "none of 5, 10, 20, all"),
        ({"cards": "５"}, "cards", "none of 5, 10, 20, all"),
        ({"colour": "red"}, "colour", "no preference"),
    ],
)
def test_changed_names_the_field_and_what_it_takes(
    given: dict[str, object], field: str, expected: str
) -> None:
    with pytest.raises(PreferenceError) as caught:
        changed(Preferences(), given)
    assert caught.value.field == field
    assert expected in caught.value.message


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("Berlin", "Europe/Berlin"), ("Europe/Berln", "Europe/Berlin"), ("new york", "America/New_York")],
)
def test_changed_suggests_the_zone_that_was_meant(typed: str, meant: str) -> None:
    with pytest.raises(PreferenceError) as caught:
        changed(Preferences(), {"timezone": typed})
    assert meant in caught.value.hint
