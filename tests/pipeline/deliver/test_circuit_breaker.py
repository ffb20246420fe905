from __future__ import annotations

from dataclasses import replace

import pytest

from newsletter.core.mail.retry import Fate, NextStep, ShutScope
from newsletter.core.mail.values import Outcome, Verdict
from newsletter.pipeline.deliver.circuit_breaker import (
    ENOUGH_OUTCOMES,
    EVERYBODY,
    MAX_POLICY_REFUSALS,
    PROBATION,
    CircuitBreaker,
)

OK = Outcome(verdict=Verdict.ACCEPTED, phase="dot", code=250, relay="mx")
SENT = NextStep(fate=Fate.SENT)
UNKNOWN = Outcome(verdict=Verdict.REJECTED, phase="rcpt", code=550, status="5.1.1", relay="mx")
HARD = NextStep(fate=Fate.REFUSED, blames_address=True, is_strike=True)
POLICY = Outcome(verdict=Verdict.REJECTED, phase="rcpt", code=550, status="5.7.1", relay="mx")
SPAM = replace(POLICY, phase="dot", text="looks like spam")
DOMAIN_RESTS = NextStep(fate=Fate.RETRY, counts=False, pause=ShutScope.DOMAIN)


def breaker(outcomes: str) -> CircuitBreaker:
    """A breaker that saw these: a (accepted), r (refused as unknown)."""
    made = CircuitBreaker()
    for letter in outcomes:
        made.note(OK if letter == "a" else UNKNOWN, SENT if letter == "a" else HARD, domain="x")
    return made


@pytest.mark.parametrize(
    ("outcomes", "believed"),
    [
        ("r" * 6 + "a" * 24, True),  # 30 readers of whom 6 are dead, in any order
        ("a" * 24 + "r" * 6, True),
        ("aaaaar", True),  # a list of 6
        ("ra", True),  # a list of 2
        ("r", False),  # accepted nothing: a wrong server looks the same
        ("rr", False),
        ("rrr", False),
        ("arr", False),
        ("a" * 500 + "r" * 21, False),  # in the middle of a run
        ("a" * 500 + "r" * 20 + "a", True),
    ],
)
def test_relay_is_believed_by_what_it_accepted(outcomes: str, believed: bool) -> None:
    assert breaker(outcomes).is_credible("mx") is believed


def test_relay_is_wrong_when_it_refuses_most_of_enough() -> None:
    most = "r" * (ENOUGH_OUTCOMES - 1)
    assert breaker(most).wrong == {}
    wrong = breaker(most + "r")
    assert list(wrong.wrong) == ["mx"]
    assert f"{ENOUGH_OUTCOMES} of {ENOUGH_OUTCOMES}" in wrong.wrong["mx"]
    assert (wrong.on_probation("mx"), wrong.is_credible("mx")) == (True, False)
    assert breaker("ar" * PROBATION).wrong == {}


def test_every_relay_is_on_a_probation_of_its_own() -> None:
    made = breaker("a" * PROBATION)
    assert (made.on_probation("mx"), made.on_probation("standby")) == (False, True)
    for _ in range(ENOUGH_OUTCOMES):
        made.note(replace(UNKNOWN, relay="standby"), HARD, domain="x")
    assert list(made.wrong) == ["standby"]


def test_refusals_in_a_row_are_doubted_again_after_the_probation() -> None:
    made = breaker("a" * 10 + "ra" * PROBATION)
    assert not made.on_probation("mx")
    for _ in range(ENOUGH_OUTCOMES + 1):
        made.note(UNKNOWN, HARD, domain="x")
    assert made.on_probation("mx")
    assert list(made.wrong) == ["mx"]


def test_what_no_server_said_is_not_counted() -> None:
    made = CircuitBreaker()
    lost = Outcome(verdict=Verdict.DEFERRED, phase="mail", relay="mx")
    for _ in range(PROBATION):
        made.note(lost, NextStep(fate=Fate.RETRY), domain="x")
    assert made.on_probation("mx")


def test_domain_that_refuses_several_in_a_row_rests_and_no_other() -> None:
    made = CircuitBreaker()
    for _ in range(MAX_POLICY_REFUSALS - 1):
        made.note(POLICY, DOMAIN_RESTS, domain="x")
    made.note(OK, SENT, domain="x")  # accepts again: the row is broken
    for _ in range(MAX_POLICY_REFUSALS):
        assert made.shut == {}
        made.note(POLICY, DOMAIN_RESTS, domain="x")
        made.note(OK, SENT, domain="y")
    assert (list(made.shut), made.wrong, made.refuses_all) == (["x"], {}, {})


def test_relay_that_refuses_every_domain_because_of_us_refuses_us() -> None:
    made = CircuitBreaker()
    for number in range(EVERYBODY):
        assert made.refuses_all == {}
        made.note(POLICY, DOMAIN_RESTS, domain=f"d{number}")
    assert made.refuses_all == {"mx": POLICY}
    content = CircuitBreaker()
    for number in range(EVERYBODY):
        content.note(SPAM, DOMAIN_RESTS, domain=f"d{number}")
    assert content.refuses_all == {}  # the edition guard judges the message


def test_policy_refusal_is_one_recipients_only_where_others_are_accepted() -> None:
    made = breaker("a")
    made.note(POLICY, DOMAIN_RESTS, domain="x")
    assert made.refused_alone("mx", "x")
    alone = CircuitBreaker()
    alone.note(POLICY, DOMAIN_RESTS, domain="x")
    assert not alone.refused_alone("mx", "x")
    for _ in range(MAX_POLICY_REFUSALS):
        made.note(POLICY, DOMAIN_RESTS, domain="x")
    assert not made.refused_alone("mx", "x")
