"""Lists wordings that a single server uses, where general words would mislead. They are asked first."""

from __future__ import annotations

from newsletter.core.mail.reply_rule import (
    BEFORE_RECIPIENT,
    ReplyRule,
    about_content,
    about_server,
    about_us,
    hard,
    soft,
)
from newsletter.core.mail.reply_verdict import Reason

_MICROSOFT = (
    # Exchange: the message is too large for this mailbox or organisation. It is our message all the same.
    ReplyRule(words=(r"RESOLVER\.RST\.\w*Size",), verdict=about_content(Reason.TOO_LARGE)),
    # Exchange: a mailbox or group that takes messages of signed-in colleagues only. No login of ours helps.
    ReplyRule(
        words=(
            r"RESOLVER\.RST\.",
            r"not authenticated for (?:group|mailbox)",
            r"sender (?:was |is )?not (?:authenticated|in allowed)",
        ),
        verdict=soft(Reason.REFUSED_BY_RECIPIENT),
    ),
    ReplyRule(detail=r"7\.1(?:2[3-9]|3[0-6])", verdict=soft(Reason.REFUSED_BY_RECIPIENT)),
    # Exchange Online: the message that we hand in looks like spam.
    ReplyRule(words=(r"OutboundSpam",), verdict=about_content(Reason.SPAM)),
    # Exchange Online at its edge: the directory has no such mailbox.
    ReplyRule(
        words=(r"recipient address(?:es)? rejected ?: access denied",),
        detail=r"4\.1|7\.504",
        verdict=hard(Reason.UNKNOWN_MAILBOX),
    ),
    ReplyRule(words=(r"RESOLVER\.ADR\.\w*NotF(?:ou)?nd",), verdict=hard(Reason.UNKNOWN_MAILBOX)),
    # Exchange Online: this recipient gets too much, from us alone or from everybody.
    ReplyRule(words=(r"recipient thread limit", r"STOREDRV\.Deliver;"), verdict=soft(Reason.RECIPIENT_RATE)),
    ReplyRule(detail=r"2\.12[12]", verdict=soft(Reason.RECIPIENT_RATE)),
    # Exchange Online: a recipient, or its organisation, is closed to us.
    ReplyRule(detail=r"7\.50[57]", code="5", verdict=soft(Reason.REFUSED_BY_RECIPIENT)),
    # Exchange Online: 4.7.500 to 4.7.899 slow our IP address down, whatever they say ("Server busy").
    ReplyRule(words=(r"agent busy",), detail=r"7\.7\d\d", code="4", verdict=about_server(Reason.BUSY)),
    ReplyRule(detail=r"7\.[5-8]\d\d", code="4", verdict=about_us(Reason.REPUTATION)),
    # Outlook.com: -001 and -002 of RP, SC and DY are about our address, OU-002 and SC-004 about the content.
    ReplyRule(words=(r"\b(?:OU-002|SC-004)\b",), verdict=about_content(Reason.SPAM)),
    ReplyRule(words=(r"\b(?:RP|SC|DY|OU|CO)-?00\d\b",), verdict=about_us(Reason.REPUTATION)),
)

_GOOGLE = (
    # Gmail names the help page.
    ReplyRule(words=(r"\bNoSuchUser\b",), verdict=hard(Reason.UNKNOWN_MAILBOX)),
    ReplyRule(words=(r"\bReceivingRate(?:Perm)?\b",), verdict=soft(Reason.RECIPIENT_RATE)),
    ReplyRule(words=(r"\bDisabledUser\b",), verdict=soft(Reason.DISABLED)),
    ReplyRule(words=(r"\bOverQuota(?:Temp|Perm)?\b",), verdict=soft(Reason.FULL)),
    # "Suspicious" of the content, not of the address.
    ReplyRule(words=(r"nature of the content|links within",), verdict=about_content(Reason.SPAM)),
)

_OTHERS = (
    # Yahoo: "delivery error: dd" opens several replies. The words that follow decide.
    ReplyRule(words=(r"doesn'?t have an? [\w.]+ account",), verdict=hard(Reason.UNKNOWN_MAILBOX)),
    ReplyRule(words=(r"deferred - 4\.16\.5",), verdict=about_us(Reason.REPUTATION)),
    ReplyRule(words=(r"\[PH\d\d\]",), verdict=about_content(Reason.VIRUS)),
    # Facebook.
    ReplyRule(words=(r"RCP-P1\b",), verdict=hard(Reason.UNKNOWN_MAILBOX)),
    ReplyRule(
        words=(r"RCP-P[2-9]\b", r"due to recipient preferences"), verdict=soft(Reason.REFUSED_BY_RECIPIENT)
    ),
    ReplyRule(words=(r"\(POL-P\d\)",), verdict=about_us(Reason.POLICY)),
    # Postfix verifies an address before it takes mail for it.
    ReplyRule(
        words=(r"unverified address|address verification in progress",),
        verdict=soft(Reason.UNCLEAR, certain=False),
    ),
    # IONOS: our own limit on sending. Exchange Online: the queue of the organisation behind it.
    ReplyRule(words=(r"failure sending mail",), verdict=about_us(Reason.QUOTA)),
    ReplyRule(words=(r"organi[sz]ation queue quota",), verdict=about_server(Reason.BUSY)),
    # 163.com and 126.com: the letters before the colon say what was looked at.
    ReplyRule(words=(r"\bDT:S\w\w\b",), verdict=about_content(Reason.SPAM)),
    ReplyRule(words=(r"\b(?:HL|IP|RP|MI|CON):\w{3}\b",), verdict=about_us(Reason.REPUTATION)),
    # AOL: HVU is a link in the message.
    ReplyRule(words=(r"\bHVU:\w+",), verdict=about_content(Reason.SPAM)),
    # Amazon SES: the recipient bounced or complained before.
    ReplyRule(words=(r"message rejected: address black-?listed",), verdict=soft(Reason.DISABLED)),
    # T-Online.
    ReplyRule(words=(r"\ba problem occurred",), verdict=about_us(Reason.REPUTATION)),
    # Coremail. "Local user only" is a mailbox that takes mail of its own domain.
    ReplyRule(words=(r"not taken: local user only",), verdict=soft(Reason.REFUSED_BY_RECIPIENT)),
    ReplyRule(words=(r"\buser hangup\b",), verdict=soft(Reason.DISABLED)),
    # QQ and Yandex: a block on the mailbox, in words about access and policy.
    ReplyRule(
        words=(r"mailbox unavailable or access den", r"policy rejection on the target address"),
        verdict=soft(Reason.REFUSED_BY_RECIPIENT),
    ),
    # Cox, Charter: the number tells content from address.
    ReplyRule(words=(r"\bURL-?BL\d+",), verdict=about_content(Reason.SPAM)),
    ReplyRule(
        words=(r"\b(?:CX|CDR)(?:BL|DNS|SNDR|CNCT|MXRT|THRT|MJ)\b",),
        verdict=about_us(Reason.REPUTATION),
    ),
    ReplyRule(words=(r"\bAUP#",), phases=BEFORE_RECIPIENT, verdict=about_us(Reason.REPUTATION)),
    # Orange: 506 is their content filter.
    ReplyRule(words=(r"OFR_?506|\[506\]",), verdict=about_content(Reason.SPAM)),
    # Said by ourselves where a server offers no SMTPUTF8 (RFC 6531) and the recipient's address needs it.
    ReplyRule(words=(r"takes no non-ascii addresses",), verdict=soft(Reason.INVALID_ADDRESS)),
    # qmail: a message with bare line feeds.
    ReplyRule(words=(r"docs/smtplf",), verdict=about_content(Reason.MALFORMED)),
    # Barracuda quotes the reply of the server behind it.
    ReplyRule(words=(r"for one or more recipients \(\S+:blocked\)",), verdict=about_us(Reason.POLICY)),
)

ONE_SERVER = (*_MICROSOFT, *_GOOGLE, *_OTHERS)
