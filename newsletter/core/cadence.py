"""Computes when a reader's digest is due: the slots of a cadence, as instants. Reads no clock.

A slot is a local date on which the cadence falls, at its hour. An hour that does not exist on that date
means the next valid instant; one that comes twice means the first.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

KINDS = ("daily", "weekdays", "weekly")
DEFAULT_HOUR = 7
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
DIGEST_SPACING = timedelta(hours=12)  # a slot closer than this to the reader's last digest is passed over
MINIMUM_YIELDS_AFTER = timedelta(days=7)  # how long the oldest paper waits for a reader's minimum
MAX_DEBT_AGE = timedelta(days=30)  # a debt older than this ends as too old
# A digest dated at most this far ahead shows that the clock is behind; further ahead, its own date is wrong.
MAX_CLOCK_LAG = timedelta(days=14)
CLOCK_TOLERANCE = timedelta(minutes=5)  # two machines differ by so much, or a clock was read before a wait
_LONGEST_GAP_DAYS = 9  # between two slots of any cadence, with a day that a zone skipped


@dataclass(frozen=True, slots=True, kw_only=True)
class Cadence:
    """How often, and at which local hour."""

    kind: str = "daily"  # daily, weekdays, weekly
    weekday: str | None = None  # for weekly: one of WEEKDAYS; monday when none is given
    hour: int = DEFAULT_HOUR  # 0 to 23
    timezone: str = "UTC"  # IANA name

    @property
    def fault(self) -> str:
        """What cannot be, such as hour 99, which only a change of the database by hand can bring; else empty.

        A newsletter must not stop because of one reader: hour 7, monday or weekly then stand for it.
        """
        if self.kind not in KINDS:
            return f"cadence {self.kind}"
        if self.weekday is not None and self.weekday not in WEEKDAYS:
            return f"weekday {self.weekday}"
        return "" if 0 <= self.hour <= 23 else f"hour {self.hour}"


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


@cache  # bounded by the number of zones
def zone_of(name: str) -> ZoneInfo:
    """A reader's zone; UTC for a name that this machine does not know.

    Zones are checked when they are chosen. But a newsletter may move to a machine that knows fewer of them,
    and then it must not stop because of one reader.
    """
    return ZoneInfo(name if is_zone(name) else "UTC")


def falls_on(cadence: Cadence, day: date) -> bool:
    """Whether the cadence has a slot on that local date."""
    if cadence.kind == "daily":
        return True
    if cadence.kind == "weekdays":
        return day.weekday() < 5
    return WEEKDAYS[day.weekday()] == (cadence.weekday if cadence.weekday in WEEKDAYS else WEEKDAYS[0])


def slot_on(cadence: Cadence, day: date) -> Slot | None:
    """The slot of a local date, or None when the cadence does not fall on it."""
    if not falls_on(cadence, day):
        return None
    hour = cadence.hour if 0 <= cadence.hour <= 23 else DEFAULT_HOUR
    return Slot(at=local_instant(day, hour, zone_of(cadence.timezone)), day=day)


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
    days = (today + timedelta(days=n) for n in range(-1, _LONGEST_GAP_DAYS + 1))
    return next(slot for day in days if (slot := slot_on(cadence, day)) is not None and slot.at > after)


def last_slot(cadence: Cadence, now: datetime) -> Slot:
    """The latest slot at or before `now` (aware)."""
    today = now.astimezone(zone_of(cadence.timezone)).date()
    days = (today - timedelta(days=n) for n in range(-1, _LONGEST_GAP_DAYS + 1))
    return next(slot for day in days if (slot := slot_on(cadence, day)) is not None and slot.at <= now)
