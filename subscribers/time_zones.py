"""Finds a time zone by its IANA name, and offers near ones for a text that names none. Stores nothing."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo, available_timezones

MAX_TYPED = 64  # characters; no name of a zone is longer
MAX_NEAR = 4  # zones that are offered
# Names whose meaning depends on the machine, or that have no summer time where people expect one.
_NO_PLACE = frozenset({"factory", "localtime", "posixrules", "est", "mst", "hst"})
_NO_PLACE_IN = ("posix/", "right/", "systemv/")  # copies with other rules, on some machines
_JANUARY, _JULY = datetime(2026, 1, 15, tzinfo=UTC), datetime(2026, 7, 15, tzinfo=UTC)
_OFFSET = re.compile(r"(?:utc|gmt|z)?([+-])(\d{1,2})(?:[:.]?(\d\d)|[.,](5))?(?:h|hours?)?")

# Zones that most people mean by an offset, by continent: the first with an offset are offered.
_CITIES = {
    "Europe": "London Lisbon Berlin Paris Madrid Rome Athens Helsinki Kyiv Istanbul Moscow",
    "Africa": "Accra Lagos Johannesburg Cairo Nairobi",
    "Asia": "Jerusalem Riyadh Tehran Dubai Baku Kabul Karachi Tashkent Kolkata Colombo Kathmandu Dhaka "
    "Almaty Yangon Bangkok Jakarta Shanghai Singapore Hong_Kong Tokyo Seoul",
    "Australia": "Perth Darwin Adelaide Sydney Brisbane",
    "Pacific": "Guadalcanal Auckland Fiji Tongatapu Kiritimati Honolulu Pago_Pago",
    "America": "New_York Toronto Bogota Lima Chicago Mexico_City Denver Phoenix Los_Angeles Vancouver "
    "Anchorage Halifax Caracas Santiago St_Johns Sao_Paulo Argentina/Buenos_Aires Noronha",
    "Atlantic": "Azores Cape_Verde",
}
_MAJOR = tuple(f"{region}/{city}" for region, cities in _CITIES.items() for city in cities.split())

# What people and calendars write, without "time", "standard", "daylight" and "summer".
_SPOKEN = {
    **dict.fromkeys(
        ("est", "edt", "et", "eastern", "us eastern"), "America/New_York America/Toronto America/Panama"
    ),
    **dict.fromkeys(("cst", "cdt", "ct", "central", "us central"), "America/Chicago America/Mexico_City"),
    **dict.fromkeys(("mst", "mdt", "mountain", "us mountain"), "America/Denver America/Phoenix"),
    **dict.fromkeys(("pst", "pdt", "pt", "pacific", "us pacific"), "America/Los_Angeles America/Vancouver"),
    **dict.fromkeys(("akst", "akdt", "alaska", "alaskan"), "America/Anchorage"),
    **dict.fromkeys(("hst", "hawaii", "hawaiian"), "Pacific/Honolulu"),
    **dict.fromkeys(("ast", "adt", "atlantic"), "America/Halifax America/Puerto_Rico"),
    **dict.fromkeys(("nst", "ndt", "newfoundland"), "America/St_Johns"),
    **dict.fromkeys(("brt", "brst", "brasilia"), "America/Sao_Paulo"),
    **dict.fromkeys(("art", "argentina"), "America/Argentina/Buenos_Aires"),
    **dict.fromkeys(("clt", "clst", "chile"), "America/Santiago"),
    **dict.fromkeys(("british", "uk", "greenwich mean"), "Europe/London"),
    "bst": "Europe/London Asia/Dhaka",
    "irish": "Europe/Dublin",
    **dict.fromkeys(("west", "western european"), "Europe/Lisbon"),
    **dict.fromkeys(
        ("cest", "mez", "mesz", "central european", "west europe", "middle european"),
        "Europe/Berlin Europe/Paris Europe/Madrid Europe/Rome",
    ),
    **dict.fromkeys(("eest", "eastern european"), "Europe/Athens Europe/Helsinki Europe/Kyiv"),
    **dict.fromkeys(("msk", "moscow"), "Europe/Moscow"),
    **dict.fromkeys(("trt", "turkey"), "Europe/Istanbul"),
    "ist": "Asia/Kolkata Europe/Dublin Asia/Jerusalem",
    **dict.fromkeys(("india", "indian"), "Asia/Kolkata"),
    "israel": "Asia/Jerusalem",
    "pkt": "Asia/Karachi",
    "gst": "Asia/Dubai",
    "ict": "Asia/Bangkok Asia/Ho_Chi_Minh",
    "wib": "Asia/Jakarta",
    "sgt": "Asia/Singapore",
    "hkt": "Asia/Hong_Kong",
    "china": "Asia/Shanghai",
    **dict.fromkeys(("jst", "japan"), "Asia/Tokyo"),
    **dict.fromkeys(("kst", "korea"), "Asia/Seoul"),
    **dict.fromkeys(("aest", "aedt", "australian eastern"), "Australia/Sydney Australia/Brisbane"),
    **dict.fromkeys(("acst", "acdt", "australian central"), "Australia/Adelaide Australia/Darwin"),
    **dict.fromkeys(("awst", "australian western"), "Australia/Perth"),
    **dict.fromkeys(("nzst", "nzdt", "new zealand"), "Pacific/Auckland"),
    "sast": "Africa/Johannesburg",
    "eat": "Africa/Nairobi",
    "wat": "Africa/Lagos",
    "cat": "Africa/Maputo Africa/Harare",
}


@cache
def _zones() -> dict[str, str]:
    """Names that a person can have, by their lower-case spelling."""
    return {
        name.lower(): name
        for name in sorted(available_timezones())
        if name.lower() not in _NO_PLACE and not name.lower().startswith(_NO_PLACE_IN)
    }


def names() -> frozenset[str]:
    """The names of all time zones that a person can have."""
    return frozenset(_zones().values())


def find(text: str) -> str | None:
    """The name of a zone, typed in any case; None when it names none."""
    if len(text) > MAX_TYPED:
        return None
    zone = _zones().get(text.strip().lower())
    if zone is not None:
        ZoneInfo(zone)  # raises if the zone is listed and cannot be read
    return zone


def hint(text: str) -> str:
    """A sentence that offers near zones for a text that names none."""
    offered = near(text)
    if not offered:
        return "Use an IANA name such as Europe/Berlin, America/New_York or UTC."
    words = " or ".join((", ".join(offered[:-1]), offered[-1])) if len(offered) > 1 else offered[0]
    if _offset(_folded(text[:MAX_TYPED])) is None:
        return f"Did you mean {words}?"
    return f"Zones with that offset in winter are {words}; write the one of your place."


def near(text: str) -> tuple[str, ...]:
    """At most MAX_NEAR zones that a text may mean: by name, city, region, abbreviation or offset."""
    typed = _folded(text[:MAX_TYPED])
    found = dict.fromkeys(_meant(typed))
    if not found:
        found = dict.fromkeys(_similar(typed))
    return tuple(found)[:MAX_NEAR]


def _meant(typed: str) -> Iterator[str]:
    """Zones that a text names in other words, the surest first."""
    parts = [part.strip() for part in (typed, *re.split(r"[,;()]", typed))]
    for part in parts:
        key = _key(part)
        if key in _places():
            yield _places()[key]
        yield from _cities().get(key, ())
        yield from _SPOKEN.get(_without_filler(part), "").split()
        yield from _of_windows(part)
        yield from _countries().get(part, ())
    for part in parts:
        minutes = _offset(part)
        if minutes is not None:
            yield from _with_offset(minutes)


def _similar(typed: str) -> Iterator[str]:
    """Zones that are spelt nearly alike, else those of the same continent."""
    key = _key(typed)
    region, _, city = key.rpartition("/")
    found = [_places()[match] for match in difflib.get_close_matches(key, _places(), n=2, cutoff=0.8)]
    for match in difflib.get_close_matches(city, _cities(), n=2, cutoff=0.8):
        found += _cities()[match]
    return iter(found or [zone for zone in _MAJOR if zone.lower().startswith(f"{region or key}/")])


@cache
def _places() -> dict[str, str]:
    """Zones to offer, by key: those of Etc/ have signs that people read the wrong way."""
    return {_key(_folded(name)): name for lower, name in _zones().items() if not lower.startswith("etc/")}


@cache
def _cities() -> dict[str, list[str]]:
    """Zones by their last part, such as `new_york`."""
    cities: dict[str, list[str]] = {}
    for key, name in _places().items():
        if "/" in key:
            cities.setdefault(key.rpartition("/")[2], []).append(name)
    return cities


@cache
def _countries() -> dict[str, list[str]]:
    """Zones by the name of their country, such as `germany`."""
    tables = files("tzdata.zoneinfo")
    country_of: dict[str, str] = {}
    for code, name in _rows(tables.joinpath("iso3166.tab").read_text("utf-8")):
        country_of[code] = _folded(name)
    countries: dict[str, list[str]] = {}
    for code, _, zone, *_ in _rows(tables.joinpath("zone.tab").read_text("utf-8")):
        if zone.lower() in _zones():
            countries.setdefault(country_of[code], []).append(zone)
    return countries


def _rows(table: str) -> Iterator[list[str]]:
    return (line.split("\t") for line in table.splitlines() if line and not line.startswith("#"))


def _of_windows(key: str) -> Iterator[str]:
    """The zone of a name that Windows and Outlook give, such as `W. Europe Standard Time`."""
    from tzlocal.windows_tz import win_tz  # a large table: only for a text that names no zone

    wanted = re.sub(r"\b(daylight|summer) time$", "standard time", key)
    yield from (
        zone for name, zone in win_tz.items() if name.lower() == wanted and zone in _places().values()
    )


def _without_filler(key: str) -> str:
    words = re.findall(r"[a-z]+", key)
    kept = [word for word in words if word not in ("time", "standard", "daylight", "summer", "zone", "the")]
    return " ".join(kept)


def _offset(key: str) -> int | None:
    """Minutes ahead of UTC, for `GMT+2`, `UTC-03:30` and `+0530`; None for any other text."""
    found = _OFFSET.fullmatch(key.replace(" ", ""))
    if not found:
        return None
    minutes = int(found[2]) * 60 + (30 if found[4] else int(found[3] or 0))
    return -minutes if found[1] == "-" else minutes


def _with_offset(minutes: int) -> list[str]:
    if minutes == 0:
        return ["UTC", "Europe/London", "Europe/Lisbon"]
    wanted = timedelta(minutes=minutes)
    found = [zone for zone in _MAJOR if zone in _places().values() and _standard(zone) == wanted]
    return found or [zone for zone in _places().values() if "/" in zone and _standard(zone) == wanted]


@cache
def _standard(zone: str) -> timedelta:
    """The offset of a zone in its winter."""
    offsets = [at.astimezone(ZoneInfo(zone)).utcoffset() for at in (_JANUARY, _JULY)]
    return min(offset for offset in offsets if offset is not None)


def _folded(text: str) -> str:
    """Lower case without accents, with one kind of minus, and blanks for underscores."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return " ".join(re.sub(r"[−–—]", "-", plain.lower()).replace("_", " ").split())


def _key(folded: str) -> str:
    return re.sub(r"[ -]+", "_", folded)
