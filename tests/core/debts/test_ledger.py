"""One reader's account: each rule of who is owed what, and that breaches are seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from newsletter.core.cadence import Cadence
from newsletter.core.debts.account import (
    Account,
    EditionPair,
    FollowInterval,
    MailedDigest,
    MailedPaper,
    PersonalDebt,
)
from newsletter.core.debts.ledger import Balance, balance
from newsletter.core.debts.pending import Pending
from newsletter.core.states import DebtEnd, DeliveryState, Form, Role

MONDAY = datetime(2026, 4, 13, tzinfo=UTC)
HOUR = timedelta(hours=1)
PAPER = 7


def pair(
    *, ready: datetime = MONDAY + 5 * HOUR, end: DebtEnd | None = None, held: bool = False
) -> EditionPair:
    return EditionPair(paper=PAPER, topic="quantum", edition=1, ready_at=ready, end=end, held=held)


def mail(
    state: DeliveryState,
    *,
    number: int = 1,
    at: datetime = MONDAY + 7 * HOUR,
    form: Form = Form.FULL,
    role: Role = Role.NEWS,
    paper: int = PAPER,
) -> MailedDigest:
    carried = MailedPaper(paper=paper, form=form, role=role)
    return MailedDigest(delivery=number, state=state, reason=None, composed_at=at, papers=[carried])


def account(
    *,
    mailed: Sequence[MailedDigest] = (),
    debts: Sequence[PersonalDebt] = (),
    since: datetime = MONDAY,
    until: datetime | None = None,
    confirmed: bool = True,
    paused_until: datetime | None = None,
    minimum: int = 1,
) -> Account:
    return Account(
        confirmed=confirmed,
        cadence=Cadence(),
        cadence_since=MONDAY,
        paused_until=paused_until,
        minimum=minimum,
        intervals=[FollowInterval(topic="quantum", since=since, until=until)],
        mailed=mailed,
        debts=debts,
    )


def settle(
    reader: Account, *pairs: EditionPair, now: datetime = MONDAY + 30 * HOUR, run: datetime | None = None
) -> Balance:
    chosen = pairs or (pair(),)
    return balance(reader, {"quantum": chosen}, now=now, last_run=run or MONDAY + 7 * HOUR)


def own(
    kind: str, *, is_open: bool = False, ended: DebtEnd | None = None, made: datetime = MONDAY + 29 * HOUR
) -> PersonalDebt:
    return PersonalDebt(paper=PAPER, kind=kind, open=is_open, ended=ended, made_at=made)


def test_a_paper_in_a_sent_mail_is_given() -> None:
    assert settle(account(mailed=[mail(DeliveryState.SENT)])) == Balance(given={PAPER})


def test_a_paper_in_two_sent_mails_is_repeated() -> None:
    mails = [mail(DeliveryState.SENT), mail(DeliveryState.SENT, number=2, at=MONDAY + 31 * HOUR)]
    assert settle(account(mailed=mails)).repeated == {PAPER: [1, 2]}


def test_a_paper_that_was_due_and_in_no_mail_is_missed() -> None:
    assert settle(account()) == Balance(missed={PAPER: MONDAY + 5 * HOUR})


def test_a_digest_made_after_the_paper_was_ready_and_without_it_is_a_miss() -> None:
    other = mail(DeliveryState.SENT, paper=8)
    assert settle(account(mailed=[other])).missed == {PAPER: MONDAY + 5 * HOUR}


@pytest.mark.parametrize(
    ("reader", "pairs", "reason"),
    [
        (account(mailed=[mail(DeliveryState.QUEUED)]), pair(), Pending.IN_MAIL),
        (account(mailed=[mail(DeliveryState.DEFERRED)]), pair(), Pending.IN_MAIL),
        (account(), pair(ready=MONDAY + 31 * HOUR), Pending.NOT_READY),
        (account(), pair(held=True), Pending.HELD),
        (account(mailed=[mail(DeliveryState.SENT, form=Form.LEFT)]), pair(), Pending.NO_ROOM),
        (account(), pair(ready=MONDAY + 8 * HOUR), Pending.SLOT),
        (account(paused_until=MONDAY + 99 * HOUR), pair(), Pending.PAUSED),
        (account(minimum=2), pair(), Pending.TOO_FEW),
        (account(debts=[own("returned", is_open=True)]), pair(), Pending.RETURNED),
        (account(debts=[own("returned", is_open=True)]), pair(held=True), Pending.HELD),
        (account(debts=[own("returned", is_open=True)]), pair(ready=MONDAY + 31 * HOUR), Pending.NOT_READY),
        (
            account(debts=[own("returned", is_open=True)], paused_until=MONDAY + 99 * HOUR),
            pair(),
            Pending.PAUSED,
        ),
    ],
)
def test_an_unpaid_debt_is_pending_with_its_reason(
    reader: Account, pairs: EditionPair, reason: Pending
) -> None:
    assert settle(reader, pairs) == Balance(pending={PAPER: reason})


def test_a_slot_that_no_run_followed_is_pending_and_no_miss() -> None:
    found = settle(account(), run=MONDAY + 6 * HOUR)
    assert found == Balance(pending={PAPER: Pending.NO_RUN})


@pytest.mark.parametrize(
    ("reader", "pairs", "end"),
    [
        (account(until=MONDAY + 6 * HOUR), pair(), DebtEnd.LEFT),
        (account(), pair(end=DebtEnd.DROPPED), DebtEnd.DROPPED),
        (account(), pair(end=DebtEnd.WITHDRAWN), DebtEnd.WITHDRAWN),
        (account(mailed=[mail(DeliveryState.FAILED)]), pair(), DebtEnd.REFUSED),
        (account(debts=[own("returned", ended=DebtEnd.REFUSED)]), pair(), DebtEnd.REFUSED),
        (account(confirmed=False), pair(), DebtEnd.SUPPRESSED),
    ],
)
def test_a_debt_ends_with_its_reason(reader: Account, pairs: EditionPair, end: DebtEnd) -> None:
    assert settle(reader, pairs) == Balance(ended={PAPER: end})


@pytest.mark.parametrize(
    ("mails", "suppressed", "found"),
    [
        ([mail(DeliveryState.FAILED)], True, Balance(ended={PAPER: DebtEnd.REFUSED})),
        ([mail(DeliveryState.SKIPPED)], True, Balance(ended={PAPER: DebtEnd.SUPPRESSED})),
        ([mail(DeliveryState.SKIPPED)], False, Balance(ended={PAPER: DebtEnd.LEFT})),
        ([mail(DeliveryState.DEFERRED)], True, Balance(pending={PAPER: Pending.IN_MAIL})),
        ([mail(DeliveryState.FAILED), mail(DeliveryState.SENT, number=2)], True, Balance(given={PAPER})),
        ([mail(DeliveryState.FAILED, form=Form.LEFT)], True, Balance()),
    ],
)
def test_paper_of_a_mail_has_an_outcome_for_who_left_as_its_edition_was_ready(
    mails: Sequence[MailedDigest], suppressed: bool, found: Balance
) -> None:
    left = account(mailed=mails, until=pair().ready_at, confirmed=False)
    assert settle(replace(left, suppressed=suppressed)) == found


def test_a_debt_older_than_thirty_days_is_too_old() -> None:
    late = MONDAY + timedelta(days=31)
    assert settle(account(), now=late, run=MONDAY + 6 * HOUR).ended == {PAPER: DebtEnd.TOO_OLD}


def test_joining_starts_now_and_leaving_ends_at_once() -> None:
    assert settle(account(since=MONDAY + 6 * HOUR)) == Balance()
    assert settle(account(until=MONDAY + 5 * HOUR)) == Balance()
    joined_at_that_instant = settle(account(since=MONDAY + 5 * HOUR))
    assert joined_at_that_instant.missed == {PAPER: MONDAY + 5 * HOUR}


def test_an_uncertain_mail_is_mended_by_a_recap_that_was_sent() -> None:
    lost = mail(DeliveryState.UNCERTAIN)
    waiting = account(mailed=[lost], debts=[own("recap", is_open=True)])
    assert settle(waiting) == Balance(uncertain={PAPER}, pending={PAPER: Pending.UNCERTAIN})
    recap = mail(DeliveryState.SENT, number=2, role=Role.RECAP)
    mended = account(mailed=[lost, recap], debts=[own("recap", ended=DebtEnd.GIVEN)])
    assert settle(mended) == Balance(mended={PAPER})


def test_an_uncertain_mail_without_a_recap_is_a_miss() -> None:
    found = settle(account(mailed=[mail(DeliveryState.UNCERTAIN)]))
    assert found.missed == {PAPER: MONDAY + 5 * HOUR}


def test_enough_papers_for_the_minimum_are_no_excuse() -> None:
    pairs = [pair(), EditionPair(paper=8, topic="quantum", edition=1, ready_at=MONDAY + 5 * HOUR)]
    found = settle(account(minimum=2), *pairs)
    assert (set(found.missed), found.pending) == ({PAPER, 8}, {})
