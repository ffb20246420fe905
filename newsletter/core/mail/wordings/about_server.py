"""Lists wordings about the server itself: greylisting, a loop, its own trouble, the protocol."""
# ruff: noqa: E501 - a pattern is read as a whole

from __future__ import annotations

from newsletter.core.mail.reply_rule import AFTER_SENDER, ReplyRule, about_server
from newsletter.core.mail.reply_verdict import Reason

_TROUBLE = (
    r"try (?:again )?later|again later|essayer plus tard|sp[aä]ter (?:erneut|noch|wieder)|m[aá]s tarde|pi[uù] tardi|mais tarde|позже|稍后|temporary (?:system |lookup )?(?:problem|failure|error|local)|temporarily (?:unavailable|rejected|busy|not available)|server (?:is )?busy|internal (?:server )?error",
    r"(?:service|resources?) (?:is |are )?(?:currently |temporarily )*(?:unavailable|not available)|insufficient system|out of (?:memory|disk)|lookup (?:\w+ )?fail\w*|temporarily failed|queue (?:is )?full|message expired|delivery time expired|shutting down|service refus|(?:esmtp|server|system|host) (?:is )?not accepting",
)

PLAIN_TROUBLE = (
    # Whoever says greylisting means it, even if "spam" or a block list is the reason why.
    ReplyRule(
        words=(
            r"gr[ea]y[- ]?list|postgrey|gr[ea]y\.rbl|liste grise|graulist|lista gr[ií][gs]|szar\w+ li[sś]|сер(?:ый|ом|ого) спис|灰名单|グレイリスト",
        ),
        code="4",
        verdict=about_server(Reason.GREYLISTED),
    ),
    # Its own configuration or software, whatever the code.
    ReplyRule(
        words=(
            r"(?:system|local|server|mailer) config\w* (?:error|problem)|internal (?:server |system )?error|software error|misconfigured",
        ),
        verdict=about_server(Reason.BUSY),
    ),
    # RFC 7504: the host takes no mail at all. Its recipients may have another one.
    ReplyRule(
        words=(r"not accept",), code="521", phases=AFTER_SENDER, verdict=about_server(Reason.UNREACHABLE)
    ),
    # Exim could not ask the server behind it.
    ReplyRule(words=(r"could not complete recipient verify",), verdict=about_server(Reason.BUSY)),
    # A loop behind the server: no second try helps, and nobody is to blame.
    ReplyRule(
        words=(
            r"too many hops|too many recursive|hop count|exceeded \d+ hops|mail(?:er)? loop|routing loop|loops? back|loop (?:was )?(?:detected|found)|mail loop",
        ),
        verdict=about_server(Reason.LOOP),
    ),
)

BUSY_OR_PROTOCOL = (
    ReplyRule(
        words=(
            r"try again in \d|please (?:retry|come back)|retry (?:in|later|after)|first (?:time|contact)|early retry|too early|\d+ (?:more )?(?:seconds?|minutes?)",
        ),
        code="4",
        phases=AFTER_SENDER,
        verdict=about_server(Reason.GREYLISTED),
    ),
    ReplyRule(words=_TROUBLE, code="4", verdict=about_server(Reason.BUSY)),
    # A 5xx before a recipient is named is for us to mend, whatever it says.
    ReplyRule(words=_TROUBLE, phases=AFTER_SENDER, verdict=about_server(Reason.BUSY)),
    # Exchange gave up after trying for long: the server behind it did not answer.
    ReplyRule(words=(r"(?:message|queue|delivery time) expired",), verdict=about_server(Reason.UNREACHABLE)),
    ReplyRule(
        words=(
            r"bad sequence|out of sequence|sequence of commands|command (?:not (?:recogni[sz]ed|implemented)|unrecogni[sz]ed|unknown)|unrecogni[sz]ed command|syntax error|unexpected command|protocol (?:violation|error)|unknown command",
        ),
        verdict=about_server(Reason.PROTOCOL),
    ),
)
