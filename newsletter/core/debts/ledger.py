"""Balances one reader's account: what they were owed against what they were given. Pure.

`newsletter.pipeline.explain.audit` feeds it from the rows; it shares no code with composing, so that the two
can disagree.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from newsletter.core.cadence import MAX_DEBT_AGE
from newsletter.core.debts.account import Account, EditionPair, MailedDigest, MailedPaper, PersonalDebt
from newsletter.core.debts.digest_plan import MAX_RECAPS
from newsletter.core.debts.pending import INSTANT, Pending, why_waiting
from newsletter.core.papers.merge_history import MergedPeriod
from newsletter.core.states import RESENT, DebtEnd, DeliveryState, Form, Role

LIVE = (
    DeliveryState.QUEUED,
    DeliveryState.LEASED,
    DeliveryState.HANDING_OVER,
    DeliveryState.DEFERRED,
)

# Ends that hold only where nothing that the reader follows covers the paper any more.
UNCOVERED = (DebtEnd.LEFT, DebtEnd.SUPPRESSED, DebtEnd.DROPPED, DebtEnd.WITHDRAWN)


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

    def knows(self, paper: int) -> bool:
        """Whether something became of it."""
        settled = (self.given, self.inherited, self.mended, self.missed, self.pending, self.ended)
        return any(paper in papers for papers in settled)


@dataclass(frozen=True, slots=True, kw_only=True)
class _BalanceSheet:
    """What one balance is worked out from, and where it is written."""

    account: Account
    pairs: Mapping[str, Sequence[EditionPair]]  # by topic
    now: datetime
    last_run: datetime | None
    unions: Sequence[MergedPeriod]
    result: Balance


def balance(
    account: Account,
    pairs_by_topic: Mapping[str, Sequence[EditionPair]],
    *,
    now: datetime,
    last_run: datetime | None,
    unions: Sequence[MergedPeriod] = (),
) -> Balance:
    """Hold what the reader was owed against what they were given.

    pairs_by_topic: every frozen pair. last_run: the last compose run for everybody, if any. unions: papers
    that were one for a time.
    """
    result = Balance()
    books = _BalanceSheet(
        account=account, pairs=pairs_by_topic, now=now, last_run=last_run, unions=unions, result=result
    )
    _count_given(account, result)
    for pair, end in _entitled(account, pairs_by_topic).values():
        _settle(books, pair, end)
    few = [paper for paper, reason in result.pending.items() if reason is Pending.TOO_FEW]
    if len(few) >= account.minimum:  # enough of them to have been mailed
        for paper in few:
            result.missed[paper] = now
            del result.pending[paper]
    for debt in account.debts:
        if debt.open and debt.kind != Role.RECAP and not result.knows(debt.paper):
            _settle_welcome(books, debt)
    return result


def _count_given(account: Account, result: Balance) -> None:
    in_sent: dict[int, list[tuple[MailedDigest, MailedPaper]]] = {}
    for mail in account.mailed:
        for carried in mail.papers:
            if carried.form == Form.LEFT:
                continue
            if carried.inherited and mail.state != DeliveryState.UNCERTAIN:
                if mail.state not in (DeliveryState.FAILED, DeliveryState.SKIPPED):
                    result.inherited.add(carried.paper)
            elif mail.state == DeliveryState.SENT and carried.role == Role.RECAP:
                result.mended.add(carried.paper)
            elif mail.state == DeliveryState.SENT:
                in_sent.setdefault(carried.paper, []).append((mail, carried))
            elif mail.state == DeliveryState.UNCERTAIN and carried.role != Role.RECAP:
                result.uncertain.add(carried.paper)
    # What was given stays so when somebody has the mail sent once more and that copy fails.
    result.given = set(in_sent) | {debt.paper for debt in account.debts if debt.kind == RESENT}
    for paper, times in in_sent.items():
        if any(_repeats(*later, *before) for n, later in enumerate(times) for before in times[:n]):
            result.repeated[paper] = sorted({mail.delivery for mail, _ in times})
    result.uncertain -= result.mended | result.given | result.inherited


def _repeats(mail: MailedDigest, carried: MailedPaper, earlier: MailedDigest, before: MailedPaper) -> bool:
    """Whether `mail` gave what `earlier` had given: the same paper, or one that was merged by then."""
    if mail.delivery == earlier.delivery:
        return carried.own == before.own and carried.own is not None
    return _as_of(carried, mail.composed_at) == _as_of(before, mail.composed_at)


def _as_of(carried: MailedPaper, at: datetime) -> int | None:
    """What the paper, under the id that it had in its mail, was part of at an instant."""
    found = carried.own
    for since, paper in carried.names:
        if since <= at:
            found = paper
    return found


def _entitled(
    account: Account, pairs_by_topic: Mapping[str, Sequence[EditionPair]]
) -> dict[int, tuple[EditionPair, DebtEnd | None]]:
    """Each paper that some interval covered: through the pair that keeps it alive longest."""
    found: dict[int, tuple[EditionPair, DebtEnd | None]] = {}
    # Suppression closes what was followed till then.
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


def _settle(books: _BalanceSheet, pair: EditionPair, end: DebtEnd | None) -> None:
    account, result, paper = books.account, books.result, pair.paper
    if paper in result.given or paper in result.mended or paper in result.inherited:
        return
    recaps = [debt for debt in account.debts if debt.paper == paper and debt.kind == Role.RECAP]
    if paper in result.uncertain:
        _settle_recap(books, pair, recaps, end)
        return
    own = [debt for debt in account.debts if debt.paper == paper and debt.kind != Role.RECAP]
    for debt in own:
        if debt.open:
            _settle_open(books, pair, debt, end)
            return
    shown = [
        (mail, carried)
        for mail in account.mailed
        for carried in mail.papers
        if carried.paper == paper and carried.form != Form.LEFT and carried.role != Role.RECAP
    ]
    carrying = [mail for mail, carried in shown if not carried.inherited]
    if any(mail.state in LIVE for mail in carrying):
        result.pending[paper] = Pending.IN_MAIL
        return
    if recaps and not own:  # its first copy's fate is uncertain, a second one failed
        _settle_recap(books, pair, recaps, end)
        return
    if own and (ended := _ended(own[-1], end, books.now)) is not None:
        result.ended[paper] = ended
        return
    if shown and shown[-1][0].state == DeliveryState.FAILED and shown[-1][0].reason is None and not own:
        result.ended[paper] = DebtEnd.REFUSED  # for the reader's sake: else it would have come back
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
    if pair.ready_at < books.now - MAX_DEBT_AGE:
        result.ended[paper] = DebtEnd.TOO_OLD
        return
    waits = why_waiting(account, pair, now=books.now, last_run=books.last_run)
    if waits is None and _was_passed_over(books, pair):
        result.inherited.add(paper)
    elif waits is None:
        result.missed[paper] = pair.ready_at
    else:
        result.pending[paper] = waits


def _was_passed_over(books: _BalanceSheet, pair: EditionPair) -> bool:
    """Whether a digest passed the paper over because it was one then with another that the reader has."""
    had = books.result.given | books.result.mended | books.result.uncertain
    return any(
        union.other in had
        and any(
            max(union.since, pair.ready_at) <= mail.composed_at < union.until for mail in books.account.mailed
        )
        for union in books.unions
        if union.paper == pair.paper
    )


def _settle_open(books: _BalanceSheet, pair: EditionPair, debt: PersonalDebt, end: DebtEnd | None) -> None:
    """A row of the reader's own that no mail carries: the next digest brings it, or it was missed."""
    account, result, paper = books.account, books.result, debt.paper
    if end is not None:  # the row ends when composing next looks at this reader
        result.ended[paper] = end
        return
    if debt.made_at < books.now - MAX_DEBT_AGE:
        result.ended[paper] = DebtEnd.TOO_OLD
        return
    recap = debt.kind == Role.RECAP
    opened = max(debt.made_at, pair.ready_at)
    for mail in account.mailed:
        if any(c.paper == paper and c.form != Form.LEFT for c in mail.papers):
            opened = max(opened, mail.finished_at or mail.composed_at)
        if recap and sum(c.role == Role.RECAP for c in mail.papers) >= MAX_RECAPS:  # no room for another
            opened = max(opened, mail.composed_at)
    # A mail's fate comes after its composing, also in a run at one instant.
    waiting = replace(pair, ready_at=opened + INSTANT)
    if why_waiting(account, waiting, now=books.now, last_run=books.last_run) is None:
        result.missed[paper] = pair.ready_at
    else:
        result.pending[paper] = Pending.UNCERTAIN if recap else Pending.OWN


def _settle_recap(
    books: _BalanceSheet, pair: EditionPair, recaps: Sequence[PersonalDebt], end: DebtEnd | None
) -> None:
    """A paper whose mail may have arrived: it comes as a recap, whatever topic is left, or it was missed."""
    account, result, paper = books.account, books.result, pair.paper
    if not recaps:
        result.missed[paper] = pair.ready_at
        return
    debt = recaps[-1]
    stands = any(p.paper == paper and p.end is None for of_topic in books.pairs.values() for p in of_topic)
    if not any(i.until is None and i.since <= debt.made_at for i in account.intervals):
        end = end or DebtEnd.LEFT
    elif stands:
        end = None
    if debt.open:
        _settle_open(books, pair, debt, end)
    elif (ended := _ended(debt, end, books.now)) is not None:
        result.ended[paper] = ended
    elif any(mail.state in LIVE and any(c.paper == paper for c in mail.papers) for mail in account.mailed):
        result.pending[paper] = Pending.UNCERTAIN
    else:
        result.missed[paper] = pair.ready_at


def _settle_welcome(books: _BalanceSheet, debt: PersonalDebt) -> None:
    """A row that no interval's pairs account for: a welcome, through what has been followed since."""
    through: EditionPair | None = None
    end: DebtEnd | None = DebtEnd.LEFT
    for interval in books.account.intervals:
        if interval.until is not None or interval.since > debt.made_at or debt.kind != Role.WELCOME:
            continue
        for pair in books.pairs.get(interval.topic, ()):
            better = through is None or (pair.end is None, not pair.held) > (end is None, not through.held)
            if pair.paper == debt.paper and better:
                through, end = pair, pair.end
    if through is None:
        books.result.ended[debt.paper] = DebtEnd.LEFT
    else:
        _settle_open(books, through, debt, end)


def _ended(debt: PersonalDebt, end: DebtEnd | None, now: datetime) -> DebtEnd | None:
    """The row's end, if it holds. end: what became of all that covered it; None: some of it is alive."""
    if debt.ended in UNCOVERED and end is None:
        return None
    if debt.ended is DebtEnd.TOO_OLD and debt.made_at >= now - MAX_DEBT_AGE:
        return None
    return debt.ended
