"""The effect of each fate on the debts that a delivery carried."""

from __future__ import annotations

import pytest

from newsletter.db.engine import writing
from newsletter.delivery.outbox.claims import expire
from tests.delivery.outbox.scenario import (
    HARD,
    LOST,
    NOW,
    OK,
    SOFT,
    Outbox,
    hand_these_over,
    send,
    settle,
    take,
)

pytestmark = pytest.mark.dialects


def test_sent_mail_ends_its_debts(box: Outbox) -> None:
    old, new = box.papers(2)
    box.queue(box.readers(2), box.digest([old, new]))
    box.owe(1, old, "returned", carried_by=1)
    box.owe(2, old, "returned", carried_by=2)
    send(box, 1, OK)
    assert box.debts() == [(old, "returned", None, 1, "given"), (old, "returned", None, 2, None)]


def test_hard_refusal_ends_its_debts(box: Outbox) -> None:
    old, new = box.papers(2)
    box.queue(box.readers(1), box.digest([old, new]))
    box.owe(1, old, "welcome", carried_by=1)
    send(box, 1, HARD)
    assert box.debts() == [(old, "welcome", None, 1, "refused")]


def test_other_refusal_returns_the_papers_once(box: Outbox) -> None:
    news, welcome, recapped, left = box.papers(4)
    digest = box.digest([news, welcome], recaps=[recapped], left=[left])
    reader = box.readers(1)
    box.queue(reader, digest)
    box.owe(1, welcome, "welcome", carried_by=1)
    box.owe(1, recapped, "recap", carried_by=1)
    send(box, 1, SOFT)
    assert box.debts() == [
        (welcome, "welcome", 1, None, None),
        (recapped, "recap", None, None, None),
        (news, "returned", 1, None, None),
    ]
    # The next digest carries all three, and is refused as well.
    box.queue(reader, box.digest([news, welcome], recaps=[recapped]), key="second")
    with writing(box.engine) as connection:
        connection.exec_driver_sql("UPDATE reader_debts SET carried_by = 2")
    send(box, 2, SOFT)
    assert box.debts() == [
        (welcome, "welcome", 1, 2, "refused"),
        (recapped, "recap", None, None, None),
        (news, "returned", 1, 2, "refused"),
    ]


def test_expired_mail_returns_a_paper_a_second_time(box: Outbox) -> None:
    (paper,) = box.papers(1)
    reader = box.readers(1)
    box.queue(reader, box.digest([paper]), state="failed")
    box.queue(reader, box.digest([paper]), key="second", expires_at=NOW)
    box.owe(1, paper, "returned", from_delivery_id=1, carried_by=2)
    with writing(box.engine) as connection:
        expire(connection, now=NOW)
    assert box.debts() == [(paper, "returned", 1, None, None)]


@pytest.mark.parametrize(("change", "end"), [("unsubscribed", "left"), ("suppressed", "suppressed")])
def test_skipped_reader_ends_the_debts(box: Outbox, change: str, end: str) -> None:
    old, new = box.papers(2)
    box.queue(box.readers(1), box.digest([old, new]))
    box.owe(1, old, "returned", carried_by=1)
    box.change(1, state=change)
    take(box)
    assert box.debts() == [(old, "returned", None, 1, end)]


def test_uncertain_mail_turns_every_paper_into_one_recap(box: Outbox) -> None:
    news, own, recapped, left = box.papers(4)
    box.queue(box.readers(1), box.digest([news, own], recaps=[recapped], left=[left]))
    box.owe(1, own, "returned", carried_by=1)
    box.owe(1, recapped, "recap", carried_by=1)
    send(box, 1, LOST)
    assert box.debts() == [
        (own, "recap", 1, None, None),
        (recapped, "recap", None, None, None),
        (news, "recap", 1, None, None),
    ]


def test_uncertain_mail_in_resend_mode_is_deferred_and_gives_nothing_back(box: Outbox) -> None:
    (paper,) = box.papers(1)
    box.queue(box.readers(1), box.digest([paper]))
    take(box)
    hand_these_over(box, [1])
    settle(box, 1, LOST, resend=True)
    assert box.states() == {1: "deferred"}
    assert box.debts() == []


def test_debt_of_a_merged_paper_is_known_by_the_paper_that_was_kept(box: Outbox) -> None:
    kept, merged = box.papers(2)
    with writing(box.engine) as connection:
        connection.exec_driver_sql(f"UPDATE papers SET merged_into = {kept} WHERE id = {merged}")
    box.queue(box.readers(1), box.digest([kept]))
    box.owe(1, merged, "returned", carried_by=1)
    send(box, 1, LOST)
    assert box.debts() == [(merged, "recap", 1, None, None)]
