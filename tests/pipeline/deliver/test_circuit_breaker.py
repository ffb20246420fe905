from __future__ import annotations

from dataclasses import replace

from newsletter.core.mail.retry import Fate, NextStep, ShutScope
from newsletter.core.mail.values import Outcome, Verdict
from newsletter.pipeline.deliver.circuit_breaker import (
    MAX_HARD_REFUSALS,
    MAX_POLICY_REFUSALS,
    PROBATION,
    CircuitBreaker,
)

OK = Outcome(verdict=Verdict.ACCEPTED, phase="dot", code=250, relay="mx")
SENT = NextStep(fate=Fate.SENT)
UNKNOWN = Outcome(verdict=Verdict.REJECTED, phase="rcpt", code=550, status="5.1.1", relay="mx")
HARD = NextStep(fate=Fate.REFUSED, blames_address=True)
POLICY = Outcome(verdict=Verdict.REJECTED, phase="rcpt", code=550, status="5.7.1", relay="mx")


def shut(pause: ShutScope) -> NextStep:
    return NextStep(fate=Fate.RETRY, counts=False, pause=pause)


def test_breaker_names_a_relay_that_refuses_more_than_a_tenth_of_the_first() -> None:
    breaker = CircuitBreaker()
    for _ in range(MAX_HARD_REFUSALS):
        breaker.note(UNKNOWN, HARD, domain="x")
    assert breaker.wrong == {}
    assert breaker.on_probation("mx")
    breaker.note(UNKNOWN, HARD, domain="x")
    assert list(breaker.wrong) == ["mx"]
    assert "6 of its first 6" in breaker.wrong["mx"]
    assert breaker.on_probation("mx")  # for good: nothing that it said in this run is believed
    assert not breaker.is_credible_at_end("mx")


def test_breaker_puts_every_relay_on_a_probation_of_its_own() -> None:
    breaker = CircuitBreaker(several=True)
    for _ in range(PROBATION):
        breaker.note(OK, SENT, domain="x")
    assert (breaker.on_probation("mx"), breaker.on_probation("standby")) == (False, True)
    for _ in range(MAX_HARD_REFUSALS + 1):
        breaker.note(replace(UNKNOWN, relay="standby"), HARD, domain="x")
    assert list(breaker.wrong) == ["standby"]


def test_breaker_believes_few_refusals_only_of_a_relay_that_took_others_or_is_alone() -> None:
    for several, taken, refused, believed in [(False, 0, 2, True), (True, 0, 1, False), (True, 2, 2, True)]:
        breaker = CircuitBreaker(several=several)
        for outcome, following, times in [(OK, SENT, taken), (UNKNOWN, HARD, refused)]:
            for _ in range(times):
                breaker.note(outcome, following, domain="x")
        assert breaker.is_credible_at_end("mx") is believed


def test_breaker_does_not_count_outcomes_after_the_first() -> None:
    breaker = CircuitBreaker()
    for _ in range(PROBATION):
        breaker.note(OK, SENT, domain="x")
    assert not breaker.on_probation("mx")
    for _ in range(PROBATION):
        breaker.note(UNKNOWN, HARD, domain="x")
    assert breaker.wrong == {}


def test_breaker_does_not_count_outcomes_without_a_reply() -> None:
    breaker = CircuitBreaker()
    for _ in range(PROBATION):
        breaker.note(
            Outcome(verdict=Verdict.DEFERRED, phase="mail", relay="mx"), NextStep(fate=Fate.RETRY), domain="x"
        )
    assert breaker.on_probation("mx")


def test_breaker_names_only_a_domain_that_refuses_several_in_a_row() -> None:
    breaker = CircuitBreaker()
    for _ in range(MAX_POLICY_REFUSALS - 1):
        breaker.note(POLICY, shut(ShutScope.DOMAIN), domain="x")
    breaker.note(OK, SENT, domain="x")  # accepts again: the row is broken
    for _ in range(MAX_POLICY_REFUSALS):
        assert breaker.shut == {}
        breaker.note(POLICY, shut(ShutScope.DOMAIN), domain="x")
        breaker.note(OK, SENT, domain="y")
    assert list(breaker.shut) == ["x"]
    assert breaker.wrong == {}


def test_breaker_leaves_421_to_the_transport() -> None:
    breaker = CircuitBreaker()
    for _ in range(10):
        breaker.note(
            Outcome(verdict=Verdict.DEFERRED, phase="mail", code=421), shut(ShutScope.RELAY), domain="x"
        )
    assert breaker.wrong == {}
