from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.core.mail.retry import Fate, NextStep, ShutScope, decide, postpone
from newsletter.core.mail.values import Outcome, Verdict

NOW = datetime(2026, 3, 2, 7, 0, tzinfo=UTC)


def outcome(code: int | None, status: str | None = None, phase: str = "rcpt") -> Outcome:
    if code is None:
        verdict = Verdict.DEFERRED
    else:
        verdict = Verdict.REJECTED if code >= 500 else Verdict.DEFERRED if code >= 400 else Verdict.ACCEPTED
    return Outcome(verdict=verdict, phase=phase, code=code, status=status)


def after(result: Outcome, *, attempts: int = 0, jitter: float = 0.0, **more: object) -> NextStep:
    expires_at = more.get("expires_at")
    assert expires_at is None or isinstance(expires_at, datetime)
    return decide(
        result,
        attempts=attempts,
        now=NOW,
        expires_at=expires_at,
        jitter=jitter,
        resend=bool(more.get("resend")),
    )


def minutes(number: float) -> datetime:
    return NOW + timedelta(minutes=number)


HARD = NextStep(fate=Fate.REFUSED, blames_address=True, is_strike=True)


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (outcome(250, "2.0.0", "dot"), NextStep(fate=Fate.SENT)),
        # Only these five speak of the address.
        (outcome(550, "5.1.1"), HARD),
        (outcome(550, "5.1.2"), HARD),
        (outcome(553, "5.1.3"), HARD),
        (outcome(551, "5.1.6"), HARD),
        (outcome(556, "5.1.10"), HARD),
        # Ours to mend: our own sender.
        (
            outcome(553, "5.1.7", "mail"),
            NextStep(fate=Fate.RETRY, at=minutes(30), counts=False, pause=ShutScope.RELAY),
        ),
        (
            outcome(550, "5.1.8"),
            NextStep(fate=Fate.RETRY, at=minutes(30), counts=False, pause=ShutScope.RELAY),
        ),
        # Policy.
        (
            outcome(550, "5.7.1"),
            NextStep(fate=Fate.RETRY, at=minutes(30), counts=False, pause=ShutScope.DOMAIN),
        ),
        (
            outcome(550, "5.7.515", "dot"),
            NextStep(fate=Fate.RETRY, at=minutes(30), counts=False, pause=ShutScope.DOMAIN),
        ),
        (
            outcome(554, "5.7.1", "mail"),
            NextStep(fate=Fate.RETRY, at=minutes(30), counts=False, pause=ShutScope.RELAY),
        ),
        (
            outcome(451, "4.7.1"),  # greylisting: no reason to rest a domain
            NextStep(fate=Fate.RETRY, at=minutes(5)),
        ),
        # The server has enough for now.
        (
            outcome(421, "4.3.2"),
            NextStep(fate=Fate.RETRY, at=minutes(5), counts=False, pause=ShutScope.RELAY),
        ),
        (
            outcome(421, "4.7.28", "dot"),
            NextStep(fate=Fate.RETRY, at=minutes(5), counts=False, pause=ShutScope.RELAY),
        ),
        (outcome(452, "4.5.3"), NextStep(fate=Fate.RETRY, at=minutes(5))),
        # Later.
        (outcome(452, "4.2.2"), NextStep(fate=Fate.RETRY, at=minutes(5))),
        (outcome(450), NextStep(fate=Fate.RETRY, at=minutes(5))),
        (outcome(450, "4.1.1"), NextStep(fate=Fate.RETRY, at=minutes(5))),
        (outcome(None), NextStep(fate=Fate.RETRY, at=minutes(5))),
        (outcome(550, "5.4.4"), HARD),
        # Final for this mail, and a strike against the recipient.
        (outcome(550), NextStep(fate=Fate.RETURNED, is_strike=True, reason="refused: 550")),
        (outcome(552, "5.2.2"), NextStep(fate=Fate.RETURNED, is_strike=True, reason="refused: 552 5.2.2")),
        (outcome(550, "5.1.11"), NextStep(fate=Fate.RETURNED, is_strike=True, reason="refused: 550 5.1.11")),
        # The message: it waits, and so may all others to that domain.
        (
            outcome(552, "5.3.4", "mail"),
            NextStep(fate=Fate.RETRY, at=minutes(30), counts=False, pause=ShutScope.DOMAIN),
        ),
    ],
)
def test_decide_by_code(result: Outcome, expected: NextStep) -> None:
    if (result.code, result.status) == (452, "4.5.3"):
        expected = NextStep(fate=Fate.RETRY, at=expected.at, counts=False)
    assert after(result) == expected


def test_decide_uncertain_is_neither_and_is_sent_again_only_when_asked() -> None:
    lost = Outcome(verdict=Verdict.UNCERTAIN, phase="dot")
    assert after(lost) == NextStep(fate=Fate.UNCERTAIN)
    assert after(lost, resend=True) == NextStep(fate=Fate.RETRY, at=minutes(5))


@pytest.mark.parametrize(
    ("attempts", "shortest", "longest"),
    [(0, 5, 15), (1, 30, 45), (2, 60, 90), (3, 120, 180), (4, 240, 360), (5, 240, 360), (60, 240, 360)],
)
def test_decide_retries_grow_from_greylisting_to_hours(
    attempts: int, shortest: float, longest: float
) -> None:
    result = outcome(450)
    assert after(result, attempts=attempts).at == minutes(shortest)
    assert after(result, attempts=attempts, jitter=1.0).at == minutes(longest)


@given(st.integers(0, 100), st.floats(0, 1), st.sampled_from([None, 421, 450, 451, 452]))
def test_decide_never_retries_sooner_than_the_rules_ask(
    attempts: int, jitter: float, code: int | None
) -> None:
    at = after(outcome(code), attempts=attempts, jitter=jitter).at
    assert at is not None
    assert at - NOW >= timedelta(minutes=30 if attempts else 5)


def test_decide_gives_up_when_the_next_digest_is_due_before_the_next_try() -> None:
    assert after(outcome(450), expires_at=minutes(5)) == NextStep(fate=Fate.EXPIRED)
    assert after(outcome(450), expires_at=minutes(6)) == NextStep(fate=Fate.RETRY, at=minutes(5))
    assert after(outcome(421), expires_at=minutes(5)) == NextStep(
        fate=Fate.EXPIRED, counts=False, pause=ShutScope.RELAY
    )


def test_postpone_uses_up_no_attempt() -> None:
    assert postpone(minutes(30), expires_at=None, jitter=0.0) == NextStep(
        fate=Fate.RETRY, at=minutes(30), counts=False
    )
    assert postpone(minutes(30), expires_at=minutes(30), jitter=0.0) == NextStep(
        fate=Fate.EXPIRED, counts=False
    )
