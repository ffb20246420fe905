"""When a reader's digest is due: slots of a cadence, as instants. Knows zones; reads no clock.

A slot is a local date on which the cadence falls, at its hour. An hour that does not exist on that date
means the next valid instant; one that comes twice means the first.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
SPACING = timedelta(hours=12)  # a slot closer than this to the person's last digest is passed over
PATIENCE = timedelta(days=7)  # a minimum number of papers yields once the oldest has waited this long
MAX_AGE = timedelta(days=30)  # a debt older than this ends as too old
AHEAD = timedelta(
    days=14
)  # a digest dated less far ahead shows a clock that is behind; more, its own date is wrong
SLACK = timedelta(minutes=5)  # that clocks of two machines differ, or one is read before a long wait
_LONGEST_GAP = 9  # days between two slots of any cadence, with a day that a zone skipped


@dataclass(frozen=True, slots=True, kw_only=True)
class Cadence:
    """How often, and at which local hour."""

    kind: str = "daily"  # daily, weekdays, weekly
    weekday: str | None = None  # for weekly: one of WEEKDAYS; monday when none is given
    hour: int = 7  # 0 to 23
    timezone: str = "UTC"  # IANA name


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Slot:
    """One date of a cadence."""

    at: datetime  # UTC
    day: date  # the reader's own date


def is_zone(name: str) -> bool:
    """Whether this machine knows a time zone of that name."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


@cache  # the zones that there are
def zone_of(name: str) -> ZoneInfo:
    """A reader's zone. One that this machine does not know counts as UTC: zones are checked when they are
    chosen, but a newsletter may move to a machine that knows fewer, and must not stop for one reader's sake.
    """
    return ZoneInfo(name if is_zone(name) else "UTC")


def falls_on(cadence: Cadence, day: date) -> bool:
    """Whether the cadence has a slot on that local date."""
    if cadence.kind == "daily":
        return True
    if cadence.kind == "weekdays":
        return day.weekday() < 5
    return WEEKDAYS[day.weekday()] == (cadence.weekday or WEEKDAYS[0])


def slot_on(cadence: Cadence, day: date) -> Slot | None:
    """The slot of a local date, or None when the cadence does not fall on it."""
    if not falls_on(cadence, day):
        return None
    return Slot(at=local_instant(day, cadence.hour, zone_of(cadence.timezone)), day=day)


def local_instant(day: date, hour: int, zone: ZoneInfo) -> datetime:
    """The UTC instant at which a local clock first shows `hour` on `day`, or the next valid one."""
    local = datetime.combine(day, time(hour), tzinfo=zone)
    instant = local.astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) == local.replace(tzinfo=None):
        return instant
    # The clock jumped over this hour: the jump itself is the next valid instant (PEP 495: in a gap,
    # fold=1 reads the offset after the jump, so that instant lies before it).
    before, after = local.replace(fold=1).astimezone(UTC), instant
    offset = before.astimezone(zone).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = before + (after - before) / 2
        if middle.astimezone(zone).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after.replace(microsecond=0)


def next_slot(cadence: Cadence, after: datetime) -> Slot:
    """The first slot later than `after` (aware)."""
    today = after.astimezone(zone_of(cadence.timezone)).date()
    days = (today + timedelta(days=n) for n in range(-1, _LONGEST_GAP + 1))
    return next(slot for day in days if (slot := slot_on(cadence, day)) is not None and slot.at > after)


def last_slot(cadence: Cadence, now: datetime) -> Slot:
    """The latest slot at or before `now` (aware)."""
    today = now.astimezone(zone_of(cadence.timezone)).date()
    days = (today - timedelta(days=n) for n in range(-1, _LONGEST_GAP + 1))
    return next(slot for day in days if (slot := slot_on(cadence, day)) is not None and slot.at <= now)
