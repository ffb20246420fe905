"""Time zones by name, and what is offered for a text that names none."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from subscribers import time_zones
from subscribers.errors import PreferenceError
from subscribers.preferences import Preferences, changed

WINTER = datetime(2026, 1, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("typed", "zone"),
    [
        ("Europe/Berlin", "Europe/Berlin"),
        (" europe/BERLIN ", "Europe/Berlin"),
        ("utc", "UTC"),
        ("Etc/GMT+2", "Etc/GMT+2"),  # whoever writes the whole name knows its sign
        ("CET", "CET"),
        ("America/Argentina/Buenos_Aires", "America/Argentina/Buenos_Aires"),
    ],
)
def test_find_takes_a_name_in_any_case(typed: str, zone: str) -> None:
    assert time_zones.find(typed) == zone


@pytest.mark.parametrize(
    "typed",
    [
        *(
            "localtime",
            "LOCALTIME",
            "posixrules",
            "Factory",
            "posix/Europe/Berlin",
            "right/UTC",
            "leapseconds",
        ),
        *("SystemV/EST5", "EST", "MST", "HST", "local", "Etc", "Europe", "", "\x00", "\udcff", "../UTC"),
        *("Europe/Berlin" * 5000, "tzdata.zi", "zone.tab", "Europe/Berlin/"),
    ],
)
def test_find_refuses_what_is_no_zone_of_a_place(typed: str) -> None:
    assert time_zones.find(typed) is None
    assert not {"localtime", "Factory", "posixrules"} & {*time_zones.near(typed), *time_zones.names()}


@pytest.mark.parametrize("typed", ["GMT+2", "localtime", "Factory", "EST", "x" * 100_000, "\udcff", " "])
def test_changed_refuses_it_with_a_short_message(typed: str) -> None:
    with pytest.raises(PreferenceError, match="is no time zone") as caught:
        changed(Preferences(), {"timezone": typed})
    assert len(str(caught.value)) < 400
    assert "Etc/" not in str(caught.value)


@pytest.mark.parametrize(
    ("typed", "hours"),
    [
        *(("GMT+2", 2), ("UTC+2", 2), ("UTC+02:00", 2), ("gmt +2", 2), ("+0200", 2), ("UTC+2h", 2)),
        *(("GMT-5", -5), ("UTC−03:30", -3.5), ("+5:30", 5.5), ("UTC+5.5", 5.5), ("UTC+05:45", 5.75)),
        *(("UTC+0", 0), ("GMT-00:00", 0), ("UTC+14", 14), ("GMT-11", -11), ("UTC +09:00", 9)),
    ],
)
def test_near_offers_zones_with_the_offset_and_never_the_opposite(typed: str, hours: float) -> None:
    offered = time_zones.near(typed)
    assert 0 < len(offered) <= time_zones.MAX_NEAR
    assert not any(zone.startswith("Etc/") for zone in offered)
    assert {WINTER.astimezone(ZoneInfo(zone)).utcoffset() for zone in offered} == {timedelta(hours=hours)}
    assert "with that offset" in time_zones.hint(typed)


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        *(("Europe/Berln", "Europe/Berlin"), ("Berlin", "Europe/Berlin"), ("Zürich", "Europe/Zurich")),
        *(("America/New York", "America/New_York"), ("new-york", "America/New_York")),
        *(("Asia/Calcuta", "Asia/Calcutta"), ("São Paulo", "America/Sao_Paulo")),
        *(("CEST", "Europe/Berlin"), ("EST", "America/New_York"), ("PST", "America/Los_Angeles")),
        *(("MESZ", "Europe/Berlin"), ("IST", "Asia/Kolkata"), ("AEDT", "Australia/Sydney")),
        *(("Eastern Time", "America/New_York"), ("Pacific Standard Time", "America/Los_Angeles")),
        *(("Central European Summer Time", "Europe/Berlin"), ("British Summer Time", "Europe/London")),
        *(("W. Europe Standard Time", "Europe/Berlin"), ("Romance Daylight Time", "Europe/Paris")),
        *(("Tokyo Standard Time", "Asia/Tokyo"), ("Arabian Standard Time", "Asia/Dubai")),
        ("(UTC+01:00) Amsterdam, Berlin, Bern, Rome, Stockholm, Vienna", "Europe/Amsterdam"),
        ("(GMT-05:00) Eastern Time (US & Canada)", "America/New_York"),
        *(("Germany", "Europe/Berlin"), ("Europe", "Europe/London"), ("Asia/Springfield", "Asia/Jerusalem")),
    ],
)
def test_near_offers_the_zone_that_was_meant_first(typed: str, first: str) -> None:
    offered = time_zones.near(typed)
    assert offered[:1] == (first,)
    assert len(offered) <= time_zones.MAX_NEAR


@pytest.mark.parametrize("typed", ["UTC+25", "Mars/Olympus", "Etc/GMT+25", "x" * 100_000, "+" * 64])
def test_hint_says_what_a_name_looks_like_when_nothing_is_near(typed: str) -> None:
    assert time_zones.hint(typed).startswith("Use an IANA name such as Europe/Berlin")


def test_changed_lets_a_person_keep_a_zone_that_is_no_longer_offered() -> None:
    before = Preferences(timezone="EST")
    assert changed(before, {"timezone": "EST", "hour": 9}) == Preferences(timezone="EST", hour=9)
