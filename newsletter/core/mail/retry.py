"""Decides the next step after one attempt at one message: the retry policy, as a table.

It only decides: the outbox records the step, and the pipeline pauses or stops. The caller passes the time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from newsletter.core.mail.values import Outcome, Verdict

FIRST_RETRY = (timedelta(minutes=5), timedelta(minutes=15))  # greylisting lets a second try pass after 5
LATER_RETRY = timedelta(minutes=30)  # RFC 5321 4.5.4.1: at least 30 minutes; doubles with each attempt
LONGEST_RETRY = timedelta(hours=4)  # waiting longer does not help
POLICY_RETRY = timedelta(minutes=30)  # after a policy's 5xx: at least this long after every attempt
LIFETIME = timedelta(days=3)  # of a message that no later one replaces; a confirm link lives as long
SPREAD = 0.5  # a retry comes up to this share later, so that a refused batch does not return as one

# RFC 3463 details that concern the address itself; no other code may count against a subscriber.
ADDRESS_DETAILS = frozenset(
    {
        "1.1",  # bad destination mailbox address
        "1.2",  # bad destination system address: the domain does not exist
        "1.3",  # bad destination mailbox address syntax
        "1.6",  # destination mailbox has moved, no forwarding address
        "1.10",  # recipient address has null MX (RFC 7505)
    }
)


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


class RuleMeaning(StrEnum):
    """The meaning of an answer, by the table."""

    HARD = "hard"  # final, and the address is the reason
    SOFT = "soft"  # final, and the address is not the reason
    LATER = "later"  # try again; uses up an attempt
    NEXT = "next"  # try again on another connection; uses up none
    POLICY = "policy"  # pause that domain; uses up no attempt
    BACK_OFF = "back off"  # pause that server; uses up no attempt


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyRule:
    """One row of the table. The first row that matches decides."""

    code: str  # the reply code begins with this
    detail: str  # subject and detail of the enhanced code begin with this: "7." or "1.7"; "": any or none
    meaning: RuleMeaning
    exact: bool = False  # `detail` is the whole, not a beginning: 1.1 is not 1.10


@dataclass(frozen=True, slots=True, kw_only=True)
class NextStep:
    """The step that follows an attempt."""

    fate: Fate
    at: datetime | None = None  # of the next try
    counts: bool = True  # whether the attempt is used up
    blames_address: bool = False  # whether the answer concerns the address: only then may it be suppressed
    pause: ShutScope = ShutScope.NOTHING
    reason: str | None = None  # why it failed, if not because of the recipient


RULES = (
    # 421, in any phase: the server closes or is overloaded (RFC 5321 3.8). No address has bounced.
    ReplyRule(code="421", detail="", meaning=RuleMeaning.BACK_OFF),
    # 452 4.5.3: too many recipients on this connection; the next one may take it.
    ReplyRule(code="4", detail="5.3", meaning=RuleMeaning.NEXT, exact=True),
    # 4.7.x: greylisting, rate limits, reputation. They concern us, not the mailbox.
    ReplyRule(code="4", detail="7.", meaning=RuleMeaning.POLICY),
    # Any other 4xx: mailbox full (4.2.2), busy (4.2.1), system trouble (4.3.x), routing (4.4.x).
    ReplyRule(code="4", detail="", meaning=RuleMeaning.LATER),
    # The five that concern the address.
    *(
        ReplyRule(code="5", detail=detail, meaning=RuleMeaning.HARD, exact=True)
        for detail in sorted(ADDRESS_DETAILS)
    ),
    # X.1.7 and X.1.8: our own sender address is malformed or its domain unknown. We must mend it.
    ReplyRule(code="5", detail="1.7", meaning=RuleMeaning.POLICY, exact=True),
    ReplyRule(code="5", detail="1.8", meaning=RuleMeaning.POLICY, exact=True),
    # 5.7.x: policy (SPF, DMARC, block lists, content). Pause that domain, suppress nobody.
    ReplyRule(code="5", detail="7.", meaning=RuleMeaning.POLICY),
    # Any other 5xx: too large (5.3.4), mailbox full for good (5.2.2), content (5.6.x), or no enhanced code at
    # all, as a misconfigured relay answers: final for this message, a soft strike at most for the address.
    ReplyRule(code="5", detail="", meaning=RuleMeaning.SOFT),
)


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
    meaning = RuleMeaning.LATER if outcome.verdict is Verdict.UNCERTAIN else meaning_of(outcome)
    if meaning is RuleMeaning.HARD:
        return NextStep(fate=Fate.REFUSED, blames_address=True)
    if meaning is RuleMeaning.SOFT:
        return NextStep(fate=Fate.RETURNED, reason=_reason(outcome))
    at = now + _delay(outcome.verdict, attempts=attempts, jitter=jitter)
    counts = meaning is RuleMeaning.LATER
    pause = _pause(meaning, outcome.phase)
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


def meaning_of(outcome: Outcome) -> RuleMeaning:
    """The meaning of a deferred or rejected outcome. Without a code the connection broke: try again."""
    if outcome.code is None:
        return RuleMeaning.SOFT if outcome.verdict is Verdict.REJECTED else RuleMeaning.LATER
    code, detail = str(outcome.code), (outcome.status or "")[2:]
    for rule in RULES:
        if code.startswith(rule.code) and (
            detail == rule.detail if rule.exact else detail.startswith(rule.detail)
        ):
            return rule.meaning
    raise ValueError(f"a reply code that no SMTP server sends: {code}")


def _delay(verdict: Verdict, *, attempts: int, jitter: float) -> timedelta:
    if verdict is Verdict.REJECTED:  # a policy's 5xx: an admin has to mend something first
        return POLICY_RETRY * (1 + SPREAD * jitter)
    if attempts == 0:
        shortest, longest = FIRST_RETRY
        return shortest + (longest - shortest) * jitter
    doubled: timedelta = LATER_RETRY * 2 ** min(attempts - 1, 10)
    return min(doubled, LONGEST_RETRY) * (1 + SPREAD * jitter)


def _pause(meaning: RuleMeaning, phase: str) -> ShutScope:
    if meaning is RuleMeaning.BACK_OFF:
        return ShutScope.RELAY
    if meaning is RuleMeaning.POLICY:
        # Before a recipient was named, the answer cannot be about the recipient's domain.
        return ShutScope.RELAY if phase == "mail" else ShutScope.DOMAIN
    return ShutScope.NOTHING


def _reason(outcome: Outcome) -> str:
    return f"refused: {outcome.code or outcome.phase} {outcome.status or ''}".strip()
