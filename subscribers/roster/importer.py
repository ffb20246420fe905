"""Taking rows of a roster in: what becomes of each, and storing a batch. Reading files is elsewhere.

An import brings nobody back who left or may not be mailed, and follows no topic again that was once left. A
column about somebody's state can only hold them back: rows that say pending, unsubscribed or suppressed never
become more than that, whatever is said about consent. Taking the same rows in again changes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from subscribers.errors import SubscriberError
from subscribers.lifecycle import suppression, unsubscribe
from subscribers.lifecycle.signup import carry_out
from subscribers.lifecycle.transitions import Transition, decide, left_elsewhere
from subscribers.queries import State, SubscriberView, by_keys
from subscribers.roster import changes
from subscribers.roster.duplicates import DuplicateIndex
from subscribers.roster.reader import RosterRow
from subscribers.roster.row_parser import MAX_UNREAD, ImportPolicy, ParsedRow, candidate


@dataclass(slots=True, kw_only=True)
class ImportReport:
    """What became of rows."""

    added: int = 0
    updated: int = 0
    unchanged: int = 0
    refused: list[dict[str, Any]] = field(default_factory=list)  # row, reason
    changes: list[dict[str, Any]] = field(default_factory=list)  # of a dry run only; see `_told`
    unread: Counter[tuple[str, str]] = field(
        default_factory=Counter
    )  # column and value that mean nothing here
    first_confirmed: list[int] = field(default_factory=list)  # ids of people whose first consent this was

    def refuse(self, number: int, error: SubscriberError) -> None:
        """Note that a row was refused, and why."""
        reason = f"{error.message.rstrip('.')}. {error.hint}" if error.hint else error.message
        self.refused.append({"row": number, "reason": reason})


@dataclass(frozen=True, slots=True, kw_only=True)
class _RowOutcome:
    change: str  # added, updated, unchanged
    step: Transition | None = None
    then: str = ""  # leave, suppress: what the row's state asks for besides
    paused: datetime | None = None  # a pause that begins with it


def take_in(
    connection: Connection,
    rows: Sequence[RosterRow],
    *,
    terms: ImportPolicy,
    seen: DuplicateIndex,
    dry_run: bool = False,
) -> ImportReport:
    """Take a batch in; nothing is stored in a dry run, which tells what would be.

    seen: the addresses of the batches before. Refused rows are values with their number and reason.
    """
    taken = ImportReport()
    read = _candidates(rows, terms=terms, seen=seen, taken=taken)
    keys = [each.wish.address.key for each in read]
    people = by_keys(connection, keys, lock=not dry_run)
    barred = suppression.in_force(connection, keys, key=terms.suppression_key)
    fates: list[tuple[ParsedRow, _RowOutcome]] = []
    for each in read:
        key = each.wish.address.key
        try:
            fates.append((each, _fate(each, people.get(key), barred.get(key), terms)))
        except SubscriberError as error:
            taken.refuse(each.number, error)
    if dry_run:
        taken.changes = [
            _told(each, fate, people.get(each.wish.address.key))
            for each, fate in fates
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
    fates: Sequence[tuple[ParsedRow, _RowOutcome]],
    people: Mapping[str, SubscriberView],
    *,
    terms: ImportPolicy,
    taken: ImportReport,
) -> list[tuple[ParsedRow, _RowOutcome]]:
    """Carry out what was decided; returns those that it could be carried out for."""
    steps = [fate.step for _, fate in fates if fate.step is not None]
    ids = carry_out(connection, steps, how="import", now=terms.now)
    taken.first_confirmed = [
        ids[step.key]
        for step in steps
        if step.key in ids and step.starts and (step.before is None or step.before.confirmed_at is None)
    ]
    stored: list[tuple[ParsedRow, _RowOutcome]] = []
    paused: list[tuple[int, datetime]] = []
    for each, fate in fates:
        address = each.wish.address
        if fate.step is not None and address.key not in ids:
            taken.refuse(
                each.number, SubscriberError("somebody else is adding the same address; import again")
            )
            continue
        stored.append((each, fate))
        person = people.get(address.key)
        if fate.paused is not None:
            paused.append((person.id if person is not None else ids[address.key], fate.paused))
        if fate.then == "leave" and person is not None:
            unsubscribe.unsubscribe(connection, subscriber_id=person.id, how="import", now=terms.now)
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
    unsubscribe.pause_many(connection, paused, how="import", now=terms.now)
    return stored


def _told(candidate: ParsedRow, fate: _RowOutcome, person: SubscriberView | None) -> dict[str, Any]:
    """A change: row, address, change; before and after hold what differs, of somebody new all there is."""
    after = changes.after(person, fate.step, then=fate.then, paused=fate.paused)
    before = changes.before(person) if person is not None else {}
    differs = [name for name in after if name not in before or before[name] != after[name]]
    return {
        "row": candidate.number,
        "address": candidate.wish.address.address,
        "change": fate.change,
        "before": changes.told({name: before[name] for name in differs if name in before}),
        "after": changes.told({name: after[name] for name in differs}),
    }


def _candidates(
    rows: Sequence[RosterRow], *, terms: ImportPolicy, seen: DuplicateIndex, taken: ImportReport
) -> list[ParsedRow]:
    found: list[ParsedRow] = []
    for row in rows:
        try:
            found.append(candidate(row, terms))
        except SubscriberError as error:
            taken.refuse(row.number, error)
    again = seen.repeated([(c.wish.address.key, c.number) for c in found])
    for each in found:
        if each.number in again:
            first = again[each.number]
            taken.refuse(each.number, SubscriberError(f"the same address as row {first}"))
        for value in each.unread:
            if value in taken.unread or len(taken.unread) < MAX_UNREAD:
                taken.unread[value] += 1
    return [each for each in found if each.number not in again] if again else found


def _fate(
    candidate: ParsedRow,
    person: SubscriberView | None,
    standing: suppression.ActiveSuppression | None,
    terms: ImportPolicy,
) -> _RowOutcome:
    """What becomes of a row. Raises SubscriberError: the row is refused."""
    wish = candidate.wish
    if standing is not None:
        if candidate.state is State.SUPPRESSED and standing.reason != suppression.ERASED:
            return _RowOutcome(change="unchanged")
        raise suppression.refusal(wish.address.address, standing)
    if person is None and candidate.likely:
        wish = replace(wish, given={**candidate.likely, **wish.given})
    if candidate.state in (State.UNSUBSCRIBED, State.SUPPRESSED):
        then = "suppress" if candidate.state is State.SUPPRESSED else ""
        if person is None:
            new = left_elsewhere(wish, defaults=terms.defaults)
            return _RowOutcome(change="added", step=new, then=then, paused=candidate.paused_until)
        if then:
            return _RowOutcome(change="updated", then=then)
        if person.state is State.UNSUBSCRIBED:
            return _RowOutcome(change="unchanged")
        return _RowOutcome(change="updated", then="leave")
    step = decide(
        person,
        wish,
        how="import",
        now=terms.now,
        defaults=terms.defaults,
        default_topics=terms.default_topics,
    )
    if person is None:
        return _RowOutcome(change="added", step=step, paused=candidate.paused_until)
    until = candidate.paused_until
    # A pause that is over says nothing about who is here already: theirs may have been ended since.
    paused = until if until is not None and until > terms.now and until != person.paused_until else None
    if step is None and paused is None:
        return _RowOutcome(change="unchanged")
    return _RowOutcome(change="updated", step=step, paused=paused)
