"""Balances one reader's account: what they were owed against what they were given. Pure.

`newsletter.pipeline.audit` feeds it from the rows; it shares no code with composing, so that the two
can disagree.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from newsletter.core.cadence import MAX_AGE, PATIENCE, SPACING, Cadence, next_slot
from newsletter.core.states import DebtEnd, DeliveryState, Form, Role

LIVE = (
    DeliveryState.QUEUED,
    DeliveryState.LEASED,
    DeliveryState.HANDING_OVER,
    DeliveryState.DEFERRED,
)


INHERITED = "inherited"  # role of a paper that counts as given with the one that it was split from


class Pending(StrEnum):
    """Why a debt is not paid yet."""

    IN_MAIL = "in a mail that is on its way"
    NOT_READY = "its edition is not ready"
    HELD = "its edition is held"
    NO_ROOM = "no room in the last digest; it leads the next"
    SLOT = "waits for the next slot"
    NO_RUN = "no run since its slot"
    PAUSED = "the reader paused"
    TOO_FEW = "fewer papers than the reader's minimum"
    OWN = "given back; it leads the next digest"
    UNCERTAIN = "its mail's fate is uncertain; it comes as a recap"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A frozen (paper, topic) pair."""

    paper: int  # canonical id
    topic: str
    edition: int
    ready_at: datetime
    held: bool = False
    end: DebtEnd | None = None  # dropped or withdrawn, for everybody


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """That the reader followed a topic."""

    topic: str
    since: datetime
    until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """A paper's place in a delivery."""

    paper: int  # canonical id
    form: str
    role: str
    own: int | None = None  # the id it had in the mail, where a later merge changed it
    merged_at: datetime | None = None  # when that merge was decided


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailed:
    """One digest delivery of the reader's, in the order of composing."""

    delivery: int
    state: str
    reason: str | None
    composed_at: datetime
    papers: Sequence[Carried]
    key: str = ""  # the local date of its slot, when a slot asked for it


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnDebt:
    """A debt that is a row of the reader's own."""

    paper: int
    kind: str  # returned, welcome, recap
    open: bool  # neither carried by a delivery nor ended
    ended: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """All that is known of one reader."""

    confirmed: bool
    cadence: Cadence
    cadence_since: datetime | None  # when the cadence was last changed
    paused_until: datetime | None
    minimum: int
    intervals: Sequence[Interval]
    mailed: Sequence[Mailed]
    debts: Sequence[OwnDebt]


@dataclass(slots=True)
class Balance:
    """The outcome for one reader: paper ids, each with what became of it."""

    given: set[int] = field(default_factory=set)
    inherited: set[int] = field(default_factory=set)  # given as the paper that they were split from
    repeated: dict[int, list[int]] = field(default_factory=dict)  # paper to its deliveries
    missed: dict[int, datetime] = field(default_factory=dict)  # paper to when it was ready
    pending: dict[int, Pending] = field(default_factory=dict)
    ended: dict[int, DebtEnd] = field(default_factory=dict)
    uncertain: set[int] = field(default_factory=set)  # in an uncertain mail, no recap sent yet
    mended: set[int] = field(default_factory=set)  # recapped in a sent mail


def balance(
    account: Account,
    pairs_by_topic: Mapping[str, Sequence[Pair]],
    *,
    now: datetime,
    last_run: datetime | None,
) -> Balance:
    """Hold what the reader was owed against what they were given.

    pairs_by_topic: every frozen pair. last_run: the last compose run for everybody, if any.
    """
    result = Balance()
    _count_given(account, result)
    for pair, end in _entitled(account, pairs_by_topic).values():
        _settle(account, pair, end, result, now=now, last_run=last_run)
    few = [paper for paper, reason in result.pending.items() if reason is Pending.TOO_FEW]
    if len(few) >= account.minimum:  # enough of them to have been mailed
        for paper in few:
            result.missed[paper] = now
            del result.pending[paper]
    for debt in account.debts:
        if debt.paper in result.given or debt.kind == Role.RECAP:
            continue
        if debt.open:
            result.pending.setdefault(debt.paper, Pending.OWN)
    return result


def _count_given(account: Account, result: Balance) -> None:
    in_sent: dict[int, list[tuple[Mailed, Carried]]] = {}
    for mail in account.mailed:
        for carried in mail.papers:
            if carried.form == Form.LEFT:
                continue
            if carried.role == INHERITED:
                if mail.state not in (DeliveryState.FAILED, DeliveryState.SKIPPED):
                    result.inherited.add(carried.paper)
            elif mail.state == DeliveryState.SENT and carried.role == Role.RECAP:
                result.mended.add(carried.paper)
            elif mail.state == DeliveryState.SENT:
                in_sent.setdefault(carried.paper, []).append((mail, carried))
            elif mail.state == DeliveryState.UNCERTAIN and carried.role != Role.RECAP:
                result.uncertain.add(carried.paper)
    result.given = set(in_sent)
    for paper, times in in_sent.items():
        if any(_repeats(*later, *before) for n, later in enumerate(times) for before in times[:n]):
            result.repeated[paper] = sorted({mail.delivery for mail, _ in times})
    result.uncertain -= result.mended | result.given


def _repeats(mail: Mailed, carried: Carried, earlier: Mailed, before: Carried) -> bool:
    """Whether `mail` gave what `earlier` had given: the same paper, or one that was merged by then."""
    if mail.delivery == earlier.delivery:
        return carried.own == before.own and carried.own is not None
    if carried.own == before.own:
        return True
    merges = [held.merged_at for held in (carried, before) if held.merged_at is not None]
    return bool(merges) and max(merges) <= mail.composed_at


def _entitled(
    account: Account, pairs_by_topic: Mapping[str, Sequence[Pair]]
) -> dict[int, tuple[Pair, DebtEnd | None]]:
    """Each paper that some interval covered: through the pair that keeps it alive longest."""
    found: dict[int, tuple[Pair, DebtEnd | None]] = {}
    for interval in account.intervals:
        for pair in pairs_by_topic.get(interval.topic, ()):
            if pair.ready_at < interval.since:
                continue
            if interval.until is not None and pair.ready_at >= interval.until:
                continue
            end = pair.end or (DebtEnd.LEFT if interval.until is not None else None)
            before = found.get(pair.paper)
            if before is None or (before[1] is not None and end is None):
                found[pair.paper] = (pair, end)
    return found


def _settle(
    account: Account,
    pair: Pair,
    end: DebtEnd | None,
    result: Balance,
    *,
    now: datetime,
    last_run: datetime | None,
) -> None:
    paper = pair.paper
    if paper in result.given or paper in result.mended or paper in result.inherited:
        return
    if paper in result.uncertain:
        if any(debt.paper == paper and debt.kind == Role.RECAP for debt in account.debts):
            result.pending[paper] = Pending.UNCERTAIN
        else:
            result.missed[paper] = pair.ready_at
        return
    own = [debt for debt in account.debts if debt.paper == paper and debt.kind != Role.RECAP]
    if any(debt.open for debt in own):
        result.pending[paper] = Pending.OWN
        return
    carrying = [
        mail
        for mail in account.mailed
        if any(c.paper == paper and c.form != Form.LEFT and c.role != Role.RECAP for c in mail.papers)
    ]
    if any(mail.state in LIVE for mail in carrying):
        result.pending[paper] = Pending.IN_MAIL
        return
    if own and own[-1].ended is not None:
        result.ended[paper] = DebtEnd(own[-1].ended)
        return
    if carrying and carrying[-1].state == DeliveryState.FAILED:
        result.ended[paper] = DebtEnd.REFUSED
        return
    if end is not None:
        result.ended[paper] = end
        return
    if carrying and carrying[-1].state == DeliveryState.SKIPPED and not account.confirmed:
        result.ended[paper] = DebtEnd.LEFT
        return
    if not account.confirmed:
        result.ended[paper] = DebtEnd.SUPPRESSED
        return
    if pair.ready_at < now - MAX_AGE:
        result.ended[paper] = DebtEnd.TOO_OLD
        return
    waits = why_waiting(account, pair, now=now, last_run=last_run)
    if waits is None:
        result.missed[paper] = pair.ready_at
    else:
        result.pending[paper] = waits


def why_waiting(account: Account, pair: Pair, *, now: datetime, last_run: datetime | None) -> Pending | None:
    """The reason why an unpaid debt is still pending, or None when there is none: it was missed."""
    if pair.held:
        return Pending.HELD
    if pair.ready_at > now:
        return Pending.NOT_READY
    if account.paused_until is not None and account.paused_until > now:
        return Pending.PAUSED
    last = account.mailed[-1] if account.mailed else None
    if last is not None and last.composed_at >= pair.ready_at:
        # A digest was made after the paper was ready: it must say that it had no room for it.
        left = any(c.paper == pair.paper and c.form == Form.LEFT for c in last.papers)
        return Pending.NO_ROOM if left else None
    due = pair.ready_at - timedelta(microseconds=1)  # a slot at that very instant counts
    if account.cadence_since is not None:
        due = max(due, account.cadence_since)  # a change recomputes the next slot from its own instant
    if account.paused_until is not None:
        due = max(due, account.paused_until - timedelta(microseconds=1))  # slots of a pause are closed
    slot = next_slot(account.cadence, due)
    had = {mail.key for mail in account.mailed}
    while last is not None and (slot.at - SPACING < last.composed_at or slot.day.isoformat() in had):
        slot = next_slot(account.cadence, slot.at)
    if slot.at > now:
        return Pending.SLOT
    if last_run is None or last_run < slot.at:
        return Pending.NO_RUN
    if account.minimum > 1 and last_run < next_slot(account.cadence, pair.ready_at + PATIENCE).at:
        return Pending.TOO_FEW
    return None
