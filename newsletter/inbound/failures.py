"""Makes a failed recipient of what a report says of them: status, reply code, words, and the verdict.

The words are judged by the same table as replies at SMTP time (`newsletter.core.mail.reply_judge`).
"""
# ruff: noqa: E501 - a pattern is read as a whole

from __future__ import annotations

import re
from dataclasses import replace

from newsletter.core.mail.inbound import FailedRecipient
from newsletter.core.mail.reply_judge import judge
from newsletter.core.mail.reply_verdict import About, Reason, ReplyKind, ReplyVerdict
from newsletter.inbound.addresses import ADDRESS
from newsletter.inbound.limits import LONGEST_DIAGNOSTIC

MOST_JUDGED = 600  # characters: a server's reply has 200
_ADDRESS = re.compile(ADDRESS)
_STATUS = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.])")
# A reply within other words: its code, a blank or dash, and more than a number or an address of a host.
_REPLY = re.compile(
    r"(?<![\d./@=-])([45][0-5]\d)(?:[ -]+#?|: ?|\s*\(#)(?:([45]\.\d{1,3}\.\d{1,3})\)?[ :-]*)?(?=\S*[^\d\s])"
)
_SAID_BEHIND = re.compile(
    r"(?:said|returned|was|reason|responded|response|message|error|<<<|smtp;)\W{0,6}(?:was)?\W{0,4}([45]\d\d)\b",
    re.I,
)
_TYPE = re.compile(r"^\s*(?:smtp|x-[\w-]+|unknown|dns|rfc822|local)\s*;\s*", re.IGNORECASE)
_PHASES = (
    (
        "dot",
        r"end of (?:the )?data|after (?:i sent|sending) the message|final data|end of data|after data|\bdata command\b|(?:>>>|\[|\() ?DATA\b|failed after i sent|in response to (?:the )?\.|TEXT command|message content rejected",
    ),
    (
        "rcpt",
        r"\bRCPT(?:[ _]TO)?\b|does not like recipient|recipient was rejected|server (?:has )?rejected address",
    ),
    ("mail", r"\bMAIL[ _]FROM\b|sender was rejected|does not like sender|>>> MAIL"),
    ("ehlo", r"\b(?:EHLO|HELO)\b(?! ?=)|initial (?:connection|greeting)"),
)
_PHASE = tuple((phase, re.compile(pattern, re.IGNORECASE)) for phase, pattern in _PHASES)
_SAYS_NOTHING = frozenset({Reason.UNCLEAR, Reason.UNREACHABLE, Reason.BUSY})
_NOT = re.compile(r"\b(could|was)n't\b", re.IGNORECASE)
_ONLY_DISABLED = re.compile(r"account is (?:disabled|temporarily limited)", re.IGNORECASE)
# A list that refuses without saying whether it exists, in any language.
_MAY_NOT_EXIST = re.compile(r"may not exist|groups\.google\.com", re.IGNORECASE)
_MAILBOX_UNKNOWN = frozenset({"1.1", "1.10"})  # RFC 3463 3.2, RFC 7505
# The words alone, which filters use as well; who says more is believed.
_MERELY_UNKNOWN = re.compile(
    r"^\W*(?:<[^>]*>\W*)?(?:recipient address rejected\W*)?(?:unknown user|user unknown|no such user|user not found|not found recipient account|invalid recipient)\b.{0,60}$",
    re.IGNORECASE,
)
# What a queue says after its last try; no server said no.
_GAVE_UP = re.compile(
    r"timed? ?out|time-?out|giv(?:en|ing) up|retry (?:time|timeout) (?:was )?(?:not reached|exceeded)|retry time|\bexpired|"
    r"too (?:long|old)|could not (?:be delivered|deliver) for|attempts?\b|"
    r"undeliver\w+ for|unable to connect|connection (?:refused|reset|closed|lost|timed)|lost connection|network is unreachable|no route|"
    r"not accept our requests to connect|couldn'?t connect|cannot connect|could ?n.t establish|queue (?:life)?time",
    re.IGNORECASE,
)


# A program that stores mail says that it cannot: the account is there, or nobody looked.
_NOT_STORED = re.compile(
    r"\b(?:could ?n[o']t|can ?not|can't|unable to|failed to) (?:create|open|lock|write(?: to)?|append to)\W{1,3}"
    r"(?:the |user )?(?:mail ?box|maildir|mail ?file|mail ?folder|spool|/\w)",
    re.IGNORECASE,
)


def failed_recipient(
    address: str,
    *,
    original: str = "",
    status: str = "",
    diagnostic: str = "",
    context: str = "",
    notice: str = "",
    transcript: str = "",
) -> FailedRecipient:
    """A failed recipient with the verdict on their failure.

    status: the report's own (RFC 3463), or empty. diagnostic: what was said of this recipient. context: what
    the report says of them in other words, looked at where the first two say nothing. notice: what it says of
    all. transcript: where the report shows the conversation with the server.
    """
    own = _STATUS.search(status)
    given = own[1] if own else ""
    words = _TYPE.sub("", " ".join(diagnostic.split()))
    behind = "" if _phase_of(words) else _phase_of(transcript or context)
    verdict, code, said = _judged(given, words, behind)
    for further in (context, notice):
        if verdict.certain or verdict.reason not in _SAYS_NOTHING:
            break
        if not further.strip():
            continue
        more = " ".join(further.split())[:1500]
        wider, wider_code, wider_said = _judged(given, f"{words} {more}".strip(), "")
        if wider.certain and wider.reason not in _SAYS_NOTHING and wider.about is not About.US:
            verdict, code, said = wider, code or wider_code, said or wider_said
        words = words or more
    if (
        verdict.kind is ReplyKind.HARD
        and _ONLY_DISABLED.search(notice)
        and (said or given)[2:] not in _MAILBOX_UNKNOWN
    ):
        verdict = ReplyVerdict(about=About.RECIPIENT, kind=ReplyKind.SOFT, reason=Reason.DISABLED)
    return FailedRecipient(
        address=address,
        original="" if original.casefold() == address.casefold() else original,
        status=_better(given, said),
        code=code,
        diagnostic=_printable(words)[:LONGEST_DIAGNOSTIC],
        verdict=verdict,
    )


def quotes_reply(words: str) -> bool:
    """Whether words quote a reply of a mail server, with its code."""
    return _REPLY.search(words) is not None


def _phase_of(text: str) -> str:
    """The step of the SMTP conversation in which a reply was given, as far as a text says it."""
    return next((phase for phase, pattern in _PHASE if pattern.search(text)), "")


def _judged(given: str, words: str, phase: str) -> tuple[ReplyVerdict, int | None, str]:
    """The verdict, the reply's code and the status that the words name."""
    words = _ADDRESS.sub("…", words)  # so that many recipients share one verdict
    words = _NOT.sub(r"\1 not", words.replace("\u2019", "'").replace("can't", "cannot"))
    code, said, text = _reply_in(words)
    status = _better(given, said)
    phase = phase or _phase_of(words)
    number = code if code is not None else (550 if (status or "5")[0] == "5" else 450)
    verdict = judge(phase, number if text else code, status or None, text[:MOST_JUDGED])
    return _of_bounce(verdict, phase, code, status, words), code, said


def _of_bounce(verdict: ReplyVerdict, phase: str, code: int | None, status: str, words: str) -> ReplyVerdict:
    """The verdict of a reply as that of a report: nobody tries this message again, and others said it."""
    silent = not verdict.certain or (verdict.reason is Reason.BUSY and code is None)
    if silent and _GAVE_UP.search(words):
        return ReplyVerdict(about=About.SERVER, kind=ReplyKind.SOFT, reason=Reason.UNREACHABLE, certain=False)
    if verdict.kind is ReplyKind.HARD and _NOT_STORED.search(words):
        return ReplyVerdict(about=About.SERVER, kind=ReplyKind.SOFT, reason=Reason.BUSY, certain=False)
    if verdict.kind is ReplyKind.HARD and _MAY_NOT_EXIST.search(words):
        return ReplyVerdict(
            about=About.RECIPIENT, kind=ReplyKind.SOFT, reason=Reason.REFUSED_BY_RECIPIENT, certain=False
        )
    if (
        verdict.kind is ReplyKind.SOFT
        and verdict.reason is Reason.UNKNOWN_MAILBOX
        and status[2:] in _MAILBOX_UNKNOWN
    ):
        # A 4xx about an unknown mailbox that was tried to the end.
        return replace(verdict, kind=ReplyKind.HARD)
    if (
        verdict.kind is ReplyKind.HARD
        and verdict.reason is Reason.UNKNOWN_MAILBOX
        and code is not None
        and status[2:] not in _MAILBOX_UNKNOWN
        and phase != "rcpt"
        and _MERELY_UNKNOWN.match(_reply_in(words)[2])
    ):
        # Said after RCPT, it comes from a filter: the mailbox was accepted. Many Japanese servers do so.
        return ReplyVerdict(
            about=About.RECIPIENT, kind=ReplyKind.SOFT, reason=Reason.REFUSED_BY_RECIPIENT, certain=False
        )
    return verdict


def _reply_in(words: str) -> tuple[int | None, str, str]:
    """Code, enhanced code and text of the reply that the words quote; the whole text when they quote none."""
    found = _REPLY.search(words)
    if found is None:
        behind = _SAID_BEHIND.search(words)
        enhanced = _STATUS.search(words)
        status = enhanced[1] if enhanced and enhanced[1][0] != "2" else ""
        text = words.replace(status, " ", 1) if status else words
        return (int(behind[1]) if behind else None), status, text.strip()
    status = found[2] or ""
    if not status:
        enhanced = _STATUS.search(words, found.end())
        status = enhanced[1] if enhanced and enhanced[1][0] == found[1][0] else ""
    if not status:
        again = _REPLY.search(words, found.end())  # "550 550 5.1.1 user unknown", or a later line
        status = (again[2] or "") if again else ""
    # Codes of further lines are not words.
    text = re.sub(rf"(?<!\S){found[1]}[ -](?:[45]\.\d+\.\d+ )?", "", words[found.end() :])
    return int(found[1]), status, text.strip()


def _better(given: str, said: str) -> str:
    """The status that says more: a mere 5.0.0 says nothing."""
    if said and (not given or given.endswith(".0.0") or (given[2] == "0" and said[2] != "0")):
        return said
    return given


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)
