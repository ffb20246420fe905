"""One rule of the reply table, and short ways to write its verdict."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from newsletter.core.mail.reply_verdict import About, Reason, ReplyKind, ReplyVerdict

BEFORE_RECIPIENT = frozenset({"connect", "greeting", "ehlo", "starttls", "auth", "mail"})
BEFORE_MESSAGE = BEFORE_RECIPIENT | {"rcpt"}
WITH_MESSAGE = frozenset({"data", "dot"})
RECIPIENT_PHASES = frozenset({"rcpt", ""})
AFTER_SENDER = WITH_MESSAGE | RECIPIENT_PHASES
_MAILBOX_DETAILS = frozenset({"1.1", "1.2", "1.3", "1.6", "1.10", "2.1", "2.2"})  # RFC 3463 3.2, 3.3


@dataclass(frozen=True, kw_only=True)
class ReplyRule:
    """One rule. All that it gives must fit."""

    verdict: ReplyVerdict
    words: tuple[str, ...] = ()  # patterns, one of which the text holds
    without: tuple[str, ...] = ()  # and none of these
    detail: str = ""  # pattern of subject and detail of the enhanced code: "4.5" of 5.4.5
    code: str = ""  # the reply code begins with this
    phases: frozenset[str] = frozenset()  # empty: any
    not_mailbox: bool = False  # not where the enhanced code names the mailbox: it has accounts and quotas too

    @cached_property
    def _words(self) -> re.Pattern[str]:
        return re.compile("|".join(self.words), re.IGNORECASE)

    @cached_property
    def _without(self) -> re.Pattern[str]:
        return re.compile("|".join(self.without), re.IGNORECASE)

    def fits(self, phase: str, code: str, detail: str, text: str) -> bool:
        """Whether the rule is about such a reply."""
        return (
            code.startswith(self.code)
            and (not self.phases or phase in self.phases)
            and not (self.not_mailbox and detail in _MAILBOX_DETAILS and phase not in BEFORE_RECIPIENT)
            and (not self.detail or re.fullmatch(self.detail, detail) is not None)
            and (not self.words or self._words.search(text) is not None)
            and (not self.without or self._without.search(text) is None)
        )


def about_us(reason: Reason, *, certain: bool = True) -> ReplyVerdict:
    return ReplyVerdict(about=About.US, kind=ReplyKind.OURS, reason=reason, certain=certain)


def about_content(reason: Reason, *, certain: bool = True) -> ReplyVerdict:
    return ReplyVerdict(about=About.CONTENT, kind=ReplyKind.OURS, reason=reason, certain=certain)


def about_server(reason: Reason, *, certain: bool = True) -> ReplyVerdict:
    return ReplyVerdict(about=About.SERVER, kind=ReplyKind.SOFT, reason=reason, certain=certain)


def hard(reason: Reason) -> ReplyVerdict:
    return ReplyVerdict(about=About.RECIPIENT, kind=ReplyKind.HARD, reason=reason)


def soft(reason: Reason, *, certain: bool = True) -> ReplyVerdict:
    return ReplyVerdict(about=About.RECIPIENT, kind=ReplyKind.SOFT, reason=reason, certain=certain)


UNREACHABLE = about_server(Reason.UNREACHABLE, certain=False)  # no reply at all
SPAM_OF_OURS = about_us(Reason.REPUTATION)
