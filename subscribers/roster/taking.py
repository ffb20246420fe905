"""Taking rows of a roster in: what becomes of each, and storing a batch. Reading files is elsewhere.

An import brings nobody back who left or may not be mailed, and follows no topic again that was once left. A
`state` column can only hold people back: rows that say pending, unsubscribed or suppressed never become more
than that, whatever is said about consent. Taking the same rows in again changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from subscribers import addresses, leaving, suppression, topics
from subscribers.errors import SubscriberError
from subscribers.people import LISTED, State, SubscriberView, by_keys
from subscribers.preferences import Preferences
from subscribers.roster.reading import RosterRow
from subscribers.roster.seen import Seen
from subscribers.signup import carry_out
from subscribers.wishes import Step, Wish, decide, left_elsewhere

_PREFERENCES = ("cadence", "weekday", "hour", "timezone")


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """On which terms a roster is taken in."""

    known_topics: Collection[str]  # slugs
    default_topics: tuple[str, ...]  # of new people whose row names none
    defaults: Preferences  # of new people
    confirmed: bool  # consent was given elsewhere
    now: datetime
    suppression_key: bytes


@dataclass(slots=True, kw_only=True)
class Taken:
    """What became of rows."""

    added: int = 0
    updated: int = 0
    unchanged: int = 0
    refused: list[dict[str, Any]] = field(default_factory=list)  # row, reason
    changes: list[dict[str, Any]] = field(default_factory=list)  # row, address, change; of a dry run only
    first_confirmed: list[int] = field(default_factory=list)  # ids of people whose first consent this was

    def refuse(self, number: int, error: SubscriberError) -> None:
        """Note that a row was refused, and why."""
        reason = f"{error.message.rstrip('.')}. {error.hint}" if error.hint else error.message
        self.refused.append({"row": number, "reason": reason})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Candidate:
    number: int  # of the row
    wish: Wish
    state: State | None  # what the row says


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fate:
    change: str  # added, updated, unchanged
    step: Step | None = None
    then: str = ""  # leave, suppress: what the row's state asks for besides


def take_in(
    connection: Connection, rows: Sequence[RosterRow], *, terms: Terms, seen: Seen, dry_run: bool = False
) -> Taken:
    """Take a batch in; nothing is stored in a dry run, which tells what would be.

    seen: the addresses of the batches before. Refused rows are values with their number and reason.
    """
    taken = Taken()
    candidates = _candidates(rows, terms=terms, seen=seen, taken=taken)
    keys = [candidate.wish.address.key for candidate in candidates]
    people = by_keys(connection, keys, lock=not dry_run)
    barred = suppression.in_force(connection, keys, key=terms.suppression_key)
    fates: list[tuple[_Candidate, _Fate]] = []
    for candidate in candidates:
        key = candidate.wish.address.key
        try:
            fates.append((candidate, _fate(candidate, people.get(key), barred.get(key), terms)))
        except SubscriberError as error:
            taken.refuse(candidate.number, error)
    if dry_run:
        taken.changes = [
            {"row": candidate.number, "address": candidate.wish.address.address, "change": fate.change}
            for candidate, fate in fates
            if fate.change != "unchanged"
        ]
    else:
        fates = _store(connection, fates, people, terms=terms, taken=taken)
    changes = [fate.change for _, fate in fates]
    taken.added, taken.updated, taken.unchanged = (
        changes.count(change) for change in ("added", "updated", "unchanged")
    )
    taken.refused.sort(key=lambda refusal: int(refusal["row"]))
    return taken


def _store(
    connection: Connection,
    fates: Sequence[tuple[_Candidate, _Fate]],
    people: Mapping[str, SubscriberView],
    *,
    terms: Terms,
    taken: Taken,
) -> list[tuple[_Candidate, _Fate]]:
    """Carry out what was decided; returns those that it could be carried out for."""
    steps = [fate.step for _, fate in fates if fate.step is not None]
    ids = carry_out(connection, steps, how="import", now=terms.now)
    taken.first_confirmed = [
        ids[step.key]
        for step in steps
        if step.key in ids and step.starts and (step.before is None or step.before.confirmed_at is None)
    ]
    stored: list[tuple[_Candidate, _Fate]] = []
    for candidate, fate in fates:
        address = candidate.wish.address
        if fate.step is not None and address.key not in ids:
            taken.refuse(
                candidate.number, SubscriberError("somebody else is adding the same address; import again")
            )
            continue
        stored.append((candidate, fate))
        if fate.then == "leave":
            leaving.unsubscribe(connection, subscriber_id=people[address.key].id, how="import", now=terms.now)
        elif fate.then == "suppress":
            suppression.suppress(
                connection,
                address=address.address,
                reason="admin",
                how="import",
                now=terms.now,
                key=terms.suppression_key,
                note="a roster says so",
            )
    return stored


def _candidates(rows: Sequence[RosterRow], *, terms: Terms, seen: Seen, taken: Taken) -> list[_Candidate]:
    found: list[_Candidate] = []
    for row in rows:
        try:
            if row.reason:
                raise SubscriberError(row.reason)
            found.append(_candidate(row, terms))
        except SubscriberError as error:
            taken.refuse(row.number, error)
    again = seen.repeated([(c.wish.address.key, c.number) for c in found])
    for candidate in found:
        if candidate.number in again:
            first = again[candidate.number]
            taken.refuse(candidate.number, SubscriberError(f"the same address as row {first}"))
    return [candidate for candidate in found if candidate.number not in again]


def _candidate(row: RosterRow, terms: Terms) -> _Candidate:
    cells = row.cells
    address = addresses.parse(cells.get("email", ""))
    state = cells.get("state", "").lower()
    if state and state not in LISTED:
        raise SubscriberError(f"there is no state {cells['state']!r}", hint=f"There are {', '.join(LISTED)}.")
    given = {name: cells[name] for name in _PREFERENCES if cells.get(name)}
    if given.get("cadence", "weekly").lower() != "weekly":
        given.pop("weekday", None)  # spreadsheets carry one along; only weekly digests have one
    wish = Wish(
        address=address,
        name=addresses.clean_name(cells.get("name", "")) or address.name,
        topics=topics.checked(re.split(r"[;,|]", cells.get("topics", "")), terms.known_topics),
        given=given,
        confirmed=terms.confirmed and state in ("", State.CONFIRMED),
    )
    return _Candidate(number=row.number, wish=wish, state=State(state) if state else None)


def _fate(
    candidate: _Candidate,
    person: SubscriberView | None,
    standing: suppression.Standing | None,
    terms: Terms,
) -> _Fate:
    """What becomes of a row. Raises SubscriberError: the row is refused."""
    wish = candidate.wish
    if standing is not None:
        if candidate.state is State.SUPPRESSED and standing.reason != suppression.ERASED:
            return _Fate(change="unchanged")
        raise suppression.refusal(wish.address.address, standing)
    if candidate.state in (State.UNSUBSCRIBED, State.SUPPRESSED):
        then = "suppress" if candidate.state is State.SUPPRESSED else ""
        if person is None:
            return _Fate(change="added", step=left_elsewhere(wish, defaults=terms.defaults), then=then)
        if then:
            return _Fate(change="updated", then=then)
        if person.state is State.UNSUBSCRIBED:
            return _Fate(change="unchanged")
        return _Fate(change="updated", then="leave")
    step = decide(
        person,
        wish,
        how="import",
        now=terms.now,
        defaults=terms.defaults,
        default_topics=terms.default_topics,
    )
    if step is None:
        return _Fate(change="unchanged")
    return _Fate(change="added" if person is None else "updated", step=step)
