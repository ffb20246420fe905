"""Reads the request of one roster row under an import policy. Does not decide what the row changes."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from subscribers import addresses, preferences, time_zones, topic_slugs
from subscribers.addresses import Address
from subscribers.errors import AddressError, NameRefusedError, PreferenceError, SubscriberError
from subscribers.lifecycle.transitions import ChangeRequest
from subscribers.preferences import PREFERENCE_NAMES, Preferences
from subscribers.queries import State
from subscribers.roster import other_tools, readings
from subscribers.roster.reader import RosterRow

MAX_CELL = 100  # characters of a cell; a longer one is a fault of its row
MAX_CELLS = {
    "email": addresses.MAX_TYPED,
    **dict.fromkeys(("name", "first_name", "last_name"), 500),
    "topics": 5000,
    "tags": 20_000,
}
MAX_STATUS = 200  # characters of a status that are looked at
MAX_UNREAD = 200  # values not understood that a report lists; a longer list helps nobody
_SEVERAL_ADDRESSES = re.compile(r"[^\s<>,;\"]@[^\s<>,;\"]+>?\s*[,;/\n]\s*[^@]*@", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportPolicy:
    """The rules for importing one roster."""

    known_topics: Collection[str]  # slugs
    default_topics: tuple[str, ...]  # of a new person whose row names none
    defaults: Preferences  # of new people
    confirmed: bool  # consent was given elsewhere
    now: datetime
    suppression_key: bytes
    topics: tuple[str, ...] = ()  # known slugs; for rows that name none
    at_most: State | None = None  # nobody in the file gets a better state; None: no limit
    topic_names: Mapping[str, str] = field(default_factory=dict)  # slugs by the name of a list or tag


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedRow:
    """A row that was read without an error."""

    number: int  # of the row
    request: ChangeRequest
    state: State | None  # as the row says; None: it says nothing
    guessed: Mapping[str, str]  # preferences that another tool guessed; for new people only
    paused_until: datetime | None
    unread: tuple[tuple[str, str], ...]  # (column, value) not understood


class RowFaultsError(SubscriberError):
    """A row is refused. `key` is that of its address, or empty when the address is at fault."""

    def __init__(self, faults: Sequence[SubscriberError], *, key: str) -> None:
        super().__init__("; ".join(sentence(fault) for fault in faults))
        self.key = key


def sentence(error: SubscriberError) -> str:
    """The message of an error and what to do next, in one line."""
    return f"{error.message.rstrip('.')}. {error.hint}" if error.hint else error.message


def parse_row(row: RosterRow, policy: ImportPolicy) -> ParsedRow:
    """Read a row. Raises RowFaultsError, which names every fault of a row that is refused."""
    if row.reason:
        raise RowFaultsError([SubscriberError(row.reason)], key="")
    faults: list[SubscriberError] = []
    cells = _bounded(row.cells, faults)
    address = state = paused = None
    wanted: tuple[str, ...] = ()
    try:
        if "email" in cells or "email" not in row.cells:
            address = _address(cells.get("email", ""))
    except SubscriberError as error:
        faults.append(error)
    states = []
    for reading, cell in row.status:
        try:
            states.append(readings.read(reading, cell[:MAX_STATUS]))
        except SubscriberError as error:
            faults.append(error)
    state = readings.strictest(*states, policy.at_most)
    given = {name: cells[name] for name in PREFERENCE_NAMES if cells.get(name)}
    if given.get("cadence", "weekly").lower() != "weekly":
        given.pop("weekday", None)  # files often give one to everybody; only weekly digests have one
    faults += preferences.faults(given)
    try:
        wanted = topic_slugs.checked(re.split(r"[;,|]", cells.get("topics", "")), policy.known_topics)
    except SubscriberError as error:
        faults.append(error)
    try:
        paused = _instant(cells.get("paused_until", ""))
    except SubscriberError as error:
        faults.append(error)
    if faults or address is None:
        raise RowFaultsError(faults, key=address.key if address is not None else "")
    unread: list[tuple[str, str]] = []
    if tags := cells.get("tags"):
        found = list(other_tools.tagged(tags, policy.topic_names))
        wanted = tuple(dict.fromkeys((*wanted, *(slug for _, slug in found if slug))))
        unread += [("topic", name) for name, slug in found if not slug]
    guessed = {}
    if zone := cells.get("likely_timezone"):
        if time_zones.find(zone):
            guessed["timezone"] = zone
        else:
            unread.append(("timezone", zone))
    name = address.name if "=?" not in address.name else other_tools.decoded(address.name)
    name = other_tools.full_name(cells).strip() or name
    try:
        name = addresses.checked_name(name, address=address.address)
    except NameRefusedError:  # the person counts more than the name: it is left out, and the report says so
        unread.append(("name", name[: addresses.MAX_QUOTED]))
        name = ""
    request = ChangeRequest(
        address=address,
        name=name,
        topics=wanted or policy.topics,
        given=given,
        confirmed=policy.confirmed and state in (None, State.CONFIRMED),
    )
    return ParsedRow(
        number=row.number,
        request=request,
        state=state,
        guessed=guessed,
        paused_until=paused,
        unread=tuple((column, value[: addresses.MAX_QUOTED]) for column, value in unread),
    )


def _bounded(cells: Mapping[str, str], faults: list[SubscriberError]) -> Mapping[str, str]:
    """The cells that are not too long to look at; each of the others is a fault."""
    too_long = [name for name, cell in cells.items() if len(cell) > MAX_CELLS.get(name, MAX_CELL)]
    if not too_long:
        return cells
    faults += [
        SubscriberError(
            f"{name}: {addresses.quoted(cells[name])} is {len(cells[name]):,} characters long; "
            f"at most {MAX_CELLS.get(name, MAX_CELL):,} are read"
        )
        for name in too_long
    ]
    return {name: cell for name, cell in cells.items() if name not in too_long}


def _address(cell: str) -> Address:
    if not cell:
        raise AddressError("there is no address in this row")
    if cell.count("@") > 1 and _SEVERAL_ADDRESSES.search(cell):
        raise AddressError(
            f"{addresses.quoted(cell)} holds several addresses", hint="Give each a row of its own."
        )
    return addresses.parse(cell)


def _instant(text: str) -> datetime | None:
    if not text:
        return None
    try:
        instant = datetime.fromisoformat(text)
        return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise PreferenceError(
            f"paused_until: {addresses.quoted(text)} is no date",
            field="paused_until",
            hint="Such as 2026-05-01.",
        ) from error
