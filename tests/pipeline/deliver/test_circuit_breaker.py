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


def test_brakes_name_a_relay_that_refuses_more_than_a_tenth_of_the_first() -> None:
    brakes = CircuitBreaker()
    for _ in range(MAX_HARD_REFUSALS):
        brakes.note(UNKNOWN, HARD, domain="x")
    assert brakes.wrong == {}
    assert brakes.on_probation("mx")
    brakes.note(UNKNOWN, HARD, domain="x")
    assert list(brakes.wrong) == ["mx"]
    assert "6 of its first 6" in brakes.wrong["mx"]
    assert brakes.on_probation("mx")  # for good: nothing that it said in this run is believed
    assert not brakes.is_credible_at_end("mx")


def test_brakes_put_every_relay_on_a_probation_of_its_own() -> None:
    brakes = CircuitBreaker(several=True)
    for _ in range(PROBATION):
        brakes.note(OK, SENT, domain="x")
    assert (brakes.on_probation("mx"), brakes.on_probation("standby")) == (False, True)
    for _ in range(MAX_HARD_REFUSALS + 1):
        brakes.note(replace(UNKNOWN, relay="standby"), HARD, domain="x")
    assert list(brakes.wrong) == ["standby"]


def test_brakes_believe_few_refusals_only_of_a_relay_that_took_others_or_is_alone() -> None:
    for several, taken, refused, believed in [(False, 0, 2, True), (True, 0, 1, False), (True, 2, 2, True)]:
        brakes = CircuitBreaker(several=several)
        for outcome, following, times in [(OK, SENT, taken), (UNKNOWN, HARD, refused)]:
            for _ in range(times):
                brakes.note(outcome, following, domain="x")
        assert brakes.is_credible_at_end("mx") is believed


def test_brakes_do_not_count_what_comes_after_the_first() -> None:
    brakes = CircuitBreaker()
    for _ in range(PROBATION):
        brakes.note(OK, SENT, domain="x")
    assert not brakes.on_probation("mx")
    for _ in range(PROBATION):
        brakes.note(UNKNOWN, HARD, domain="x")
    assert brakes.wrong == {}


def test_brakes_do_not_count_what_no_server_said() -> None:
    brakes = CircuitBreaker()
    for _ in range(PROBATION):
        brakes.note(
            Outcome(verdict=Verdict.DEFERRED, phase="mail", relay="mx"), NextStep(fate=Fate.RETRY), domain="x"
        )
    assert brakes.on_probation("mx")


def test_brakes_name_a_domain_that_refuses_several_in_a_row_and_no_other() -> None:
    brakes = CircuitBreaker()
    for _ in range(MAX_POLICY_REFUSALS - 1):
        brakes.note(POLICY, shut(ShutScope.DOMAIN), domain="x")
    brakes.note(OK, SENT, domain="x")  # accepts again: the row is broken
    for _ in range(MAX_POLICY_REFUSALS):
        assert brakes.shut == {}
        brakes.note(POLICY, shut(ShutScope.DOMAIN), domain="x")
        brakes.note(OK, SENT, domain="y")
    assert list(brakes.shut) == ["x"]
    assert brakes.wrong == {}


def test_brakes_leave_421_to_the_transport() -> None:
    brakes = CircuitBreaker()
    for _ in range(10):
        brakes.note(
            Outcome(verdict=Verdict.DEFERRED, phase="mail", code=421), shut(ShutScope.RELAY), domain="x"
        )
    assert brakes.wrong == {}
