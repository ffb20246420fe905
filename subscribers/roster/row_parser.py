"""What one row of a roster asks for, and on which terms. What becomes of it is decided elsewhere."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from subscribers import addresses, topic_slugs
from subscribers.addresses import Address
from subscribers.errors import AddressError, PreferenceError, SubscriberError
from subscribers.lifecycle.transitions import ChangeRequest
from subscribers.preferences import NAMES, Preferences
from subscribers.queries import State
from subscribers.roster import other_tools
from subscribers.roster.reader import RosterRow

MAX_UNREAD = 200  # values that are named because nobody reads them; more help nobody
_SEVERAL = re.compile(r"[^\s<>,;\"]@[^\s<>,;\"]+>?\s*[,;/\n]\s*[^@]*@", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportPolicy:
    """On which terms a roster is taken in."""

    known_topics: Collection[str]  # slugs
    default_topics: tuple[str, ...]  # of new people whose row names none
    defaults: Preferences  # of new people
    confirmed: bool  # consent was given elsewhere
    now: datetime
    suppression_key: bytes
    topics: tuple[str, ...] = ()  # known slugs, for every row that names none
    at_most: State | None = None  # what everybody is at most; None: nothing is said of all
    called: Mapping[str, str] = field(default_factory=dict)  # what lists and tags may call a topic → slug


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedRow:
    """A row that can be read."""

    number: int  # of the row
    wish: ChangeRequest
    state: State | None  # what the row says
    likely: Mapping[str, str]  # preferences that were guessed for them: of new people only
    paused_until: datetime | None
    unread: tuple[tuple[str, str], ...]  # column and value that mean nothing here


def candidate(row: RosterRow, terms: ImportPolicy) -> ParsedRow:
    """Read a row. Raises SubscriberError: it is refused."""
    if row.reason:
        raise SubscriberError(row.reason)
    cells = row.cells
    address = _address(cells.get("email", ""))
    state = other_tools.strictest(other_tools.stated(cells), terms.at_most)
    given = {name: cells[name] for name in NAMES if cells.get(name)}
    if given.get("cadence", "weekly").lower() != "weekly":
        given.pop("weekday", None)  # spreadsheets carry one along; only weekly digests have one
    wanted = topic_slugs.checked(re.split(r"[;,|]", cells.get("topics", "")), terms.known_topics)
    unread: list[tuple[str, str]] = []
    if tags := cells.get("tags"):
        found = list(other_tools.tagged(tags, terms.called))
        wanted = tuple(dict.fromkeys((*wanted, *(slug for _, slug in found if slug))))
        unread += [("topic", name) for name, slug in found if not slug]
    likely = {}
    if zone := cells.get("likely_timezone"):
        if other_tools.is_zone(zone):
            likely["timezone"] = zone
        else:
            unread.append(("timezone", zone))
    name = address.name if "=?" not in address.name else other_tools.decoded(address.name)
    wish = ChangeRequest(
        address=address,
        name=addresses.clean_name(other_tools.full_name(cells)) or addresses.clean_name(name),
        topics=wanted or terms.topics,
        given=given,
        confirmed=terms.confirmed and state in (None, State.CONFIRMED),
    )
    return ParsedRow(
        number=row.number,
        wish=wish,
        state=state,
        likely=likely,
        paused_until=_instant(cells.get("paused_until", "")),
        unread=tuple(unread),
    )


def _address(cell: str) -> Address:
    if not cell:
        raise AddressError("there is no address in this row")
    if cell.count("@") > 1 and _SEVERAL.search(cell):
        raise AddressError(
            f"{addresses.shown(cell)} holds several addresses", hint="Give each a row of its own."
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
