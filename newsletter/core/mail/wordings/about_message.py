"""Lists wordings about the message: a virus, its size, what it says, its format."""
# ruff: noqa: E501 - a pattern is read as a whole

from __future__ import annotations

from newsletter.core.mail.reply_rule import WITH_MESSAGE, ReplyRule, about_content
from newsletter.core.mail.reply_verdict import Reason
from newsletter.core.mail.wordings.general import MAILBOX

_RECIPIENT = r"(?:user|mailbox|recipient|account|address)"  # "this e-mail is …" is about the message

# Block lists of domains that stand in a message's links. Said before the message was seen, they mean our own.
LISTED_LINK = ReplyRule(
    words=(
        r"\b(?:URI-?BL|SURBL|ivmURI)\b|domain present in|\b(?:url|link)s?\b.{0,80}\b(?:listed|block|black|spam|reputation)",
    ),
    phases=WITH_MESSAGE,
    verdict=about_content(Reason.SPAM),
)

ABOUT_MESSAGE = (
    ReplyRule(
        words=(
            r"virus|malware|infected|trojan|worm\b|phish|вирус|病毒",
            r"(?:banned|blocked|forbidden|prohibited|dangerous|illegal|disallowed|unsafe|file|an) attachments?\b|attachments?\b(?:[^.;]|\.\w){0,60}\b(?:not|forbidden|blocked|rejected|prohibited|banned|type|dangerous)|executable|potential security issue|banned file|macros? found",
        ),
        without=(r"scann\w+ (?:error|failed|failure|unavailable|timeout)",),
        verdict=about_content(Reason.VIRUS),
    ),
    ReplyRule(
        words=(
            r"(?:message|mail|e-?mail|header|data|content) (?:\w+ ){0,3}(?:too (?:large|big|long)|exceed\w*)",
            r"size (?:exceed\w*|limit|too large|larger)|maximum (?:message |e-?mail )?size|too large|too big|taille limite|exceeds my databytes|individual header size|zu gro(?:ß|ss)",
        ),
        without=(r"mailbox|quota|storage|\brate\b|box size",),
        not_mailbox=True,
        verdict=about_content(Reason.TOO_LARGE),
    ),
    # Words of a spam filter. "Anti-spam policy" stays one.
    ReplyRule(
        words=(
            r"\bspam\b|spam-?like|spamming|spam-?trap|(?<![/.])ant[iy]-?spam|spammy|\bjunk\b|unsolicited|\bUCE\b|\bUBE\b|bulk (?:e-?)?mail|spamassassin|rspamd|SpamProb|SpamSignature|scored as|bayes|спам|нежелательн|垃圾",
            r"prohibited words|content (?:\w+ )?polic|content examin|content reject|spam (?:pattern|content)s?|MessageScoring|message filtered|(?:e?mail|message) content|recurrent pattern|content filter|\bDCC\b|bogofilter|bulkmail|as bulk|quarantin|html tag|embedded images|words in the message|human verification",
        ),
        without=(
            rf"{_RECIPIENT} (?:does|is|has|was|not|unknown|address)",
            r"server temporarily|recipient address rejected|rejected: user",
        ),
        verdict=about_content(Reason.SPAM),
    ),
    ReplyRule(
        words=(
            r"RFC ?-?\d{3,4}|conversion ?fail|illegal characters|stray (?:CR|LF|line|newline)|bare (?:LF|CR|line)|line (?:is )?too long|line (?:length|limit)|malformed|invalid data|\bMIME\b|8-?bit|non-?ascii|missing (?:\w+ )?header|missing a valid|duplicate header|header is required|required header|"
            r"(?:missing|duplicate|multiple|invalid|no|several) '?(?:from|to|date|message-id|subject|sender|reply-to)\b'?(?: header)?|addresses in from|header (?:error|syntax|field|is too)|headers are not|non-?compliant|not compliant|SMTPUTF8",
        ),
        without=(rf"{MAILBOX} (?:unknown|not|does)", r"null MX|rfc7505|name server"),
        phases=WITH_MESSAGE | {""},
        verdict=about_content(Reason.MALFORMED),
    ),
    ReplyRule(
        words=(
            r"(?:message|mail|content|e-?mail|subject|body|url|link|uri)s? (?:\w+ ){0,5}(?:rejected|blocked|refused|denied|not (?:accepted|allowed)|classified|identified|detected|"
            r"filtered|contains|prohibited|violat\w+|looks like|considered|suspected|deemed)",
            r"(?:prohibited|objectionable|banned|forbidden|suspicious) (?:content|words?|url|link|text)|content (?:reject|denied|policy|restriction)",
        ),
        without=(
            rf"{_RECIPIENT} (?:does|is|has|was|not|unknown|address)",
            r"policy|polic(?:y|ies)|server temporarily|recipient address rejected|rejected: user",
        ),
        verdict=about_content(Reason.SPAM),
    ),
)
