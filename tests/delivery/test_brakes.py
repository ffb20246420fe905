from __future__ import annotations

from newsletter.core.mail import Outcome, Verdict
from newsletter.core.retry import Fate, Next, Pause
from newsletter.delivery.brakes import PROBATION, SHUT_AFTER, TOO_MANY, Brakes, domain_of

OK = Outcome(verdict=Verdict.ACCEPTED, phase="dot", code=250)
SENT = Next(fate=Fate.SENT)
UNKNOWN = Outcome(verdict=Verdict.REJECTED, phase="rcpt", code=550, status="5.1.1")
HARD = Next(fate=Fate.REFUSED, blames_address=True)
POLICY = Outcome(verdict=Verdict.REJECTED, phase="rcpt", code=550, status="5.7.1")


def shut(pause: Pause) -> Next:
    return Next(fate=Fate.RETRY, counts=False, pause=pause)


def test_brakes_stop_at_more_than_a_tenth_of_the_first() -> None:
    brakes = Brakes()
    for _ in range(TOO_MANY):
        brakes.note(UNKNOWN, HARD, domain="x")
    assert brakes.error is None
    assert brakes.on_probation
    brakes.note(UNKNOWN, HARD, domain="x")
    assert brakes.error is not None
    assert "6 of the first 6" in str(brakes.error)
    assert brakes.on_probation  # for good: nothing of this run is believed


def test_brakes_do_not_count_what_comes_after_the_first() -> None:
    brakes = Brakes()
    for _ in range(PROBATION):
        brakes.note(OK, SENT, domain="x")
    assert not brakes.on_probation
    for _ in range(PROBATION):
        brakes.note(UNKNOWN, HARD, domain="x")
    assert brakes.error is None


def test_brakes_do_not_count_what_no_server_said() -> None:
    brakes = Brakes()
    for _ in range(PROBATION):
        brakes.note(Outcome(verdict=Verdict.DEFERRED, phase="mail"), Next(fate=Fate.RETRY), domain="x")
    assert brakes.on_probation


def test_brakes_name_a_domain_that_refuses_several_in_a_row_and_no_other() -> None:
    brakes = Brakes()
    for _ in range(SHUT_AFTER - 1):
        brakes.note(POLICY, shut(Pause.DOMAIN), domain="x")
    brakes.note(OK, SENT, domain="x")  # accepts again: the row is broken
    for _ in range(SHUT_AFTER):
        assert brakes.shut == {}
        brakes.note(POLICY, shut(Pause.DOMAIN), domain="x")
        brakes.note(OK, SENT, domain="y")
    assert list(brakes.shut) == ["x"]
    assert brakes.error is None


def test_brakes_leave_421_to_the_transport() -> None:
    brakes = Brakes()
    for _ in range(10):
        brakes.note(Outcome(verdict=Verdict.DEFERRED, phase="mail", code=421), shut(Pause.RELAY), domain="x")
    assert brakes.error is None


def test_domain_of_an_address() -> None:
    assert domain_of('"a@b"@Mail.Example') == "mail.example"
