"""How mail is divided among relays; no network."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.core.mail.retry import MAX_OWN_REFUSALS
from newsletter.core.mail.values import Envelope, Outcome, Verdict
from newsletter.delivery.smtp.relay import Fault, Relay, RelayError, Security
from newsletter.delivery.smtp.relay_pool import RelayPool, RelayState


def relays(*weights: float) -> list[Relay]:
    return [
        Relay(host="127.0.0.1", port=2500 + n, security=Security.NONE, weight=weight, retry_delays=(1.0,))
        for n, weight in enumerate(weights)
    ]


def mails(count: int) -> list[Envelope]:
    return [Envelope(sender="a", recipient="b", data=b"", delivery_id=n) for n in range(count)]


def shares(pool: RelayPool) -> list[int]:
    return [len(state.backlog) for state in pool.states]


def down(state: RelayState) -> None:
    state.failed(RelayError(state.relay, Fault.REFUSED, "nobody listens"), 0.0)


def test_mail_is_divided_by_weight_without_bursts() -> None:
    pool = RelayPool(relays(5, 1, 1, 0))
    pool.add(mails(70), now=0.0)
    assert shares(pool) == [50, 10, 10, 0]
    numbers = [envelope.delivery_id or 0 for envelope in pool.states[1].backlog]
    assert [second - first for first, second in itertools.pairwise(numbers)] == [7] * 9


def test_relay_that_is_down_loses_its_backlog_to_the_others_and_standbys_come_last() -> None:
    pool = RelayPool(relays(1, 1, 0))
    pool.add(mails(10), now=0.0)
    down(pool.states[0])
    pool.reassign(pool.states[0], now=0.0)
    assert shares(pool) == [0, 10, 0]
    assert pool.error is None
    down(pool.states[1])
    pool.reassign(pool.states[1], now=0.0)
    assert shares(pool) == [0, 0, 10]
    down(pool.states[2])
    pool.reassign(pool.states[2], now=0.0)
    assert (shares(pool), pool.waiting) == ([0, 0, 0], 10)
    assert pool.error is pool.states[0].error
    assert {envelope.delivery_id for envelope in pool.take_back()} == set(range(10))
    assert pool.waiting == 0


def test_relay_that_rests_gets_nothing_while_another_works() -> None:
    pool = RelayPool(relays(1, 1))
    pool.states[0].used = True
    pool.states[0].failed(RelayError(pool.states[0].relay, Fault.BUSY, "later"), 0.0)
    pool.add(mails(4), now=0.5)
    assert shares(pool) == [0, 4]
    pool.add(mails(4), now=1.5)
    assert shares(pool) == [2, 6]


def test_relay_takes_no_more_than_its_allowance_and_unsent_mail_comes_back() -> None:
    pool = RelayPool(relays(1, 1))
    for state in pool.states:
        state.allowance = 3
    pool.add(mails(10), now=0.0)
    assert (shares(pool), pool.waiting) == ([3, 3], 10)
    pool.states[1].allowance = 2
    assert pool.place(now=0.0)
    assert shares(pool) == [3, 5]
    assert not pool.place(now=0.0)
    pool.take_back()
    assert [state.allowance for state in pool.states] == [3, 5]


def test_only_mail_that_no_relay_may_take_is_stranded() -> None:
    pool = RelayPool(relays(1, 1))
    pool.states[0].allowance = 3
    down(pool.states[1])
    pool.add(mails(10), now=0.0)
    assert [envelope.delivery_id for envelope in pool.stranded(now=0.0)] == list(range(3, 10))
    assert (shares(pool), pool.waiting, pool.stranded(now=0.0)) == ([3, 0], 3, [])


def test_relay_is_shut_when_it_refuses_our_sender_several_times() -> None:
    (state,) = RelayPool(relays(1)).states
    refused = Outcome(verdict=Verdict.REJECTED, phase="mail", code=550, status="5.7.1", text="not you")
    taken = Outcome(verdict=Verdict.ACCEPTED, phase="dot", code=250)
    for outcome in [*[refused] * (MAX_OWN_REFUSALS - 1), taken, *[refused] * (MAX_OWN_REFUSALS - 1)]:
        state.answered(outcome, 0.0)
        assert state.error is None
    state.answered(refused, 0.0)
    assert state.error is not None
    assert (state.error.fault, state.error.message) == (
        Fault.OURS,
        "the mail server 127.0.0.1:2500: it refuses us: 550 5.7.1 not you",
    )


@pytest.mark.parametrize("phase", ["rcpt", "data", "dot"])
def test_relay_is_not_shut_for_refusals_by_a_recipients_domain(phase: str) -> None:
    (state,) = RelayPool(relays(1)).states
    for _ in range(10):
        state.answered(Outcome(verdict=Verdict.REJECTED, phase=phase, code=550, status="5.7.1"), 0.0)
    assert state.error is None


@given(
    weights=st.lists(st.floats(0, 10), min_size=1, max_size=4),
    happenings=st.lists(st.tuples(st.sampled_from(["add", "down", "rest", "place"]), st.integers(0, 9))),
)
def test_no_envelope_is_lost_or_doubled_whatever_happens(
    weights: list[float], happenings: list[tuple[str, int]]
) -> None:
    pool = RelayPool(relays(*weights))
    added, now = 0, 0.0
    for what, number in happenings:
        now += 0.3
        state = pool.states[number % len(pool.states)]
        if what == "add":
            some = [
                Envelope(sender="a", recipient="b", data=b"", delivery_id=added + n) for n in range(number)
            ]
            pool.add(some, now=now)
            added += number
        elif what == "place":
            pool.place(now=now)
        else:
            state.used = what == "rest"
            state.failed(RelayError(state.relay, Fault.LOST, "gone"), now)
            pool.reassign(state, now=now)
        assert pool.waiting == added
    assert sorted(envelope.delivery_id or 0 for envelope in pool.take_back()) == list(range(added))
