"""Decides the next step after one attempt at one message: the retry policy.

It only decides: the outbox records the step, and the pipeline pauses or stops. The caller passes the time.
`newsletter.core.mail.reply_judge` judges whom a reply is about.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from newsletter.core.mail.reply_judge import judge
from newsletter.core.mail.reply_rule import BEFORE_RECIPIENT
from newsletter.core.mail.reply_verdict import About, Reason, ReplyKind, ReplyVerdict
from newsletter.core.mail.values import Outcome, Verdict

FIRST_RETRY = (timedelta(minutes=5), timedelta(minutes=15))  # greylisting lets a second try pass after 5
LATER_RETRY = timedelta(minutes=30)  # RFC 5321 4.5.4.1: at least 30 minutes; doubles with each attempt
MAX_OWN_REFUSALS = 3  # refusals of us in a row, without an accepted message; then the relay rests
GREYLIST_TRIES = 2  # retries that come soon: some servers let a second try pass, some a third
LONGEST_RETRY = timedelta(hours=4)  # waiting longer does not help
POLICY_RETRY = timedelta(minutes=30)  # after a policy's 5xx: at least this long after every attempt
LIFETIME = timedelta(days=3)  # of a message that no later one replaces; a confirm link lives as long
SPREAD = 0.5  # a retry comes up to this share later, so that a refused batch does not return as one


class Fate(StrEnum):
    """How a delivery continues after an attempt."""

    SENT = "sent"  # the server took it
    RETRY = "retry"  # another attempt at `NextStep.at`
    REFUSED = "refused"  # for good, because of the recipient: its debts end
    RETURNED = "returned"  # for good, for another reason: its debts go back
    EXPIRED = "expired"  # the next digest is due before the next attempt: its debts go there
    UNCERTAIN = "uncertain"  # nobody knows


class ShutScope(StrEnum):
    """What an answer pauses for a while, apart from this message."""

    NOTHING = "nothing"
    DOMAIN = "domain"  # the recipient's domain
    RELAY = "relay"  # the server that we talk to


class Meaning(StrEnum):
    """What an answer means for the mail, after its verdict."""

    HARD = "hard"  # final: there is no such mailbox
    STRIKE = "strike"  # final for this mail, and about the recipient: several of them suppress
    RETURN = "return"  # final for this mail, and nobody's fault: no server was asked
    LATER = "later"  # try again; uses up an attempt
    GREYLISTED = "greylisted"  # try again soon; uses up an attempt
    NEXT = "next"  # try again on another connection; uses up none
    POLICY = "policy"  # about us: that domain rests after several; uses up no attempt
    OURS = "ours"  # about us: the relay rests; uses up no attempt
    BACK_OFF = "back off"  # the server asks for a pause; uses up no attempt


# What names our account at the relay befalls every recipient: one such answer is enough.
RELAY_REASONS = frozenset({Reason.SENDER, Reason.LOGIN, Reason.QUOTA})


@dataclass(frozen=True, slots=True, kw_only=True)
class NextStep:
    """The step that follows an attempt."""

    fate: Fate
    at: datetime | None = None  # of the next try
    counts: bool = True  # whether the attempt is used up
    blames_address: bool = False  # whether the address does not exist: it is suppressed
    is_strike: bool = False  # whether the answer counts against the recipient
    pause: ShutScope = ShutScope.NOTHING
    reason: str | None = None  # why it failed, if not because of the recipient


_DONE = NextStep(fate=Fate.SENT)


def decide(
    outcome: Outcome,
    *,
    attempts: int,
    now: datetime,
    expires_at: datetime | None,
    jitter: float,
    resend: bool = False,
) -> NextStep:
    """The step that follows `outcome`.

    attempts: those used up before this one. jitter: 0 to 1, drawn by the caller. expires_at: when the
    next mail replaces this one (None: never). resend: an uncertain message goes out again, the same bytes.
    The rules: docs/explanation/delivery.md, “What follows from an answer”.
    """
    if outcome.verdict is Verdict.ACCEPTED:
        return _DONE
    if outcome.verdict is Verdict.UNCERTAIN and not resend:
        return NextStep(fate=Fate.UNCERTAIN)
    meaning = Meaning.LATER if outcome.verdict is Verdict.UNCERTAIN else meaning_of(outcome)
    if meaning is Meaning.HARD:
        return NextStep(fate=Fate.REFUSED, blames_address=True, is_strike=True)
    if meaning in (Meaning.STRIKE, Meaning.RETURN):
        return NextStep(fate=Fate.RETURNED, is_strike=meaning is Meaning.STRIKE, reason=_reason(outcome))
    at = now + _delay(meaning, outcome.verdict, attempts=attempts, jitter=jitter)
    counts = meaning in (Meaning.LATER, Meaning.GREYLISTED)
    pause = _pause(meaning)
    if expires_at is not None and at >= expires_at:
        return NextStep(fate=Fate.EXPIRED, counts=counts, pause=pause)
    return NextStep(fate=Fate.RETRY, at=at, counts=counts, pause=pause)


def postpone(
    until: datetime, *, expires_at: datetime | None, jitter: float, within: timedelta = POLICY_RETRY
) -> NextStep:
    """The step for a message that was not tried: an attempt after `until`, and none is used up.

    within: the retries of many messages are spread over a part of this time.
    """
    at = until + within * SPREAD * jitter
    if expires_at is not None and at >= expires_at:
        return NextStep(fate=Fate.EXPIRED, counts=False)
    return NextStep(fate=Fate.RETRY, at=at, counts=False)


def meaning_of(outcome: Outcome) -> Meaning:
    """The meaning of a deferred or rejected outcome. Without a code the connection broke: try again."""
    if outcome.code is None:
        return Meaning.RETURN if outcome.verdict is Verdict.REJECTED else Meaning.LATER
    verdict = verdict_of(outcome)
    if verdict.about is About.US and verdict.certain and verdict.reason in RELAY_REASONS:
        return Meaning.OURS
    if outcome.code == 421:  # RFC 5321 3.8: the server closes or is overloaded
        return Meaning.BACK_OFF
    if outcome.status == "4.5.3":  # too many recipients on this connection; the next one may take it
        return Meaning.NEXT
    if verdict.kind is ReplyKind.HARD:
        return Meaning.HARD
    if verdict.about is About.RECIPIENT:
        return Meaning.STRIKE if outcome.code >= 500 else Meaning.LATER
    if verdict.reason is Reason.GREYLISTED:
        return Meaning.GREYLISTED
    if verdict.about is About.SERVER and outcome.code < 500:
        return Meaning.LATER
    if verdict.about is About.US and outcome.phase in BEFORE_RECIPIENT:
        return Meaning.OURS
    return Meaning.POLICY


def rests_relay(outcome: Outcome, in_a_row: int) -> bool:
    """Whether so many refusals of us in a row make a relay rest.

    One is enough that says so plainly before a recipient is named. Later, a single recipient may be meant.
    """
    plain = outcome.phase in BEFORE_RECIPIENT and verdict_of(outcome).certain
    return plain or in_a_row >= MAX_OWN_REFUSALS


def verdict_of(outcome: Outcome) -> ReplyVerdict:
    """Whom an outcome's reply is about."""
    return judge(outcome.phase, outcome.code, outcome.status, outcome.text)


def _delay(meaning: Meaning, verdict: Verdict, *, attempts: int, jitter: float) -> timedelta:
    if verdict is Verdict.REJECTED:  # about us, for good: an admin has to mend something first
        return POLICY_RETRY * (1 + SPREAD * jitter)
    if attempts == 0 or (meaning is Meaning.GREYLISTED and attempts < GREYLIST_TRIES):
        shortest, longest = FIRST_RETRY
        return shortest + (longest - shortest) * jitter
    if meaning is Meaning.GREYLISTED:  # the server lets us in after a while that it does not tell
        return LATER_RETRY * (1 + SPREAD * jitter)
    doubled: timedelta = LATER_RETRY * 2 ** min(attempts - 1, 10)
    return min(doubled, LONGEST_RETRY) * (1 + SPREAD * jitter)


def _pause(meaning: Meaning) -> ShutScope:
    if meaning in (Meaning.BACK_OFF, Meaning.OURS):
        return ShutScope.RELAY
    return ShutScope.DOMAIN if meaning is Meaning.POLICY else ShutScope.NOTHING


def _reason(outcome: Outcome) -> str:
    return f"refused: {outcome.code or outcome.phase} {outcome.status or ''}".strip()
