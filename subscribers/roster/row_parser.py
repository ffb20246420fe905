"""Reads the request of one roster row under an import policy. Does not decide what the row changes."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from subscribers import addresses, topic_slugs
from subscribers.addresses import Address
from subscribers.errors import AddressError, NameRefusedError, PreferenceError, SubscriberError
from subscribers.lifecycle.transitions import ChangeRequest
from subscribers.preferences import PREFERENCE_NAMES, Preferences
from subscribers.queries import State
from subscribers.roster import other_tools
from subscribers.roster.reader import RosterRow

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


def parse_row(row: RosterRow, policy: ImportPolicy) -> ParsedRow:
    """Read a row. Raises SubscriberError for a row that is refused."""
    if row.reason:
        raise SubscriberError(row.reason)
    cells = row.cells
    address = _address(cells.get("email", ""))
    state = other_tools.strictest(other_tools.state_of_row(cells), policy.at_most)
    given = {name: cells[name] for name in PREFERENCE_NAMES if cells.get(name)}
    if given.get("cadence", "weekly").lower() != "weekly":
        given.pop("weekday", None)  # files often give one to everybody; only weekly digests have one
    wanted = topic_slugs.checked(re.split(r"[;,|]", cells.get("topics", "")), policy.known_topics)
    unread: list[tuple[str, str]] = []
    if tags := cells.get("tags"):
        found = list(other_tools.tagged(tags, policy.topic_names))
        wanted = tuple(dict.fromkeys((*wanted, *(slug for _, slug in found if slug))))
        unread += [("topic", name) for name, slug in found if not slug]
    guessed = {}
    if zone := cells.get("likely_timezone"):
        if other_tools.is_time_zone(zone):
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
        paused_until=_instant(cells.get("paused_until", "")),
        unread=tuple(unread),
    )


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
            f"paused_until: {text!r} is no date", field="paused_until", hint="Such as 2026-05-01."
        ) from error
