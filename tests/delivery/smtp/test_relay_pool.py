"""How mail is divided among relays; no network."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.core.mail.values import Envelope, Outcome, Verdict
from newsletter.delivery.smtp.relay import Fault, Relay, RelayError, Security
from newsletter.delivery.smtp.relay_pool import SHUT_AFTER, RelayPool, RelayState


def relays(*weights: float) -> list[Relay]:
    return [
        Relay(host="127.0.0.1", port=2500 + n, security=Security.NONE, weight=weight, patience=(1.0,))
        for n, weight in enumerate(weights)
    ]


def mails(count: int) -> list[Envelope]:
    return [Envelope(sender="a", recipient="b", data=b"", delivery_id=n) for n in range(count)]


def shares(lines: RelayPool) -> list[int]:
    return [len(line.backlog) for line in lines.all]


def down(line: RelayState) -> None:
    line.failed(RelayError(line.relay, Fault.REFUSED, "nobody listens"), 0.0)


def test_mail_is_divided_by_weight_without_bursts() -> None:
    lines = RelayPool(relays(5, 1, 1, 0))
    lines.add(mails(70), now=0.0)
    assert shares(lines) == [50, 10, 10, 0]
    numbers = [envelope.delivery_id or 0 for envelope in lines.all[1].backlog]
    assert [second - first for first, second in itertools.pairwise(numbers)] == [7] * 9


def test_a_line_that_is_down_loses_its_backlog_to_the_others_and_standbys_come_last() -> None:
    lines = RelayPool(relays(1, 1, 0))
    lines.add(mails(10), now=0.0)
    down(lines.all[0])
    lines.forsake(lines.all[0], now=0.0)
    assert shares(lines) == [0, 10, 0]
    assert lines.error is None
    down(lines.all[1])
    lines.forsake(lines.all[1], now=0.0)
    assert shares(lines) == [0, 0, 10]
    down(lines.all[2])
    lines.forsake(lines.all[2], now=0.0)
    assert (shares(lines), lines.waiting) == ([0, 0, 0], 10)
    assert lines.error is lines.all[0].error
    assert {envelope.delivery_id for envelope in lines.take_back()} == set(range(10))
    assert lines.waiting == 0


def test_a_line_that_rests_gets_nothing_while_another_works() -> None:
    lines = RelayPool(relays(1, 1))
    lines.all[0].used = True
    lines.all[0].failed(RelayError(lines.all[0].relay, Fault.BUSY, "later"), 0.0)
    lines.add(mails(4), now=0.5)
    assert shares(lines) == [0, 4]
    lines.add(mails(4), now=1.5)
    assert shares(lines) == [2, 6]


def test_a_line_takes_no_more_than_its_allowance_and_what_it_did_not_send_comes_back() -> None:
    lines = RelayPool(relays(1, 1))
    for line in lines.all:
        line.allowance = 3
    lines.add(mails(10), now=0.0)
    assert (shares(lines), lines.waiting) == ([3, 3], 10)
    lines.all[1].allowance = 2
    assert lines.place(now=0.0)
    assert shares(lines) == [3, 5]
    assert not lines.place(now=0.0)
    lines.take_back()
    assert [line.allowance for line in lines.all] == [3, 5]


def test_what_no_line_may_take_is_stranded_and_only_that() -> None:
    lines = RelayPool(relays(1, 1))
    lines.all[0].allowance = 3
    down(lines.all[1])
    lines.add(mails(10), now=0.0)
    assert [envelope.delivery_id for envelope in lines.stranded(now=0.0)] == list(range(3, 10))
    assert (shares(lines), lines.waiting, lines.stranded(now=0.0)) == ([3, 0], 3, [])


def test_a_line_is_shut_when_it_refuses_our_sender_time_and_again() -> None:
    (line,) = RelayPool(relays(1)).all
    refused = Outcome(verdict=Verdict.REJECTED, phase="mail", code=550, status="5.7.1", text="not you")
    taken = Outcome(verdict=Verdict.ACCEPTED, phase="dot", code=250)
    for outcome in [*[refused] * (SHUT_AFTER - 1), taken, *[refused] * (SHUT_AFTER - 1)]:
        line.answered(outcome, 0.0)
        assert line.error is None
    line.answered(refused, 0.0)
    assert line.error is not None
    assert (line.error.fault, line.error.message) == (
        Fault.SENDER,
        "the mail server 127.0.0.1:2500: refuses our sender address: 550 5.7.1 not you",
    )


@pytest.mark.parametrize("phase", ["rcpt", "data", "dot"])
def test_a_line_is_not_shut_for_what_a_recipients_domain_says(phase: str) -> None:
    (line,) = RelayPool(relays(1)).all
    for _ in range(10):
        line.answered(Outcome(verdict=Verdict.REJECTED, phase=phase, code=550, status="5.7.1"), 0.0)
    assert line.error is None


@given(
    weights=st.lists(st.floats(0, 10), min_size=1, max_size=4),
    happenings=st.lists(st.tuples(st.sampled_from(["add", "down", "rest", "place"]), st.integers(0, 9))),
)
def test_no_envelope_is_lost_or_doubled_whatever_happens(
    weights: list[float], happenings: list[tuple[str, int]]
) -> None:
    lines = RelayPool(relays(*weights))
    added, now = 0, 0.0
    for what, number in happenings:
        now += 0.3
        line = lines.all[number % len(lines.all)]
        if what == "add":
            some = [
                Envelope(sender="a", recipient="b", data=b"", delivery_id=added + n) for n in range(number)
            ]
            lines.add(some, now=now)
            added += number
        elif what == "place":
            lines.place(now=now)
        else:
            line.used = what == "rest"
            line.failed(RelayError(line.relay, Fault.LOST, "gone"), now)
            lines.forsake(line, now=now)
        assert lines.waiting == added
    assert sorted(envelope.delivery_id or 0 for envelope in lines.take_back()) == list(range(added))
