"""Recovering the deliveries of dead senders."""

from __future__ import annotations

from datetime import timedelta

import pytest

from newsletter.db.engine import writing
from newsletter.delivery.outbox.claims import LEASE
from newsletter.delivery.outbox.recovery import Uncertain, recover
from newsletter.delivery.outbox.sender_locks import owning
from tests.delivery.outbox.scenario import (
    NOW,
    Outbox,
    hand_these_over,
    ids,
    take,
)

pytestmark = pytest.mark.dialects


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


def test_recover_moves_the_mail_of_a_dead_owner_immediately(box: Outbox) -> None:
    (paper,) = die(box)
    for expected in (2, 0):
        with writing(box.engine) as connection:
            moved = recover(connection, locks_dir=box.locks, now=NOW, wall=NOW, mode=Uncertain.MEND)
        assert moved == expected
    assert box.states() == {1: "uncertain", 2: "uncertain", 3: "queued"}
    assert {row["owner"] for row in box.rows().values()} == {None}
    assert box.debts() == [(paper, "recap", 1, None, None), (paper, "recap", 2, None, None)]


@pytest.mark.parametrize(("mode", "kind"), [(Uncertain.RESEND, "digest"), (Uncertain.MEND, "confirm")])
def test_recover_sends_mail_again_in_resend_mode(box: Outbox, mode: Uncertain, kind: str) -> None:
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
