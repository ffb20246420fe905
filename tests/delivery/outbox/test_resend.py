"""Retrying and resending one delivery by hand."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from newsletter.core.errors import NewsletterError, NotFoundError
from newsletter.core.mail.values import Outcome
from newsletter.db.engine import writing
from newsletter.delivery.outbox import resend as by_hand
from tests.delivery.outbox.scenario import (
    HARD,
    LOST,
    NOW,
    OK,
    SOFT,
    TOMORROW,
    Outbox,
    ids,
    reply,
    send,
    take,
)


def retry(box: Outbox, delivery: int) -> None:
    with writing(box.engine) as connection:
        by_hand.retry(connection, delivery, now=NOW)


def resend(box: Outbox, delivery: int) -> None:
    with writing(box.engine) as connection:
        by_hand.resend(connection, delivery, now=NOW)


def test_retry_makes_a_deferred_mail_due(box: Outbox) -> None:
    box.queue(box.readers(1), box.digest())
    send(box, 1, reply(450))
    assert ids(take(box)) == []
    retry(box, 1)
    assert ids(take(box)) == [1]
    assert box.rows()[1]["expires_at"] == TOMORROW


@pytest.mark.parametrize("refusal", [HARD, SOFT])
def test_retry_of_a_failed_mail_reclaims_its_debts(box: Outbox, refusal: Outcome) -> None:
    news, own = box.papers(2)
    box.queue(box.readers(1), box.digest([news, own]))
    box.owe(1, own, "welcome", carried_by=1)
    send(box, 1, refusal)
    retry(box, 1)
    send(box, 1, OK)
    assert box.states() == {1: "sent"}
    assert {(paper, carried, ended) for paper, _, _, carried, ended in box.debts()} >= {(own, 1, "given")}
    assert not [debt for debt in box.debts() if debt[4] is None]


def test_retry_is_refused_when_the_papers_went_elsewhere(box: Outbox) -> None:
    (paper,) = box.papers(1)
    reader = box.readers(1)
    box.queue(reader, box.digest([paper]))
    send(box, 1, SOFT)
    box.queue(reader, box.digest([paper]), key="second")
    with writing(box.engine) as connection:
        connection.exec_driver_sql("UPDATE reader_debts SET carried_by = 2")
    with pytest.raises(NewsletterError, match="already stand in a later one"):
        retry(box, 1)


@pytest.mark.parametrize("state", ["sent", "uncertain", "skipped", "leased", "handing over"])
def test_retry_refuses_mail_that_was_not_refused(box: Outbox, state: str) -> None:
    box.queue(box.readers(1), box.digest(), state=state)
    with pytest.raises(NewsletterError, match=f"delivery 1 is {state}"):
        retry(box, 1)


def test_resend_of_an_uncertain_mail_takes_its_recaps_back(box: Outbox) -> None:
    (paper,) = box.papers(1)
    box.queue(box.readers(1), box.digest([paper]))
    send(box, 1, LOST)
    resend(box, 1)
    assert box.debts() == [(paper, "recap", 1, 1, None)]
    assert box.rows()[1]["expires_at"] is None
    send(box, 1, OK)
    assert box.debts() == [(paper, "recap", 1, 1, "given")]


def test_resend_refuses_mail_that_waits_or_failed(box: Outbox) -> None:
    box.queue(box.readers(1), box.digest())
    with pytest.raises(NewsletterError, match="delivery 1 is queued"):
        resend(box, 1)


@pytest.mark.parametrize("action", [retry, resend])
def test_unknown_delivery_is_named(box: Outbox, action: Callable[[Outbox, int], None]) -> None:
    with pytest.raises(NotFoundError, match="no such delivery: 9"):
        action(box, 9)
