from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from newsletter.core.errors import NewsletterError, NotFoundError
from newsletter.core.mail.retry import decide
from newsletter.core.mail.values import Outcome, Verdict
from newsletter.core.states import DeliveryState, SkipReason
from newsletter.db.engine import reading, writing
from newsletter.delivery.outbox import queries
from newsletter.delivery.outbox import resend as by_hand
from newsletter.delivery.outbox.claims import LEASE, ClaimResult, _due, claim, expire
from newsletter.delivery.outbox.handover import AttemptResult, hand_over, record, release
from newsletter.delivery.outbox.recovery import Uncertain, recover
from newsletter.delivery.outbox.sender_locks import owning
from subscribers import audience
from tests.delivery.outbox.scenario import BUILDER, LATER, NOW, TOMORROW, Outbox, public

ME = "me"


@pytest.fixture(params=["sqlite", "postgresql"])
def box(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Outbox]:
    url = request.getfixturevalue("postgres_url") if request.param == "postgresql" else None
    box = Outbox(tmp_path, url=url)
    yield box
    box.engine.dispose()


def take(box: Outbox, *, owner: str = ME, limit: int = 100, only: int | None = None) -> ClaimResult:
    with writing(box.engine) as connection:
        return claim(connection, owner=owner, now=NOW, wall=NOW, limit=limit, audience=public(), only=only)


def ids(claims: ClaimResult) -> list[int]:
    return [mail.id for mail in claims.claimed]


def hand_these_over(box: Outbox, deliveries: list[int], *, owner: str = ME) -> frozenset[int]:
    with writing(box.engine) as connection:
        return hand_over(connection, deliveries, owner=owner, wall=NOW)


def settle(
    box: Outbox, delivery: int, outcome: Outcome, *, owner: str = ME, resend: bool = False
) -> frozenset[int]:
    """Record one outcome; the ids of those that came too late."""
    expires_at = box.rows()[delivery]["expires_at"]
    following = decide(outcome, attempts=0, now=NOW, expires_at=expires_at, jitter=0.0, resend=resend)
    result = AttemptResult(delivery_id=delivery, outcome=outcome, next=following)
    with writing(box.engine) as connection:
        return record(connection, owner=owner, results=[result], now=NOW)


def send(box: Outbox, delivery: int, outcome: Outcome, *, owner: str = ME) -> None:
    """Claim, hand over and settle one delivery."""
    assert delivery in ids(take(box, owner=owner))
    hand_these_over(box, [delivery], owner=owner)
    assert settle(box, delivery, outcome, owner=owner) == frozenset()


def reply(code: int, status: str | None = None) -> Outcome:
    verdict = Verdict.ACCEPTED if code < 400 else Verdict.DEFERRED if code < 500 else Verdict.REJECTED
    return Outcome(verdict=verdict, phase="dot", code=code, status=status, text="words")


OK, HARD, SOFT = reply(250, "2.0.0"), reply(550, "5.1.1"), reply(554, "5.6.0")
LOST = Outcome(verdict=Verdict.UNCERTAIN, phase="dot", text="gone")


# Claiming


def test_claim_leases_what_is_due_oldest_first(box: Outbox) -> None:
    readers = box.readers(4)
    digest = box.digest()
    box.queue(readers[:1], digest)
    box.queue(readers[1:2], digest, next_attempt_at=NOW - LATER, state="deferred", attempts=1)
    box.queue(readers[2:3], digest, next_attempt_at=NOW + LATER)
    box.queue(readers[3:], digest, state="sent")
    claims = take(box)
    assert ids(claims) == [2, 1]
    assert claims.skipped == {}
    assert box.states() == {1: "leased", 2: "leased", 3: "queued", 4: "sent"}
    assert {box.rows()[n]["leased_until"] for n in (1, 2)} == {NOW + LEASE}
    assert {box.rows()[n]["owner"] for n in (1, 2)} == {ME}
    mail = claims.claimed[0]
    assert (mail.person.address, mail.attempts, mail.key, mail.person.leave_id) == (
        "r2@mail.example",
        1,
        f"key {digest}",
        "leave2",
    )


def test_claim_keeps_to_its_limit_and_another_owner_gets_the_rest(box: Outbox) -> None:
    box.queue(box.readers(5), box.digest())
    assert ids(take(box, limit=3)) == [1, 2, 3]
    assert ids(take(box, owner="other", limit=3)) == [4, 5]
    assert ids(take(box, owner="third")) == []


def test_claim_for_one_subscriber_only(box: Outbox) -> None:
    box.queue(box.readers(3), box.digest())
    assert ids(take(box, only=2)) == [2]
    assert box.states() == {1: "queued", 2: "leased", 3: "queued"}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"state": "unsubscribed"}, SkipReason.UNSUBSCRIBED),
        ({"state": "suppressed"}, SkipReason.SUPPRESSED),
        ({"state": "erased", "address": None}, SkipReason.UNSUBSCRIBED),
        ({"state": "pending"}, SkipReason.UNSUBSCRIBED),
        ({"paused_until": NOW + LATER}, SkipReason.PAUSED),
    ],
)
def test_claim_skips_who_may_not_be_mailed_any_more(
    box: Outbox, change: dict[str, object], reason: SkipReason
) -> None:
    box.queue(box.readers(2), box.digest())
    box.change(1, **change)
    claims = take(box)
    assert ids(claims) == [2]
    assert claims.skipped == {reason: 1}
    row = box.rows()[1]
    assert (row["state"], row["reason"], row["finished_at"]) == ("skipped", reason.value, NOW)


def test_claim_leaves_stale_digests_to_composing_and_looks_behind_them(box: Outbox) -> None:
    digest = box.digest()
    box.queue(box.readers(5), digest)
    for reader in (1, 2, 3):
        box.change(reader, version=2)
    assert ids(take(box, limit=2)) == [4, 5]
    assert box.states() == {1: "queued", 2: "queued", 3: "queued", 4: "leased", 5: "leased"}


def test_claim_takes_a_deferred_digest_whatever_changed_since(box: Outbox) -> None:
    box.queue(box.readers(1), box.digest(), state="deferred", attempts=1)
    box.change(1, version=2)
    assert ids(take(box)) == [1]


def test_claim_of_a_confirmation_needs_no_confirmed_reader(box: Outbox) -> None:
    readers = box.readers(2, state="pending", confirmed_at=None)
    box.queue(readers, box.digest(kind="confirm"), kind="confirm", stamp=0)
    box.change(2, state="suppressed")
    claims = take(box)
    assert ids(claims) == [1]
    assert claims.skipped == {SkipReason.SUPPRESSED: 1}


def test_claim_plan_uses_the_index_of_what_waits(box: Outbox) -> None:
    box.queue(box.readers(10), box.digest())
    statements: list[tuple[str, Any]] = []

    def note(_connection: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        statements.append((statement, parameters))

    if box.engine.dialect.name != "sqlite":
        pytest.skip("a planner that knows figures chooses by them")
    with reading(box.engine) as connection:
        event.listen(connection, "before_cursor_execute", note)
        _due(connection, now=NOW, limit=5, only=None, transactional=False, after=None)
        statement, parameters = statements[-1]
        plan = connection.exec_driver_sql("EXPLAIN QUERY PLAN " + statement, parameters).all()
    text = " ".join(str(row[-1]) for row in plan)
    assert "ix_deliveries_waiting" in text
    assert "TEMP B-TREE" not in text


def test_claim_on_postgresql_passes_over_what_another_claim_has_locked(
    tmp_path: Path, postgres_url: str
) -> None:
    box = Outbox(tmp_path, url=postgres_url)
    box.queue(box.readers(5), box.digest())
    with writing(box.engine) as one, writing(box.engine) as two:
        first, second = (
            claim(connection, owner=owner, now=NOW, wall=NOW, limit=3, audience=public())
            for connection, owner in ((one, "one"), (two, "two"))
        )
    assert (ids(first), ids(second)) == ([1, 2, 3], [4, 5])
    box.engine.dispose()


# Handing over and recording


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
        (SOFT, "failed", "refused: 554 5.6.0", 1, None),
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


def test_release_leaves_no_trace(box: Outbox) -> None:
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


# Expiry


def test_expire_brings_papers_back(box: Outbox) -> None:
    one, two = box.papers(2)
    digest = box.digest([one], left=[two])
    box.queue(box.readers(2), digest, expires_at=NOW)
    box.queue(box.readers(1), digest)
    assert ids(take(box)) == [3]
    with writing(box.engine) as connection:
        assert expire(connection, now=NOW) == 2
        assert expire(connection, now=NOW) == 0
    assert box.states() == {1: "skipped", 2: "skipped", 3: "leased"}
    assert box.rows()[1]["reason"] == "expired"
    assert box.debts() == [(one, "returned", 1, None, None), (one, "returned", 2, None, None)]


# Debts


def test_sent_mail_ends_what_it_carried(box: Outbox) -> None:
    old, new = box.papers(2)
    box.queue(box.readers(2), box.digest([old, new]))
    box.owe(1, old, "returned", carried_by=1)
    box.owe(2, old, "returned", carried_by=2)
    send(box, 1, OK)
    assert box.debts() == [(old, "returned", None, 1, "given"), (old, "returned", None, 2, None)]


def test_hard_refusal_ends_what_it_carried(box: Outbox) -> None:
    old, new = box.papers(2)
    box.queue(box.readers(1), box.digest([old, new]))
    box.owe(1, old, "welcome", carried_by=1)
    send(box, 1, HARD)
    assert box.debts() == [(old, "welcome", None, 1, "refused")]


def test_other_refusal_brings_papers_back_once(box: Outbox) -> None:
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


def test_expired_mail_brings_a_returned_paper_back_again(box: Outbox) -> None:
    (paper,) = box.papers(1)
    reader = box.readers(1)
    box.queue(reader, box.digest([paper]), state="failed")
    box.queue(reader, box.digest([paper]), key="second", expires_at=NOW)
    box.owe(1, paper, "returned", from_delivery_id=1, carried_by=2)
    with writing(box.engine) as connection:
        expire(connection, now=NOW)
    assert box.debts() == [(paper, "returned", 1, None, None)]


@pytest.mark.parametrize(("change", "end"), [("unsubscribed", "left"), ("suppressed", "suppressed")])
def test_skipped_reader_ends_what_was_carried(box: Outbox, change: str, end: str) -> None:
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


# Recovery


def die(box: Outbox, *, kind: str = "digest") -> list[int]:
    """Two of three messages handed over by an owner that is gone."""
    (paper,) = box.papers(1)
    box.queue(box.readers(3), box.digest([paper], kind=kind), kind=kind)
    with owning(box.locks) as owner:
        take(box, owner=owner)
        hand_these_over(box, [1, 2], owner=owner)
        with writing(box.engine) as connection:
            assert recover(connection, locks_dir=box.locks, now=NOW, wall=NOW, mode=Uncertain.MEND) == 0
        assert box.states() == {1: "handing over", 2: "handing over", 3: "leased"}
    return [paper]


def test_recover_moves_what_a_dead_owner_held_at_once(box: Outbox) -> None:
    (paper,) = die(box)
    for expected in (2, 0):
        with writing(box.engine) as connection:
            moved = recover(connection, locks_dir=box.locks, now=NOW, wall=NOW, mode=Uncertain.MEND)
        assert moved == expected
    assert box.states() == {1: "uncertain", 2: "uncertain", 3: "queued"}
    assert {row["owner"] for row in box.rows().values()} == {None}
    assert box.debts() == [(paper, "recap", 1, None, None), (paper, "recap", 2, None, None)]


@pytest.mark.parametrize(("mode", "kind"), [(Uncertain.RESEND, "digest"), (Uncertain.MEND, "confirm")])
def test_recover_sends_again_what_is_to_be_resent(box: Outbox, mode: Uncertain, kind: str) -> None:
    die(box, kind=kind)
    with writing(box.engine) as connection:
        assert recover(connection, locks_dir=box.locks, now=NOW, wall=NOW, mode=mode) == 0
    assert box.states() == {1: "deferred", 2: "deferred", 3: "queued"}
    assert box.debts() == []
    assert ids(take(box)) == [1, 2, 3]


def test_recover_believes_the_lease_of_another_host(box: Outbox) -> None:
    box.locks.mkdir()
    box.queue(box.readers(2), box.digest())
    take(box, owner="elsewhere-12345678-1-abc")
    hand_these_over(box, [1], owner="elsewhere-12345678-1-abc")
    for wall, states in (
        (NOW + LEASE, {1: "handing over", 2: "leased"}),
        (NOW + LEASE + timedelta(seconds=1), {1: "uncertain", 2: "queued"}),
    ):
        with writing(box.engine) as connection:
            recover(connection, locks_dir=box.locks, now=NOW, wall=wall, mode=Uncertain.MEND)
        assert box.states() == states


# By hand


def show(box: Outbox, delivery: int) -> dict[str, object]:
    with reading(box.engine) as connection:
        return queries.shown(
            connection, delivery, addresses=audience.addresses(), message_id=BUILDER.message_id
        )


def retry(box: Outbox, delivery: int) -> None:
    with writing(box.engine) as connection:
        by_hand.retry(connection, delivery, now=NOW)


def resend(box: Outbox, delivery: int) -> None:
    with writing(box.engine) as connection:
        by_hand.resend(connection, delivery, now=NOW)


def test_show_tells_all_of_a_delivery(box: Outbox) -> None:
    one, two, three = box.papers(3)
    box.queue(box.readers(1), box.digest([one], recaps=[two], left=[three]))
    send(box, 1, reply(450, "4.2.1"))
    assert show(box, 1) == {
        "id": 1,
        "address": "r1@mail.example",
        "kind": "digest",
        "key": "key 1",
        "edition": None,
        "subject": "Digest 1",
        "state": "deferred",
        "reason": None,
        "attempts": 1,
        "message_id": BUILDER.message_id(1, "digest", "key 1"),
        "reply": "450 4.2.1 words",
        "composed_at": NOW.isoformat(),
        "next_attempt_at": (NOW + timedelta(minutes=5)).isoformat(),
        "finished_at": None,
        "papers": [
            {"id": one, "title": "Paper 1", "topic": "everything", "form": "full", "role": "news"},
            {"id": two, "title": "Paper 2", "topic": "everything", "form": "title", "role": "recap"},
        ],
        "maybe": [],
    }


def test_list_filters_newest_first(box: Outbox) -> None:
    digest = box.digest()
    box.queue(box.readers(2), digest)
    box.queue(box.readers(1), digest, state="sent")
    with reading(box.engine) as connection:

        def found(**filters: object) -> list[int]:
            rows = queries.listed(
                connection,
                addresses=audience.addresses(),
                message_id=BUILDER.message_id,
                **filters,  # type: ignore[arg-type]
            )
            return [row["id"] for row in rows]

        assert found() == [3, 2, 1]
        assert found(limit=1) == [3]
        assert found(state=DeliveryState.QUEUED) == [2, 1]
        assert found(subscriber_id=2) == [2]
        assert found(ids=[]) == []


def test_retry_makes_a_deferred_mail_due(box: Outbox) -> None:
    box.queue(box.readers(1), box.digest())
    send(box, 1, reply(450))
    assert ids(take(box)) == []
    retry(box, 1)
    assert ids(take(box)) == [1]
    assert box.rows()[1]["expires_at"] == TOMORROW


@pytest.mark.parametrize("refusal", [HARD, SOFT])
def test_retry_of_a_failed_mail_takes_its_debts_again(box: Outbox, refusal: Outcome) -> None:
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
def test_retry_refuses_what_was_not_refused(box: Outbox, state: str) -> None:
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


def test_resend_refuses_what_waits_or_failed(box: Outbox) -> None:
    box.queue(box.readers(1), box.digest())
    with pytest.raises(NewsletterError, match="delivery 1 is queued"):
        resend(box, 1)


def test_unknown_delivery_is_named(box: Outbox) -> None:
    for action in (retry, resend, show):
        with pytest.raises(NotFoundError, match="no such delivery: 7"):
            action(box, 7)
