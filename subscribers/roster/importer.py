"""Decides what each row of a roster changes, and stores a batch of rows. Reads no files.

An import never brings back people who left or may not be mailed, and follows no topic that a person left. A
state column can only restrict: a row that says pending, unsubscribed or suppressed gets no better state, even
when the import is confirmed. Importing the same rows again changes nothing.
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
from subscribers.lifecycle.signup import apply_transitions
from subscribers.lifecycle.transitions import Transition, decide, left_elsewhere
from subscribers.queries import State, SubscriberView, by_keys
from subscribers.roster import changes
from subscribers.roster.duplicates import DuplicateIndex
from subscribers.roster.reader import RosterRow
from subscribers.roster.row_parser import (
    MAX_UNREAD,
    ImportPolicy,
    ParsedRow,
    RowFaultsError,
    parse_row,
    sentence,
)


@dataclass(slots=True, kw_only=True)
class ImportReport:
    """The result of an import: counts, refused rows, and values that were not understood."""

    added: int = 0
    updated: int = 0
    unchanged: int = 0
    refused: list[dict[str, Any]] = field(default_factory=list)  # row, reason
    changes: list[dict[str, Any]] = field(default_factory=list)  # if asked for; see `_change`
    unread: Counter[tuple[str, str]] = field(default_factory=Counter)  # (column, value) not understood
    without_topics: int = 0  # people added who follow the default topics, since their rows name none
    not_mailed: Counter[str] = field(
        default_factory=Counter
    )  # people added or updated who get no mail, by state
    first_confirmed: list[int] = field(default_factory=list)  # ids of people who consented for the first time

    def refuse(self, number: int, error: SubscriberError) -> None:
        """Add a refused row with its reason."""
        self.refused.append({"row": number, "reason": sentence(error)})


@dataclass(frozen=True, slots=True, kw_only=True)
class _RowOutcome:
    change: str  # added, updated, unchanged
    transition: Transition | None = None
    then: str = ""  # leave or suppress: a further action that the row's state asks for
    paused: datetime | None = None  # the end of a pause that begins with the row


def import_rows(
    connection: Connection,
    rows: Sequence[RosterRow],
    *,
    policy: ImportPolicy,
    seen: DuplicateIndex,
    dry_run: bool = False,
    describe: bool = False,
) -> ImportReport:
    """Import a batch of rows. A dry run stores nothing and reports the changes.

    seen: the addresses of earlier batches. describe: report the changes of a real run, too. Refused rows are
    in the report with number and reason.
    """
    report = ImportReport()
    read = _parse(rows, policy=policy, seen=seen, report=report)
    keys = [parsed.request.address.key for parsed in read]
    people = by_keys(connection, keys, lock=not dry_run)
    suppressed = suppression.in_force(connection, keys, key=policy.suppression_key)
    outcomes: list[tuple[ParsedRow, _RowOutcome]] = []
    for parsed in read:
        key = parsed.request.address.key
        try:
            outcomes.append((parsed, _decide_row(parsed, people.get(key), suppressed.get(key), policy)))
        except SubscriberError as error:
            report.refuse(parsed.number, error)
    if not dry_run:
        outcomes = _store(connection, outcomes, people, policy=policy, report=report)
    if describe or dry_run:
        report.changes = [
            _change(parsed, outcome, people.get(parsed.request.address.key))
            for parsed, outcome in outcomes
            if outcome.change != "unchanged"
        ]
    states = (_state_after(outcome) for _, outcome in outcomes if outcome.change != "unchanged")
    report.not_mailed.update(str(state) for state in states if state not in (None, State.CONFIRMED))
    report.without_topics = sum(
        outcome.change == "added" and not parsed.request.topics and not _stays_out(parsed)
        for parsed, outcome in outcomes
    )
    changes = [outcome.change for _, outcome in outcomes]
    report.added, report.updated, report.unchanged = (
        changes.count(change) for change in ("added", "updated", "unchanged")
    )
    report.refused.sort(key=lambda refusal: int(refusal["row"]))
    return report


def _store(
    connection: Connection,
    outcomes: Sequence[tuple[ParsedRow, _RowOutcome]],
    people: Mapping[str, SubscriberView],
    *,
    policy: ImportPolicy,
    report: ImportReport,
) -> list[tuple[ParsedRow, _RowOutcome]]:
    """Store the outcomes; returns those that were stored."""
    transitions = [outcome.transition for _, outcome in outcomes if outcome.transition is not None]
    ids = apply_transitions(connection, transitions, how="import", now=policy.now)
    report.first_confirmed = [
        ids[transition.key]
        for transition in transitions
        if transition.key in ids
        and transition.starts
        and (transition.before is None or transition.before.confirmed_at is None)
    ]
    stored: list[tuple[ParsedRow, _RowOutcome]] = []
    paused: list[tuple[int, datetime]] = []
    for parsed, outcome in outcomes:
        address = parsed.request.address
        if outcome.transition is not None and address.key not in ids:
            report.refuse(
                parsed.number, SubscriberError("somebody else is adding the same address; import again")
            )
            continue
        stored.append((parsed, outcome))
        person = people.get(address.key)
        if outcome.paused is not None:
            paused.append((person.id if person is not None else ids[address.key], outcome.paused))
        if outcome.then == "leave" and person is not None:
            unsubscribe.unsubscribe(connection, subscriber_id=person.id, how="import", now=policy.now)
        elif outcome.then == "suppress":
            suppression.suppress(
                connection,
                address=address.address,
                reason="admin",
                how="import",
                now=policy.now,
                key=policy.suppression_key,
                note="a roster says so",
            )
    unsubscribe.pause_many(connection, paused, how="import", now=policy.now)
    return stored


def _state_after(outcome: _RowOutcome) -> State | None:
    """The state that a row leaves a person in; None when it does not touch the state."""
    if outcome.then:
        return State.SUPPRESSED if outcome.then == "suppress" else State.UNSUBSCRIBED
    return outcome.transition.state if outcome.transition is not None else None


def _change(parsed: ParsedRow, outcome: _RowOutcome, person: SubscriberView | None) -> dict[str, Any]:
    """A change: row, address, change; before and after hold the fields that differ."""
    after = changes.after(person, outcome.transition, then=outcome.then, paused=outcome.paused)
    before = changes.before(person) if person is not None else {}
    differs = [name for name in after if name not in before or before[name] != after[name]]
    return {
        "row": parsed.number,
        "address": parsed.request.address.address,
        "change": outcome.change,
        "before": changes.as_json({name: before[name] for name in differs if name in before}),
        "after": changes.as_json({name: after[name] for name in differs}),
    }


def _parse(
    rows: Sequence[RosterRow], *, policy: ImportPolicy, seen: DuplicateIndex, report: ImportReport
) -> list[ParsedRow]:
    found: list[ParsedRow] = []
    faulty: list[tuple[int, RowFaultsError]] = []
    for row in rows:
        try:
            found.append(parse_row(row, policy))
        except RowFaultsError as error:
            faulty.append((row.number, error))
    again = seen.repeated([(parsed.request.address.key, parsed.number) for parsed in found])
    for parsed in found:
        if parsed.number in again:
            first = again[parsed.number]
            report.refuse(parsed.number, SubscriberError(f"the same address as row {first}"))
        for value in parsed.unread:
            if value in report.unread or len(report.unread) < MAX_UNREAD:
                report.unread[value] += 1
    for number, faults in faulty:
        first_row = seen.first_row(faults.key) if faults.key else None
        if first_row is not None and first_row < number:
            repeated = SubscriberError(f"the same address as row {first_row}")
            report.refuse(number, RowFaultsError([faults, repeated], key=""))
        else:
            report.refuse(number, faults)
    return [parsed for parsed in found if parsed.number not in again] if again else found


def _stays_out(parsed: ParsedRow) -> bool:
    """Whether a row says that the person left or may not be mailed."""
    return parsed.state in (State.UNSUBSCRIBED, State.SUPPRESSED)


def _decide_row(
    parsed: ParsedRow,
    person: SubscriberView | None,
    active: suppression.ActiveSuppression | None,
    policy: ImportPolicy,
) -> _RowOutcome:
    """The outcome of a row. Raises SubscriberError for a row that is refused."""
    request = parsed.request
    if active is not None:
        if parsed.state is State.SUPPRESSED and active.reason != suppression.ERASED:
            return _RowOutcome(change="unchanged")
        raise suppression.refusal(request.address.address, active)
    if person is None and parsed.guessed:
        request = replace(request, given={**parsed.guessed, **request.given})
    if _stays_out(parsed):
        then = "suppress" if parsed.state is State.SUPPRESSED else ""
        if person is None:
            new = left_elsewhere(request, defaults=policy.defaults)
            return _RowOutcome(change="added", transition=new, then=then, paused=parsed.paused_until)
        if then:
            return _RowOutcome(change="updated", then=then)
        if person.state is State.UNSUBSCRIBED:
            return _RowOutcome(change="unchanged")
        return _RowOutcome(change="updated", then="leave")
    transition = decide(
        person,
        request,
        how="import",
        now=policy.now,
        defaults=policy.defaults,
        default_topics=policy.default_topics,
    )
    if person is None:
        return _RowOutcome(change="added", transition=transition, paused=parsed.paused_until)
    until = parsed.paused_until
    # A pause in the past does not count for a known person: they may have ended it earlier.
    paused = until if until is not None and until > policy.now and until != person.paused_until else None
    if transition is None and paused is None:
        return _RowOutcome(change="unchanged")
    return _RowOutcome(change="updated", transition=transition, paused=paused)
