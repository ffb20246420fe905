"""Lists wordings about the server itself: greylisting, a loop, its own trouble, the protocol."""
# ruff: noqa: E501 - a pattern is read as a whole

from __future__ import annotations

from newsletter.core.mail.reply_rule import AFTER_SENDER, WITH_MESSAGE, ReplyRule, about_server
from newsletter.core.mail.reply_verdict import Reason

_TROUBLE = (
    r"try (?:again )?later|again later|essayer plus tard|sp[aä]ter (?:erneut|noch|wieder)|m[aá]s tarde|pi[uù] tardi|mais tarde|позже|稍后|temporary (?:system |lookup )?(?:problem|failure|error|local)|temporarily (?:unavailable|rejected|busy|not available)|server (?:is )?busy|internal (?:server )?error",
    r"(?:service|resources?) (?:is |are )?(?:currently |temporarily )*(?:unavailable|not available)|insufficient system|out of (?:memory|disk)|lookup (?:\w+ )?fail\w*|temporarily failed|queue (?:is )?full|message expired|delivery time expired|shutting down|service refus|system error|dot-?lock|command died|can'?t open mailbox|maildir delivery|(?:operation|connection) timed out|error in processing|lost (?:incoming )?connection|(?:esmtp|server|system|host) (?:is )?not accepting|not accepting connections",
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
    # A loop behind the server: no second try helps, and nobody is to blame.
    ReplyRule(
        words=(
            r"too many hops|too many recursive|hop count|exceeded \d+ hops|mail(?:er)? loop|\blooping\b|routing loop|loops? back|loop (?:was )?(?:detected|found)|mail loop",
        ),
        verdict=about_server(Reason.LOOP),
    ),
    # Its own configuration or software, whatever the code.
    ReplyRule(
        words=(
            r"(?:system|local|server|mailer) config\w* (?:error|problem)|internal (?:server |system )?error|software error|can(?:not|'t) create output|(?:server|system|host|mailer) is misconfigured",
        ),
        verdict=about_server(Reason.BUSY),
    ),
    # RFC 7504: the host takes no mail at all. Its recipients may have another one.
    ReplyRule(
        words=(r"not accept",), code="521", phases=AFTER_SENDER, verdict=about_server(Reason.UNREACHABLE)
    ),
    # A server could not ask the one behind it.
    ReplyRule(
        words=(r"(?:could not|unable to|cannot|can't) (?:complete )?(?:verify )?(?:recipient|address|user)",),
        code="4",
        phases=AFTER_SENDER,
        verdict=about_server(Reason.BUSY),
    ),
    # Postfix: all recipients of a pipelined transaction were refused, each with its own reply.
    ReplyRule(words=(r"no valid recipients",), phases=WITH_MESSAGE, verdict=about_server(Reason.PROTOCOL)),
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
