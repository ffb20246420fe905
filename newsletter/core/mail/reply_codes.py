"""Enhanced and bare reply codes, and what each means where the text says nothing known.

The first rule that fits decides.
"""

from __future__ import annotations

from newsletter.core.mail.reply_rule import (
    BEFORE_RECIPIENT,
    RECIPIENT_PHASES,
    WITH_MESSAGE,
    ReplyRule,
    about_content,
    about_server,
    about_us,
    hard,
    soft,
)
from newsletter.core.mail.reply_verdict import Reason

# RFC 3463 and the IANA registry of enhanced codes; what a provider means otherwise is said beside it.
_ENHANCED_CODES = (
    ReplyRule(detail=r"4\.5", code="5", verdict=about_us(Reason.QUOTA)),  # Google: daily sending quota
    ReplyRule(detail=r"1\.90|2\.12|7\.23[0-9]", verdict=about_us(Reason.QUOTA)),  # Exchange: recipients a day
    ReplyRule(
        detail=r"1\.[78]|7\.60|7\.68", verdict=about_us(Reason.SENDER)
    ),  # sender's mailbox or system; Exchange
    ReplyRule(
        detail=r"7\.(?:8|9|1[0-4]|5[47]|64|139)", without=(r"policy|message",), verdict=about_us(Reason.LOGIN)
    ),  # RFC 4954; Exchange
    ReplyRule(
        detail=r"7\.(?:50[0-9]|51[0-9]|6[0-4][0-9]|70[0-9]|750)", verdict=about_us(Reason.REPUTATION)
    ),  # Exchange
    ReplyRule(detail=r"1\.(?:1|10)", code="5", verdict=hard(Reason.UNKNOWN_MAILBOX)),
    ReplyRule(detail=r"1\.2|4\.4", code="5", verdict=hard(Reason.UNKNOWN_DOMAIN)),
    ReplyRule(detail=r"1\.3", code="5", verdict=hard(Reason.INVALID_ADDRESS)),
    ReplyRule(detail=r"1\.6", code="5", verdict=hard(Reason.MOVED)),
    # A rule of the server, not of the mailbox, whatever the code says.
    ReplyRule(
        words=(r"polic(?:y|ies)|naruszenie",),
        detail=r"1\.[0-9]+",
        code="5",
        verdict=about_us(Reason.POLICY, certain=False),
    ),
    ReplyRule(detail=r"1\.[0-9]+", verdict=soft(Reason.UNCLEAR)),
    ReplyRule(detail=r"2\.1", verdict=soft(Reason.DISABLED)),
    ReplyRule(detail=r"2\.2", verdict=soft(Reason.FULL)),
    ReplyRule(detail=r"2\.3|3\.4", verdict=about_content(Reason.TOO_LARGE)),
    ReplyRule(detail=r"6\.[0-9]+", verdict=about_content(Reason.MALFORMED)),
    ReplyRule(detail=r"4\.6", verdict=about_server(Reason.LOOP)),
    # A first 4.7.x is greylisting more often than anything else, whatever it says.
    ReplyRule(
        detail=r"7\.[0-9]+",
        code="4",
        phases=frozenset({"rcpt", "data", "dot", ""}),
        verdict=about_server(Reason.GREYLISTED, certain=False),
    ),
    ReplyRule(detail=r"7\.[0-9]+", code="4", verdict=about_us(Reason.POLICY, certain=False)),
)

_BARE_CODES = (
    # Before a recipient is named, a refusal cannot be about one.
    ReplyRule(
        words=(r"polic|denied|refused|rejected|blocked|prohibited|violat",),
        phases=BEFORE_RECIPIENT,
        verdict=about_us(Reason.POLICY),
    ),
    ReplyRule(
        code="421", verdict=about_server(Reason.BUSY)
    ),  # RFC 5321 3.8: the server closes or is overloaded
    ReplyRule(phases=frozenset({"auth"}), verdict=about_us(Reason.LOGIN)),
    ReplyRule(phases=frozenset({"mail"}), code="5", verdict=about_us(Reason.SENDER, certain=False)),
    ReplyRule(phases=BEFORE_RECIPIENT, code="5", verdict=about_us(Reason.POLICY, certain=False)),
    ReplyRule(detail=r"[34]\.[0-9]+", code="4", verdict=about_server(Reason.BUSY)),
    ReplyRule(detail=r"[12]\.[0-9]+", code="4", verdict=soft(Reason.UNCLEAR, certain=False)),
    ReplyRule(code="4", verdict=about_server(Reason.BUSY, certain=False)),
    ReplyRule(code="53", verdict=about_us(Reason.LOGIN)),  # RFC 4954: 530, 534, 535, 538
    ReplyRule(code="556", verdict=hard(Reason.UNKNOWN_DOMAIN)),  # RFC 7504: the domain takes no mail
    ReplyRule(code="551", verdict=hard(Reason.MOVED)),  # RFC 5321 3.4: user not local
    ReplyRule(code="552", phases=RECIPIENT_PHASES, verdict=soft(Reason.FULL, certain=False)),
    ReplyRule(code="552", verdict=about_content(Reason.TOO_LARGE, certain=False)),
    ReplyRule(
        words=(r"policy|spam|authori[sz]|administrat|security|prohibit|violat|access denied|local rule",),
        code="5",
        verdict=about_us(Reason.POLICY, certain=False),
    ),
    # 5.7.1 of one recipient alone is that recipient's choice; of all of them it is about us.
    ReplyRule(
        detail=r"7\.[0-9]+", code="5", phases=RECIPIENT_PHASES, verdict=about_us(Reason.POLICY, certain=False)
    ),
    ReplyRule(detail=r"7\.[0-9]+", code="5", verdict=about_content(Reason.POLICY, certain=False)),
    ReplyRule(code="50", verdict=about_server(Reason.PROTOCOL)),
    ReplyRule(phases=WITH_MESSAGE, code="5", verdict=about_content(Reason.UNCLEAR, certain=False)),
    ReplyRule(code="5", verdict=soft(Reason.UNCLEAR, certain=False)),
)

CODES = (*_ENHANCED_CODES, *_BARE_CODES)
