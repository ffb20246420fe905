"""The fields of preferences as forms show them: names, choices, and the values of one reader."""

from __future__ import annotations

from functools import cache
from typing import Any

from subscribers.preferences import ANY_NUMBER, known_zones
from subscribers.queries import SubscriberView

PREFERENCES = ("cadence", "weekday", "hour", "timezone")  # that a sign-up may choose
LATER = ("text_only", "minimum", "maximum", "maybe")  # and that a reader may change besides
HOURS = tuple((str(hour), f"{hour:02}:00") for hour in range(24))


@cache
def zones() -> tuple[str, ...]:
    """Time zones to choose from: those named by region and city, and UTC."""
    return ("UTC", *sorted(zone for zone in known_zones() if _by_city(zone)))


def _by_city(zone: str) -> bool:
    return "/" in zone and not zone.startswith(("Etc/", "SystemV/", "US/", "posix/", "right/"))


def values_of(person: SubscriberView) -> dict[str, Any]:
    """What a reader chose, as the form shows it."""
    chosen = person.preferences
    return {
        "cadence": chosen.cadence,
        "weekday": chosen.weekday or "monday",
        "hour": str(chosen.hour),
        "timezone": chosen.timezone,
        "text_only": chosen.text_only,
        "minimum": str(chosen.minimum),
        "maximum": "" if chosen.maximum is None else str(chosen.maximum),
        "maybe": chosen.maybe,
    }


def given_of(sent: dict[str, str]) -> dict[str, object]:
    """What a form of preferences says, as `subscribers.preferences.changed` takes it: a box that is not
    ticked and a number that is cleared are answers, too."""
    given: dict[str, object] = {name: sent[name] for name in PREFERENCES if sent.get(name)}
    if given.get("cadence", "weekly") != "weekly":
        given.pop("weekday", None)
    for name in ("text_only", "maybe"):
        given[name] = sent.get(name) in ("on", "true")
    given["minimum"] = sent.get("minimum") or "1"
    given["maximum"] = sent.get("maximum") or ANY_NUMBER
    return given
