"""Says whom a server's reply is about: us, the recipient, the message or the server.

It judges the words of one reply only. `newsletter.core.mail.retry` decides what follows; the circuit breaker
knows what other recipients were told.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from newsletter.core.mail.reply_codes import CODES
from newsletter.core.mail.reply_rule import BEFORE_MESSAGE, BEFORE_RECIPIENT, SPAM_OF_OURS, UNREACHABLE
from newsletter.core.mail.reply_verdict import About, Reason, ReplyKind, ReplyVerdict
from newsletter.core.mail.reply_wordings import WORDINGS

_RULES = (*WORDINGS, *CODES)
_ADDRESS = re.compile(r"[^\s<>()\[\]\"',;:]+@[\w-]+(?:\.[\w-]+)*")
_QUOTED_SERVER = re.compile(r"\bhost \S+ said: (?:[45]\d\d[ -])?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ReplyLine:
    """A reply that was read from one line of text."""

    code: int | None
    status: str | None  # enhanced code (RFC 3463), "5.1.1"
    text: str


_START = re.compile(
    r"\s*(?:smtp;\s*)?(?:([2-5]\d\d)(?=[ -]|$))?[ -]?\s*#?([245]\.\d{1,3}\.\d{1,3})?", re.IGNORECASE
)
_STATUS_BEHIND = re.compile(r"\(#([245]\.\d{1,3}\.\d{1,3})\)")  # qmail writes it behind the words
_CODE_OF_A_FURTHER_LINE = re.compile(r"(?<=\s)([45]\d\d)[- ](?:[45]\.\d{1,3}\.\d{1,3}(?= ))?")


def read_reply(text: str) -> ReplyLine:
    """Read a reply as a log or a bounce quotes it, its lines joined: `550-5.1.1 No such 550 5.1.1 user`."""
    found = _START.match(text)
    assert found is not None  # every part is optional
    code = int(found[1]) if found[1] else None

    def without_code(further: re.Match[str]) -> str:
        return "" if code is not None and int(further[1]) == code else further[0]

    words = _CODE_OF_A_FURTHER_LINE.sub(without_code, text[found.end() :])
    behind = _STATUS_BEHIND.search(words) if found[2] is None else None
    return ReplyLine(code, behind[1] if behind else found[2], " ".join(words.split()))


@lru_cache(maxsize=1024)  # servers say few different things to many recipients
def judge(phase: str, code: int | None, status: str | None, text: str) -> ReplyVerdict:
    """Whom a reply is about.

    phase: greeting, ehlo, starttls, auth, mail, rcpt, data or dot; empty when unknown. code: 400 to 599, None
    when none was given. status: the enhanced code, "5.1.1". text: the server's words.
    """
    text = _ADDRESS.sub("…", text)  # billing@… says nothing about a bill
    text = _QUOTED_SERVER.sub("", text)  # "host … said" is not about our host
    number = str(code) if code is not None else (status or "")[:1]
    detail = (status or "")[2:]
    for rule in _RULES:
        verdict = rule.verdict
        if verdict.about is About.RECIPIENT and phase in BEFORE_RECIPIENT:
            continue  # nobody was named yet
        if rule.fits(phase, number, detail, text):
            if (
                verdict.about is About.CONTENT
                and phase in BEFORE_MESSAGE
                and verdict.reason is not Reason.TOO_LARGE  # RFC 1870: MAIL names the size
            ):
                return SPAM_OF_OURS  # no message was seen yet: "spam" is what we are said to send
            if verdict.kind is ReplyKind.HARD and number.startswith("4"):
                # RFC 5321 4.2.1: a 4xx asks for another try. Postfix says 450 while it verifies an address.
                return ReplyVerdict(
                    about=verdict.about, kind=ReplyKind.SOFT, reason=verdict.reason, certain=False
                )
            return verdict
    return UNREACHABLE
