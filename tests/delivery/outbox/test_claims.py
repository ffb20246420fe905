"""Claiming: which deliveries are leased, and which are skipped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from newsletter.core.reader_range import Shard
from newsletter.core.states import SkipReason
from newsletter.db.engine import reading, writing
from newsletter.delivery.outbox.claims import LEASE, _due, claim, expire
from tests.delivery.outbox.scenario import (
    LATER,
    ME,
    NOW,
    Outbox,
    ids,
    public,
    take,
)

pytestmark = pytest.mark.dialects


def test_claim_leases_due_mail_oldest_first(box: Outbox) -> None:
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


@pytest.mark.parametrize(("of", "limit"), [(1, 100), (2, 100), (3, 1), (7, 2)])
def test_claims_of_all_shards_share_out_everybody(box: Outbox, of: int, limit: int) -> None:
    box.queue(box.readers(6), box.digest())
    taken: list[int] = []
    for number in range(1, of + 1):
        shard = Shard(number, of)
        while claims := take(box, shard=shard, limit=limit).claimed:
            assert {mail.subscriber_id % of for mail in claims} == {shard.rest}
            taken += [mail.subscriber_id for mail in claims]
    assert sorted(taken) == [1, 2, 3, 4, 5, 6]


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
def test_claim_skips_readers_who_may_not_be_mailed_any_more(
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


def test_claim_plan_uses_the_index_of_waiting_mail(box: Outbox) -> None:
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


def test_claim_on_postgresql_skips_rows_that_another_claim_has_locked(
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


def test_expire_returns_the_papers(box: Outbox) -> None:
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
