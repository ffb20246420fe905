"""Handing over, recording outcomes, giving back."""

from __future__ import annotations

from datetime import timedelta

import pytest

from newsletter.core.mail.retry import decide
from newsletter.core.mail.values import Outcome
from newsletter.db.engine import writing
from newsletter.delivery.outbox.handover import AttemptResult, hand_over, record, release
from tests.delivery.outbox.scenario import (
    HARD,
    LOST,
    ME,
    NOW,
    OK,
    SOFT,
    Outbox,
    hand_these_over,
    reply,
    send,
    settle,
    take,
)

pytestmark = pytest.mark.dialects


def test_hand_over_is_fenced_by_the_owner_and_the_state(box: Outbox) -> None:
    box.queue(box.readers(4), box.digest())
    take(box, limit=2)
    take(box, owner="other", limit=1)
    assert hand_these_over(box, [1, 2, 3, 4]) == frozenset({1, 2})
    assert box.states() == {1: "handing over", 2: "handing over", 3: "leased", 4: "queued"}
    assert hand_these_over(box, [1]) == frozenset()


def test_record_writes_the_outcome_down(box: Outbox) -> None:
    box.queue(box.readers(1), box.digest())
    send(box, 1, OK)
    row = box.rows()[1]
    assert {
        name: row[name]
        for name in (
            *("state", "attempts", "finished_at", "owner", "leased_until"),
            *("reply_code", "reply_status", "reply_text", "reason"),
        )
    } == {
        "state": "sent",
        "attempts": 1,
        "finished_at": NOW,
        "owner": None,
        "leased_until": None,
        "reply_code": 250,
        "reply_status": "2.0.0",
        "reply_text": "words",
        "reason": None,
    }


def test_record_of_a_mail_that_another_sender_took_over_changes_nothing(
    box: Outbox, caplog: pytest.LogCaptureFixture
) -> None:
    box.queue(box.readers(1), box.digest())
    take(box)
    hand_these_over(box, [1])
    before = box.rows()
    assert settle(box, 1, OK, owner="other") == frozenset({1})
    assert box.rows() == before
    assert "another sender had taken it over" in caplog.text


def test_outcomes_and_next_hand_overs_share_one_transaction(box: Outbox) -> None:
    box.queue(box.readers(2), box.digest())
    take(box)
    hand_these_over(box, [1])
    result = AttemptResult(
        delivery_id=1,
        outcome=OK,
        next=decide(OK, attempts=0, now=NOW, expires_at=None, jitter=0.0),
    )

    class CrashError(Exception):
        pass

    def crash() -> None:
        with writing(box.engine) as connection:
            assert record(connection, owner=ME, results=[result], now=NOW) == frozenset()
            assert hand_over(connection, [2], owner=ME, wall=NOW) == frozenset({2})
            raise CrashError

    with pytest.raises(CrashError):
        crash()
    assert box.states() == {1: "handing over", 2: "leased"}


@pytest.mark.parametrize(
    ("outcome", "state", "reason", "attempts", "wait"),
    [
        (reply(450), "deferred", None, 1, timedelta(minutes=5)),
        (reply(421), "deferred", None, 0, timedelta(minutes=5)),
        (reply(550, "5.7.1"), "deferred", None, 0, timedelta(minutes=30)),
        (HARD, "failed", None, 1, None),
        (SOFT, "failed", "refused: 552 5.2.2", 1, None),
        (LOST, "uncertain", None, 1, None),
    ],
)
def test_record_by_fate(
    box: Outbox, outcome: Outcome, state: str, reason: str | None, attempts: int, wait: timedelta | None
) -> None:
    box.queue(box.readers(1), box.digest())
    send(box, 1, outcome)
    row = box.rows()[1]
    assert (row["state"], row["reason"], row["attempts"]) == (state, reason, attempts)
    assert row["finished_at"] == (NOW if wait is None else None)
    assert row["next_attempt_at"] == NOW + (wait or timedelta(0))


def test_release_leaves_the_row_as_it_was(box: Outbox) -> None:
    digest = box.digest()
    box.queue(box.readers(1), digest)
    box.queue(box.readers(1), digest, state="deferred", attempts=2)
    before = box.rows()
    take(box)
    hand_these_over(box, [1])
    with writing(box.engine) as connection:
        assert release(connection, [1, 2], owner="other") == 0
        assert release(connection, [1, 2], owner=ME) == 2
    assert box.rows() == before
