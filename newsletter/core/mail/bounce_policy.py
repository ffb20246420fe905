"""Decides what follows when a message of ours came back. It only decides; the pipeline acts.

The table is in docs/explanation/what-comes-back.md, “What follows”. Refusals at SMTP time are decided by
`newsletter.core.mail.retry`; both count the same strikes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from newsletter.core.mail.inbound import InboundClass
from newsletter.core.mail.reply_verdict import About, ReplyKind, ReplyVerdict

GOOD_AFTER = timedelta(hours=72)  # without a bounce: a relay's 250 proves nothing
LATEST = 5  # digests in a row that bounced softly, and not because of us
OLDEST = timedelta(days=30)  # age of a message whose bounce still counts; queues give up after five days
# “No such user” of so many that it is not believed, as at SMTP time (docs/explanation/delivery.md).
JUDGED_TOGETHER = 50  # mails that were sent just before
MOST_UNKNOWN = 5  # of them that may come back as unknown, also from a small list
MOST_UNKNOWN_SHARE = 0.2  # or this share
COMPLAINT_WINDOW = timedelta(days=7)  # in which complaints and messages are counted
ALARMING_COMPLAINTS = 0.001  # share of messages: Gmail and Yahoo ask for less
TOO_MANY_COMPLAINTS = 0.003  # share from which providers block
LEAST_COMPLAINTS = 2  # that hold an edition: one in a list of 100 proves nothing
_LEAVING = ("opt-out", "opt-out-list")  # feedback types of a reader who asked their provider to leave


class Effect(StrEnum):
    """What was done about one recipient of a message that came back."""

    SUPPRESSED = "suppressed"  # the address is mailed no more
    HELD = "held"  # a suppression that waits for an admin: many addresses came back as unknown at once
    LEFT = "left"  # the reader asked to leave
    STRIKE = "strike"  # counted; several suppress
    RETURNED = "returned"  # only the papers came back: nobody is blamed
    LOOK = "look"  # kept for an admin: nobody can say what it means, or whom it is about
    NOTHING = "nothing"  # rightly: a vacation reply, a delay, a known bounce


class FoundBy(StrEnum):
    """What named the reader and the message, surest first."""

    ENVELOPE_ID = "envid"  # signed
    RETURN_PATH = "return path"  # signed
    PROVIDER = "provider"  # an address and an id in a notice whose origin was checked
    HEADER = "header"  # the returned message's own unsubscribe link
    MESSAGE_ID = "message id"
    ADDRESS = "address"  # From of a request to leave
    NOTHING = ""

    @property
    def is_proof(self) -> bool:
        """Whether it may suppress: nobody else could have written it."""
        return self in (FoundBy.ENVELOPE_ID, FoundBy.RETURN_PATH, FoundBy.PROVIDER)


class Papers(StrEnum):
    """What becomes of the papers of a message that came back."""

    STAY = "stay"
    REFUSED = "refused"  # their debts end
    RETURN = "return"  # they come once more


@dataclass(frozen=True, slots=True, kw_only=True)
class BounceFacts:
    """What is known of one recipient of a message that came back."""

    kind: InboundClass
    verdict: ReplyVerdict | None = None  # of a bounce
    feedback: str = ""  # of a complaint
    found_by: FoundBy = FoundBy.NOTHING
    unproven: str = ""  # why nobody was found, or why what names somebody does not count
    erased: bool = False  # or deleted
    known_mail: bool = True  # whether the message that it names is in the database
    known_bounce: bool = False  # that message had come back, was refused, or was complained about before
    old: bool = False  # that message is older than OLDEST
    moved: bool = False  # the reader has another address now
    renewed: bool = False  # the reader confirmed, or an admin lifted a suppression, since that message
    named: bool = True  # the address that failed is the reader's
    fits: bool = True  # the envelope of a request to leave is that of its author


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """What follows, and why."""

    effect: Effect
    why: str
    papers: Papers = Papers.STAY


def rule(facts: BounceFacts) -> Ruling:
    """What follows from one recipient of a message that came back."""
    match facts.kind:
        case InboundClass.BOUNCE:
            return _rule_bounce(facts)
        case InboundClass.COMPLAINT:
            return _rule_complaint(facts)
        case InboundClass.UNSUBSCRIBE:
            return _rule_request(facts)
        case InboundClass.AUTO_REPLY:
            return _nothing("a program answered")
        case InboundClass.DELIVERY_REPORT:
            return _nothing("nobody failed")
        case _:
            return _look(facts.unproven or "nobody can say what it is")


def _rule_bounce(facts: BounceFacts) -> Ruling:
    if (ruling := _unfounded(facts)) is not None:
        return ruling
    if not facts.found_by.is_proof:
        return _look(f"only a {facts.found_by} names the reader, which anybody can write")
    if not facts.known_mail:
        return _look("the signature is right, but the message that it names is not known")
    if facts.known_bounce:
        return _nothing("this message came back before")
    if facts.old:
        return _nothing(f"the message is more than {OLDEST.days} days old")
    if facts.renewed:
        return _nothing("the reader has confirmed, or was taken back, since that message")
    if facts.moved:
        return _return("the reader has moved to another address since")
    verdict = facts.verdict
    if verdict is None:
        return _look("it does not say who failed")
    if verdict.kind is ReplyKind.HARD:
        if not facts.named:
            return Ruling(
                effect=Effect.STRIKE, why="another address failed: mail is forwarded", papers=Papers.RETURN
            )
        return Ruling(effect=Effect.SUPPRESSED, why=_words(verdict), papers=Papers.REFUSED)
    if verdict.kind is ReplyKind.SOFT and verdict.about is About.RECIPIENT:
        return Ruling(effect=Effect.STRIKE, why=_words(verdict), papers=Papers.RETURN)
    return _return(f"{_words(verdict)}: not because of the reader")


def _rule_complaint(facts: BounceFacts) -> Ruling:
    if (ruling := _unfounded(facts)) is not None:
        return ruling
    if facts.known_bounce:
        return _nothing("there was a complaint about this message before")
    # As with links in old mail: an earlier mailbox can end the subscription, but not shut the new address.
    effect = Effect.LEFT if facts.moved or facts.feedback in _LEAVING else Effect.SUPPRESSED
    return Ruling(effect=effect, why=f"complaint: {facts.feedback or 'spam'}")


def _rule_request(facts: BounceFacts) -> Ruling:
    if (ruling := _unfounded(facts)) is not None:
        return ruling
    if not facts.found_by.is_proof and not facts.fits:
        return _look("its envelope is not that of its author: it may be forged")
    return Ruling(effect=Effect.LEFT, why="asked by mail to leave")


def _unfounded(facts: BounceFacts) -> Ruling | None:
    if facts.found_by is FoundBy.NOTHING:
        return _look(facts.unproven or "it names no reader of ours")
    if facts.unproven:
        return _look(facts.unproven)
    return _nothing("the reader was erased") if facts.erased else None


def _words(verdict: ReplyVerdict) -> str:
    return f"{verdict.kind}, {verdict.reason}"


def _look(why: str) -> Ruling:
    return Ruling(effect=Effect.LOOK, why=why)


def _nothing(why: str) -> Ruling:
    return Ruling(effect=Effect.NOTHING, why=why)


def _return(why: str) -> Ruling:
    return Ruling(effect=Effect.RETURNED, why=why, papers=Papers.RETURN)


def too_many_unknown(unknown: int, mails: int) -> bool:
    """Whether so many of the mails just before came back as “no such user” that another is not believed."""
    return unknown > max(MOST_UNKNOWN, MOST_UNKNOWN_SHARE * mails)


def alarming(complaints: int, messages: int) -> bool:
    """Whether the share of complaints is above what providers ask for."""
    return complaints > ALARMING_COMPLAINTS * messages


def too_many(complaints: int, messages: int) -> bool:
    """Whether the share of complaints is one from which providers block: the next edition waits."""
    return complaints >= LEAST_COMPLAINTS and complaints > TOO_MANY_COMPLAINTS * messages
