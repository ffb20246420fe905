"""Defines and checks what a reader can choose: cadence, hour, time zone, options. Stores nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import lru_cache

from subscribers import time_zones
from subscribers.addresses import quoted
from subscribers.errors import PreferenceError

CADENCES = ("daily", "weekdays", "weekly")
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
ANY_NUMBER = "any"  # as a maximum: as many papers as fit
CARDS = (5, 10, 20)  # papers shown at length; few choices, since each makes digests of its own
ALL_CARDS = "all"  # as a number of cards: every paper
MAX_PAPERS = 1000  # papers; no digest holds more, so a larger number is a typing error


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences:
    """The choices of one reader."""

    cadence: str = "daily"  # one of CADENCES
    weekday: str | None = None  # one of WEEKDAYS; for weekly only
    hour: int = 7  # 0 to 23, on the reader's clock
    timezone: str = "UTC"  # IANA name
    text_only: bool = False  # no HTML part
    minimum: int = 1  # papers that make a digest worth sending
    maximum: int | None = None  # papers a digest may hold; None: as many as fit
    cards: int | None = 10  # papers shown at length, the others in a row each; None: all
    maybe: bool = False  # doubtful papers as well, at the end

    @property
    def schedule(self) -> tuple[str, str | None, int, str]:
        """The values that decide when the next slot is."""
        return self.cadence, self.weekday, self.hour, self.timezone


PREFERENCE_NAMES = tuple(field.name for field in fields(Preferences))


def changed(before: Preferences, given: Mapping[str, object]) -> Preferences:
    """`before` with the given values by name of a preference; None and "" mean that none is given.

    Values may be text as people type it. Weekly without a weekday means monday. Raises PreferenceError,
    which names the field and the values that it accepts.
    """
    values = tuple(
        (name, value if isinstance(value, bool) else str(value))
        for name, value in given.items()
        if value is not None and value != ""
    )
    return _checked_preferences(before, values) if values else before


@lru_cache(maxsize=1024)  # the rows of a roster repeat the same few values
def _checked_preferences(before: Preferences, values: tuple[tuple[str, bool | str], ...]) -> Preferences:
    checked: dict[str, object] = {}
    for name, value in values:
        if name not in _CHECKS:
            raise PreferenceError(
                f"there is no preference {quoted(name)}",
                field=name,
                hint=f"There are {', '.join(PREFERENCE_NAMES)}.",
            )
        if name != "timezone" or value != before.timezone:  # nobody loses a zone that is no longer offered
            checked[name] = _CHECKS[name](value)
    after = replace(before, **checked)  # type: ignore[arg-type]
    if after.cadence != "weekly":
        if "weekday" in checked and "cadence" not in checked:
            raise PreferenceError(
                f"weekday: {after.cadence} digests have no weekday of their own",
                field="weekday",
                hint="Give the cadence weekly with it.",
            )
        after = replace(after, weekday=None)
    elif after.weekday is None:
        after = replace(after, weekday=WEEKDAYS[0])
    if after.maximum is not None and after.maximum < after.minimum:
        raise PreferenceError(
            f"maximum: {after.maximum} is less than the minimum, {after.minimum}",
            field="maximum",
            hint="Raise the maximum or lower the minimum.",
        )
    return after


def faults(given: Mapping[str, str]) -> tuple[PreferenceError, ...]:
    """Every value that is wrong by itself, or together with another one, whoever the reader is."""
    return _faults(tuple(given.items()))


@lru_cache(maxsize=1024)
def _faults(given: tuple[tuple[str, str], ...]) -> tuple[PreferenceError, ...]:
    found: list[PreferenceError] = []
    checked: dict[str, object] = {}
    for name, value in given:
        try:
            checked[name] = _CHECKS[name](value)
        except PreferenceError as error:
            found.append(error)
    try:
        changed(Preferences(), {name: value for name, value in checked.items() if name != "weekday"})
    except PreferenceError as error:
        found.append(error)
    return tuple(found)


def as_columns(preferences: Preferences) -> dict[str, object]:
    """The preferences by column."""
    return {
        name: getattr(preferences, name) for name in PREFERENCE_NAMES
    }  # asdict copies deeply: ten times slower


def _cadence(value: object) -> str:
    return _one_of("cadence", value, CADENCES)


def _weekday(value: object) -> str:
    return _one_of("weekday", value, WEEKDAYS)


def _one_of(field: str, value: object, accepted: tuple[str, ...]) -> str:
    text = str(value).strip().lower()
    if text not in accepted:
        raise PreferenceError(f"{field}: {quoted(str(value))} is none of {', '.join(accepted)}", field=field)
    return text


def _number(field: str, value: object, lowest: int, highest: int) -> int:
    text = str(value).strip()
    if isinstance(value, bool) or not re.fullmatch(r"[0-9]{1,4}", text) or not lowest <= int(text) <= highest:
        raise PreferenceError(
            f"{field}: {quoted(str(value))} is not a whole number from {lowest} to {highest}", field=field
        )
    return int(text)


def _hour(value: object) -> int:
    return _number("hour", value, 0, 23)


def _minimum(value: object) -> int:
    return _number("minimum", value, 1, MAX_PAPERS)


def _maximum(value: object) -> int | None:
    return None if value == ANY_NUMBER else _number("maximum", value, 1, MAX_PAPERS)


def _cards(value: object) -> int | None:
    chosen = _one_of("cards", value, (*map(str, CARDS), ALL_CARDS))
    return None if chosen == ALL_CARDS else int(chosen)


def _yes_or_no(field: str, value: object) -> bool:
    if isinstance(value, bool):
        return value
    return _one_of(field, value, ("true", "false")) == "true"


def _text_only(value: object) -> bool:
    return _yes_or_no("text_only", value)


def _maybe(value: object) -> bool:
    return _yes_or_no("maybe", value)


def known_zones() -> frozenset[str]:
    """The names of all time zones."""
    return time_zones.names()


def _timezone(value: object) -> str:
    text = str(value)
    zone = time_zones.find(text)
    if zone is None:
        raise PreferenceError(
            f"timezone: {quoted(text)} is no time zone",
            field="timezone",
            hint=time_zones.hint(text),
        )
    return zone


_CHECKS = {
    "cadence": _cadence,
    "weekday": _weekday,
    "hour": _hour,
    "timezone": _timezone,
    "text_only": _text_only,
    "minimum": _minimum,
    "maximum": _maximum,
    "cards": _cards,
    "maybe": _maybe,
}
