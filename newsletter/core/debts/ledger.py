"""Balances one reader's account: papers owed against papers given. Reads no rows.

`newsletter.pipeline.explain.audit` reads them. Neither shares code with composing, so that the audit can find
an error there. The rules: docs/explanation/who-gets-what.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from newsletter.core.cadence import MAX_DEBT_AGE
from newsletter.core.debts.account import (
    NEVER_RECEIVED,
    SMALLEST_STEP,
    Account,
    EditionPair,
    MailedDigest,
    MailedPaper,
    PersonalDebt,
)
from newsletter.core.debts.digest_plan import MAX_RECAPS
from newsletter.core.debts.pending import Pending, why_pending
from newsletter.core.papers.merge_history import MergedPeriod
from newsletter.core.states import RESENT, DebtEnd, DeliveryState, Form, Role

UNDECIDED = (  # the delivery may still be sent
    DeliveryState.QUEUED,
    DeliveryState.LEASED,
    DeliveryState.HANDING_OVER,
    DeliveryState.DEFERRED,
)

# Ends that hold only while no topic that the reader follows covers the paper.
ENDS_WHILE_UNCOVERED = (DebtEnd.LEFT, DebtEnd.SUPPRESSED, DebtEnd.DROPPED, DebtEnd.WITHDRAWN)


@dataclass(slots=True)
class Balance:
    """The outcome for one reader: ids of papers by what happened to them."""

    given: set[int] = field(default_factory=set)
    inherited: set[int] = field(default_factory=set)  # given as a part of another paper, split off later
    repeated: dict[int, list[int]] = field(default_factory=dict)  # paper to its deliveries
    missed: dict[int, datetime] = field(default_factory=dict)  # paper to when it was ready
    pending: dict[int, Pending] = field(default_factory=dict)
    ended: dict[int, DebtEnd] = field(default_factory=dict)
    uncertain: set[int] = field(default_factory=set)  # in an uncertain delivery, no recap sent yet
    mended: set[int] = field(default_factory=set)  # recapped in a sent delivery

    def knows(self, paper: int) -> bool:
        """Whether it has an outcome."""
        settled = (self.given, self.inherited, self.mended, self.missed, self.pending, self.ended)
        return any(paper in papers for papers in settled)


@dataclass(frozen=True, slots=True, kw_only=True)
class _BalanceSheet:
    """The inputs of one balance, and the result that it fills."""

    account: Account
    pairs: Mapping[str, Sequence[EditionPair]]  # by topic
    now: datetime
    last_run: datetime | None
    merged_periods: Sequence[MergedPeriod]
    result: Balance


def balance(
    account: Account,
    pairs_by_topic: Mapping[str, Sequence[EditionPair]],
    *,
    now: datetime,
    last_run: datetime | None,
    merged_periods: Sequence[MergedPeriod] = (),
) -> Balance:
    """Compare the papers that a reader was owed with the papers that they were given.

    pairs_by_topic: every frozen pair. last_run: the last compose run for everybody, if any. merged_periods:
    papers that were one for a time.
    """
    result = Balance()
    sheet = _BalanceSheet(
        account=account,
        pairs=pairs_by_topic,
        now=now,
        last_run=last_run,
        merged_periods=merged_periods,
        result=result,
    )
    _count_given(account, result)
    for pair, end in _entitled(account, pairs_by_topic).values():
        _settle(sheet, pair, end)
    few = [paper for paper, reason in result.pending.items() if reason is Pending.TOO_FEW]
    if len(few) >= account.minimum:  # together they reach the minimum: they should have been mailed
        for paper in few:
            result.missed[paper] = now
            del result.pending[paper]
    for debt in account.debts:
        if debt.open and debt.kind != Role.RECAP and not result.knows(debt.paper):
            _settle_welcome(sheet, debt)
    _settle_carried(sheet)
    return result


def _count_given(account: Account, result: Balance) -> None:
    in_sent: dict[int, list[tuple[MailedDigest, MailedPaper]]] = {}
    for mail in account.mailed:
        for carried in mail.papers:
            if carried.form == Form.LEFT:
                continue
            if carried.inherited and mail.state != DeliveryState.UNCERTAIN:
                if mail.state not in NEVER_RECEIVED:
                    result.inherited.add(carried.paper)
            elif mail.state == DeliveryState.SENT and carried.role == Role.RECAP:
                result.mended.add(carried.paper)
            elif mail.state == DeliveryState.SENT:
                in_sent.setdefault(carried.paper, []).append((mail, carried))
            elif mail.state == DeliveryState.UNCERTAIN and carried.role != Role.RECAP:
                result.uncertain.add(carried.paper)
    # A paper stays given when an admin resends its mail and the second copy fails.
    result.given = set(in_sent) | {debt.paper for debt in account.debts if debt.kind == RESENT}
    for paper, times in in_sent.items():
        if any(_repeats(*later, *before) for n, later in enumerate(times) for before in times[:n]):
            result.repeated[paper] = sorted({mail.delivery for mail, _ in times})
    result.uncertain -= result.mended | result.given | result.inherited


def _repeats(mail: MailedDigest, carried: MailedPaper, earlier: MailedDigest, before: MailedPaper) -> bool:
    """Whether `mail` gave a paper that `earlier` had given: the same one, or one that was merged by then."""
    if mail.delivery == earlier.delivery:
        return carried.mailed_as == before.mailed_as and carried.mailed_as is not None
    return _as_of(carried, mail.composed_at) == _as_of(before, mail.composed_at)


def _as_of(carried: MailedPaper, at: datetime) -> int | None:
    """The paper that this one was part of at an instant, by the id that its delivery shows."""
    found = carried.mailed_as
    for since, paper in carried.merged_into:
        if since <= at:
            found = paper
    return found


def _entitled(
    account: Account, pairs_by_topic: Mapping[str, Sequence[EditionPair]]
) -> dict[int, tuple[EditionPair, DebtEnd | None]]:
    """Each paper that some interval covered: through the pair that keeps it alive longest."""
    found: dict[int, tuple[EditionPair, DebtEnd | None]] = {}
    # Suppression ends the intervals that were open until then.
    last = max((i.until for i in account.intervals if i.until), default=None) if account.suppressed else None
    for interval in account.intervals:
        for pair in pairs_by_topic.get(interval.topic, ()):
            if pair.ready_at < interval.since:
                continue
            if interval.until is not None and pair.ready_at >= interval.until:
                continue
            end = pair.end
            if end is None and interval.until is not None:
                end = DebtEnd.SUPPRESSED if interval.until == last else DebtEnd.LEFT
            before = found.get(pair.paper)
            if before is None or (before[1] is None, not before[0].held) < (end is None, not pair.held):
                found[pair.paper] = (pair, end)
    return found


def _settle(sheet: _BalanceSheet, pair: EditionPair, end: DebtEnd | None) -> None:
    """Find the outcome of a paper. end: how its pair ended, if it did."""
    account, result, paper = sheet.account, sheet.result, pair.paper
    if paper in result.given or paper in result.mended or paper in result.inherited:
        return
    recaps = [debt for debt in account.debts if debt.paper == paper and debt.kind == Role.RECAP]
    if paper in result.uncertain:
        _settle_recap(sheet, pair, recaps, end)
        return
    own_rows = [debt for debt in account.debts if debt.paper == paper and debt.kind != Role.RECAP]
    for debt in own_rows:
        if debt.open:
            _settle_open(sheet, pair, debt, end)
            return
    shown = [
        (mail, carried)
        for mail in account.mailed
        for carried in mail.papers
        if carried.paper == paper and carried.form != Form.LEFT and carried.role != Role.RECAP
    ]
    carrying = [mail for mail, carried in shown if not carried.inherited]
    if any(mail.state in UNDECIDED for mail in carrying):
        result.pending[paper] = Pending.IN_MAIL
        return
    if recaps and not own_rows:  # the first delivery is uncertain, a second one failed
        _settle_recap(sheet, pair, recaps, end)
        return
    if own_rows and (ended := _ended(own_rows[-1], end, sheet.now)) is not None:
        result.ended[paper] = ended
        return
    if shown and shown[-1][0].state == DeliveryState.FAILED and shown[-1][0].reason is None and not own_rows:
        result.ended[paper] = DebtEnd.REFUSED  # any other refusal returns the papers
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
    if pair.ready_at < sheet.now - MAX_DEBT_AGE:
        result.ended[paper] = DebtEnd.TOO_OLD
        return
    reason = why_pending(account, pair, now=sheet.now, last_run=sheet.last_run)
    passed_over = _passed_over(sheet, pair) if reason is None else []
    if passed_over and all(merged.news for merged in passed_over):
        again = _pair_since(sheet, paper, max(merged.until for merged in passed_over))
        reason = (
            Pending.NOT_READY
            if again is None
            else why_pending(account, again, now=sheet.now, last_run=sheet.last_run)
        )
    elif passed_over:
        result.inherited.add(paper)
        return
    if reason is None:
        result.missed[paper] = pair.ready_at
    else:
        result.pending[paper] = reason


def _pair_since(sheet: _BalanceSheet, paper: int, since: datetime) -> EditionPair | None:
    """The first pair of a paper that an edition froze after it became news again, of a topic followed now."""
    followed = [interval for interval in sheet.account.intervals if interval.until is None]
    found = [
        pair
        for interval in followed
        for pair in sheet.pairs.get(interval.topic, ())
        if pair.paper == paper and pair.end is None and max(since, interval.since) <= pair.ready_at
    ]
    return min(found, key=lambda pair: pair.ready_at, default=None)


def _passed_over(sheet: _BalanceSheet, pair: EditionPair) -> list[MergedPeriod]:
    """The times in which a digest omitted the paper, since it was merged with one that the reader has."""
    had = sheet.result.given | sheet.result.mended | sheet.result.uncertain
    return [
        merged
        for merged in sheet.merged_periods
        if merged.paper == pair.paper
        and merged.other in had
        and any(
            max(merged.since, pair.ready_at) <= mail.composed_at < merged.until
            for mail in sheet.account.mailed
        )
    ]


def _settle_open(sheet: _BalanceSheet, pair: EditionPair, debt: PersonalDebt, end: DebtEnd | None) -> None:
    """Settle an open row: the next digest brings the paper, or it was missed."""
    account, result, paper = sheet.account, sheet.result, debt.paper
    if end is not None:  # the next compose run for this reader ends the row
        result.ended[paper] = end
        return
    if debt.made_at < sheet.now - MAX_DEBT_AGE:
        result.ended[paper] = DebtEnd.TOO_OLD
        return
    recap = debt.kind == Role.RECAP
    opened = max(debt.made_at, pair.ready_at)
    for mail in account.mailed:
        if any(c.paper == paper and c.form != Form.LEFT for c in mail.papers):
            opened = max(opened, mail.finished_at or mail.composed_at)
        if recap and sum(c.role == Role.RECAP for c in mail.papers) >= MAX_RECAPS:  # no room for another
            opened = max(opened, mail.composed_at)
    # The outcome of a delivery comes after its composing, even in a run at one instant.
    waiting = replace(pair, ready_at=opened + SMALLEST_STEP)
    reason = why_pending(account, waiting, now=sheet.now, last_run=sheet.last_run)
    if reason is None:
        result.missed[paper] = pair.ready_at
    elif recap:
        result.pending[paper] = Pending.UNCERTAIN
    elif pair.ready_at > sheet.now:
        result.pending[paper] = Pending.NOT_READY
    else:
        result.pending[paper] = reason if reason in (Pending.HELD, Pending.PAUSED) else Pending.RETURNED


def _settle_recap(
    sheet: _BalanceSheet, pair: EditionPair, recaps: Sequence[PersonalDebt], end: DebtEnd | None
) -> None:
    """Settle a paper of an uncertain delivery: it comes as a recap, even of ended topics, or was missed."""
    account, result, paper = sheet.account, sheet.result, pair.paper
    if not recaps:
        result.missed[paper] = pair.ready_at
        return
    debt = recaps[-1]
    pair_counts = any(
        p.paper == paper and p.end is None for of_topic in sheet.pairs.values() for p in of_topic
    )
    if not any(i.until is None and i.since <= debt.made_at for i in account.intervals):
        end = end or DebtEnd.LEFT
    elif pair_counts:
        end = None
    if debt.open:
        _settle_open(sheet, pair, debt, end)
    elif (ended := _ended(debt, end, sheet.now)) is not None:
        result.ended[paper] = ended
    elif any(
        mail.state in UNDECIDED and any(carried.paper == paper for carried in mail.papers)
        for mail in account.mailed
    ):
        result.pending[paper] = Pending.UNCERTAIN
    else:
        result.missed[paper] = pair.ready_at


def _settle_welcome(sheet: _BalanceSheet, debt: PersonalDebt) -> None:
    """Settle a row that no pair settled: a welcome, by the topics followed since it was made."""
    through: EditionPair | None = None
    end: DebtEnd | None = DebtEnd.LEFT
    for interval in sheet.account.intervals:
        if interval.until is not None or interval.since > debt.made_at or debt.kind != Role.WELCOME:
            continue
        for pair in sheet.pairs.get(interval.topic, ()):
            better = through is None or (pair.end is None, not pair.held) > (end is None, not through.held)
            if pair.paper == debt.paper and better:
                through, end = pair, pair.end
    if through is None:
        sheet.result.ended[debt.paper] = DebtEnd.LEFT
    else:
        _settle_open(sheet, through, debt, end)


def _settle_carried(sheet: _BalanceSheet) -> None:
    """Settle papers of deliveries that nothing else settled.

    As of a reader whom the run itself suppressed: their topics end as the edition becomes ready.
    """
    account, result = sheet.account, sheet.result
    carrying: dict[int, MailedDigest] = {}
    for mail in account.mailed:
        for carried in mail.papers:
            if carried.form != Form.LEFT and carried.role != Role.RECAP and not carried.inherited:
                carrying[carried.paper] = mail
    for paper, mail in carrying.items():
        if result.knows(paper) or paper in result.uncertain:
            continue
        ended = [debt.ended for debt in account.debts if debt.paper == paper and debt.ended is not None]
        if mail.state in UNDECIDED:
            result.pending[paper] = Pending.IN_MAIL
        elif ended:
            result.ended[paper] = ended[-1]
        elif mail.state == DeliveryState.FAILED and mail.reason is None:
            result.ended[paper] = DebtEnd.REFUSED
        else:
            result.ended[paper] = DebtEnd.SUPPRESSED if account.suppressed else DebtEnd.LEFT


def _ended(debt: PersonalDebt, end: DebtEnd | None, now: datetime) -> DebtEnd | None:
    """How the row ended, if that still holds. end: how all pairs that covered it ended; None: one has not."""
    if debt.ended in ENDS_WHILE_UNCOVERED and end is None:
        return None
    if debt.ended is DebtEnd.TOO_OLD and debt.made_at >= now - MAX_DEBT_AGE:
        return None
    return debt.ended
