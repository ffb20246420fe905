"""Known wordings of mail servers, and what each means: the part of the reply table that reads the text.

The order is the order of trust: words that only one server uses, words about us, about the message, about the
mailbox, about the server. To add a wording: put it into the rule with its meaning, and the whole reply into
tests/core/mail/provider_replies.jsonl.
"""
# ruff: noqa: E501 - a pattern is read as a whole

from __future__ import annotations

from newsletter.core.mail.reply_rule import (
    WITH_MESSAGE,
    ReplyRule,
    about_content,
    about_server,
    about_us,
    hard,
    soft,
)
from newsletter.core.mail.reply_verdict import Reason

_MAILBOX = (
    r"(?:user|mailbox|mail ?box|recipient|account|address|inbox|addressee|alias|local part|"
    r"e-?mail(?: account| address)?)"
)
_SENDER = (
    r"(?:sender|from address|'?from'? (?:address|header)|mail from|envelope[- ]from|return[- ]path|"
    r"header address)"
)
_TIME = r"(?:second|minute|hour|day|week|month)"
_NOT_ALLOWED = r"not (?:\w+ )?(?:allowed|authori[sz]ed|permitted|owned|accepted|valid|exist|found|match)"

_ONE_SERVER = (
    # Exchange: a mailbox or group that takes messages of signed-in colleagues only. No login of ours helps.
    ReplyRule(
        words=(
            r"RESOLVER\.RST\.",
            r"not authenticated for (?:group|mailbox)",
            r"sender not (?:authenticated|in allowed)",
        ),
        verdict=soft(Reason.REFUSED_BY_RECIPIENT),
    ),
    ReplyRule(detail=r"7\.1(?:2[3-9]|3[0-6])", verdict=soft(Reason.REFUSED_BY_RECIPIENT)),
    # Exchange Online at its edge: 5.4.1 means that the directory has no such mailbox.
    ReplyRule(
        words=(r"recipient address rejected: access denied",),
        detail=r"4\.1",
        verdict=hard(Reason.UNKNOWN_MAILBOX),
    ),
    ReplyRule(words=(r"RESOLVER\.ADR\.\w*NotFound",), verdict=hard(Reason.UNKNOWN_MAILBOX)),
    # Yahoo: "delivery error: dd" opens several replies. The words that follow decide.
    ReplyRule(words=(r"doesn'?t have an? [\w.]+ account",), verdict=hard(Reason.UNKNOWN_MAILBOX)),
    # Gmail names the help page.
    ReplyRule(words=(r"\bNoSuchUser\b",), verdict=hard(Reason.UNKNOWN_MAILBOX)),
    ReplyRule(words=(r"\bDisabledUser\b",), verdict=soft(Reason.DISABLED)),
    ReplyRule(words=(r"\bOverQuota(?:Temp|Perm)?\b",), verdict=soft(Reason.FULL)),
    # Facebook.
    ReplyRule(words=(r"RCP-P1\b",), verdict=hard(Reason.UNKNOWN_MAILBOX)),
    ReplyRule(
        words=(r"RCP-P[2-9]\b", r"due to recipient preferences"), verdict=soft(Reason.REFUSED_BY_RECIPIENT)
    ),
    # Postfix verifies an address before it takes mail for it.
    ReplyRule(
        words=(r"unverified address|address verification in progress",),
        verdict=soft(Reason.UNCLEAR, certain=False),
    ),
    # The recipient's own rate; a quota of ours names no recipient.
    ReplyRule(
        words=(
            r"recipient has exceeded|recipient thread limit|recipient'?s? (?:\w+ ){0,3}rate limit|messages to \S+ deferred",
        ),
        verdict=soft(Reason.RECIPIENT_RATE),
    ),
    # 163.com and 126.com: the letters before the colon say what was looked at.
    ReplyRule(words=(r"\bDT:S\w\w\b",), verdict=about_content(Reason.SPAM)),
    ReplyRule(words=(r"\b(?:HL|IP|RP|MI|CON):\w{3}\b",), verdict=about_us(Reason.REPUTATION)),
    # Gmail: "suspicious" of the content, not of the address.
    ReplyRule(words=(r"nature of the content|links within",), verdict=about_content(Reason.SPAM)),
    # Said by ourselves where a server offers no SMTPUTF8 (RFC 6531) and the recipient's address needs it.
    ReplyRule(words=(r"takes no non-ascii addresses",), verdict=soft(Reason.INVALID_ADDRESS)),
    # qmail: a message with bare line feeds.
    ReplyRule(words=(r"docs/smtplf",), verdict=about_content(Reason.MALFORMED)),
    # Barracuda quotes the reply of the server behind it.
    ReplyRule(words=(r"for one or more recipients \(\S+:blocked\)",), verdict=about_us(Reason.POLICY)),
)

_ABOUT_US = (
    # Quota, plan or state of our account at the provider.
    ReplyRule(
        words=(
            r"\bsend(?:ing)? (?:quota|limit|rate)",
            r"exceeded? sending|credits? exceeded|peak smtp relay limit",
            rf"(?:daily|hourly|monthly|24[- ]hour|per[- ]{_TIME}) (?:\w+ ){{0,3}}(?:quota|limit|allowance|maximum)",
            rf"(?:quota|limit)s? (?:\w+ ){{0,4}}(?:per|for|of) (?:the |this |your )?(?:{_TIME}|account|plan)",
            rf"(?:messages?|emails?|mails|recipients?) (?:\w+ ){{0,2}}(?:per|in an?|within an?|this|in one) {_TIME}",
            r"Submission\w*Quota|Quota\w*Submission|submission (?:quota|rate)|SendQuota|message submission",
            r"(?:reached|exceeded|exceeds|over) (?:\w+ ){0,3}(?:daily|hourly|monthly|sending|send|outgoing|outbound|"
            r"external recipient|message|email|mail) (?:\w+ ){0,2}(?:quota|limit|rate|allowance|threshold|count)",
            r"(?:outgoing|outbound|external recipient|tenant|recipient) (?:\w+ ){0,3}(?:limit|threshold) (?:is |has been )?(?:exceeded|reached)",
            r"(?:outgoing|outbound|external recipient|tenant) (?:\w+ ){0,3}(?:quota|rate|threshold)|exceeded (?:the |its |your )?threshold",
            r"(?:sent )?(?:from|by) (?:you|your \w+|this (?:user|account|sender|mailbox)) (?:has|have) exceeded",
            r"too many (?:messages|emails|mails) (?:sent|from|by|for you|today)|throttl(?:ing|ed)",
            r"\bupgrade\b|your (?:current )?(?:plan|subscription|trial)|billing|unpaid|payment|credits?\b|free (?:plan|account)|sandbox",
            r"account (?:\S+ )?(?:is |has been |was )?(?:currently |temporarily )?(?:disabled|suspended|blocked|deactivated|paused|restricted) (?:from|for|due|by)\b",
            r"(?:domain|sender|server) \S+ (?:is|has been) (?:disabled|suspended|blocked|deactivated)|outgoing blocked|suspended for this account",
            r"(?:sending|outgoing (?:mail|email)|outbound) (?:\w+ ){0,4}(?:paused|disabled|suspended|blocked|not (?:yet )?(?:enabled|activated|allowed|permitted))",
            r"pending approval|not (?:been )?approved|unusual sending activity|probation|(?:account|domain) (?:is )?on hold|under review",
            r"maximum (?:number of )?(?:messages|emails|credits)|spam abuse detected|compromised",
        ),
        without=(
            rf"(?:the |this )?{_MAILBOX} (?:\S+ )?(?:is |has )?(?:over|exceeded its|out of)",
            r"you are trying to (?:contact|reach)|mailbox (?:is )?full|storage|recipient'?s? (?:mailbox|inbox)",
            r"[A-Z]+\.Deliver\.Exception|concurrent",
        ),
        verdict=about_us(Reason.QUOTA),
    ),
    # Our sender address, or whom the login may send as.
    ReplyRule(
        words=(
            r"(?:address(?:es)?|identit(?:y|ies)|domain|sender|from|signature)\b[^.;]{0,80}\b(?:not|isn'?t|un|never) ?(?:been )?"
            r"(?:verified|confirmed|validated|registered|configured|a (?:verified )?sender (?:signature|identity))",
            r"(?:not|isn'?t) a (?:verified )?sender (?:signature|identity)|verified sender identity|sender signature|unconfigured sending",
            r"(?:unverified|unconfirmed|unregistered|unauthori[sz]ed|invalid|forged|illegal|bad|unknown|missing|null) (?:\w+ )?(?:sender|from address|envelope from|mail from)",
            rf"{_SENDER}[^.;]{{0,90}}\b(?:rejected|refused|denied|{_NOT_ALLOWED}|"
            r"does ?n[o']t (?:match|exist|belong|resolve)|is invalid|must|mismatch|unresolvable|unroutable|blocked|blacklisted|banned|verif\w+ fail|could not be verified)",
            r"sender verif\w+|not owned by|SendAsDenied|SendOnBehalf|send as (?:this|that|the) (?:sender|user|address)|permissions? to send",
            r"(?:not|n't) (?:\w+ ){0,2}(?:allowed|authori[sz]ed|permitted) to (?:send|use|relay)\b",
            r"relaying disallowed as|domain of sender|sender'?s? domain|sending domain \S+ (?:is )?(?:not|un|does not exist)|domain (?:is )?not (?:allowed|authori[sz]ed|permitted) to send",
            r"mismatch(?:es|ed)? (?:\w+ )?(?:sender|from)|from (?:address|header)(?: \S+)? (?:is|must|does)",
        ),
        without=(
            r"\bDMARC\b|\bSPF\b|\bDKIM\b|your (?:message|mail|email) to|client ip|reverse dns",
            r"recipient'?s (?:\w+ )?(?:policy|rules|preferences)|authentication level|unauthenticated",
        ),
        verdict=about_us(Reason.SENDER),
    ),
    # Our login, or that the server does not relay for us.
    ReplyRule(
        words=(
            r"(?:re)?lay(?:ing)?(?: \w+){0,2} (?:denied|not (?:permitted|allowed)|prohibited|disallowed|refused|forbidden)",
            r"(?:not|n't|no|unable to|cannot|can't|refuse to|denied to) (?:\w+ ){0,2}relay|rcpthosts|\bas a relay\b|not a (?:gateway|relay)|open relay",
            r"relay(?:ing)? (?:access|attempt|of mail)|TenantAttribution|unauthori[sz]ed ip|not authori[sz]ed to perform|unauthenticated (?:senders|commands)",
            r"authenticat\w+ (?:\w+ )?(?:required|failed|failure|unsuccessful|credentials? invalid|needed|first|disabled|mechanism|error)",
            r"(?:must|need to|please|have to) (?:\w+ ){0,3}(?:authenticate|log ?in|sign ?in|STARTTLS|check (?:your )?mail first)",
            r"not authenticated|SmtpClientAuthentication|basic authentication",
            r"(?:username|user name|login|credentials?)(?: \w+){0,3} (?:not accepted|invalid|incorrect|rejected|wrong|failed)",
            r"(?:invalid|incorrect|bad|wrong) (?:\w+ )?(?:login|credentials?|username|user name|password|api ?key|token)",
            r"STARTTLS (?:command )?(?:first|is required)|encryption (?:is )?(?:required|needed)|application[- ]specific password|POP before SMTP|SMTP AUTH|login or password",
        ),
        without=(
            r"SPF|DKIM|DMARC|domain'?s? authentication|authentication (?:information|results|checks?)|recipient'?s (?:mailbox|account)",
        ),
        verdict=about_us(Reason.LOGIN),
    ),
    # SPF, DKIM and DMARC of our domain (RFC 7372, RFC 7489).
    ReplyRule(
        words=(
            r"\bDMARC\b|\bSPF\b|\bDKIM\b|sender policy framework|purported responsible|sender[- ]id\b",
            r"unauthenticated (?:e-?mail|message|sender)|authentication (?:information|results|checks?|level)|(?:sender|e-?mail|domain) authentication",
            r"forged|spoof",
        ),
        verdict=about_us(Reason.AUTHENTICATION),
    ),
    # RFC 7372: 7.20 to 7.24 are DKIM and SPF, 7.25 is the reverse name; 7.26 and above are Gmail's and Microsoft's.
    ReplyRule(detail=r"7\.25", code="5", verdict=about_us(Reason.REPUTATION)),
    ReplyRule(detail=r"7\.(?:2[0-9]|30|509|515)", code="5", verdict=about_us(Reason.AUTHENTICATION)),
    # Reputation of our IP address, host name or domain.
    ReplyRule(
        words=(
            r"spamhaus|spamcop|sorbs|barracuda|\bRBL\b|DNS-?BL|uceprotect|surbl|invaluement|senderscore|proofpoint|cloudmark|abusix|mailspike|psbl|gbudb",
            r"(?:block|black|deny|reject|ban)[- ]?list|blocked using|(?<!not )(?<!un)listed (?:at|in|on|by)\b|delisting|removal from this list",
            r"(?:bad|poor|low|very low|negative|no|insufficient|sender|ip|domain|network) (?:\w+ )?reputation|reputation (?:of|is|score|too)",
            r"(?:\bip\b|host|client|network|address range|connection|sending ip)s?\b[^.;]{0,60}\b(?:blocked|banned|black|denied|rejected|not (?:accepted|allowed|permitted|welcome)|refused|throttled|deferred)",
            r"(?:blocked|banned|denied|rejected|refused|deferred)\b[^.;]{0,40}\b(?:ip|ip address|host|client|network|connection)s?\b",
            r"(?:from|using) your (?:ip|host|server)|traffic not accepted|unusual (?:rate|volume|traffic)|unsolicited mail originating|user complaints|suspicious(?: activity| traffic|ly)?|excessive (?:volume|complaints|unknown)",
            r"\[(?:TSS?\d+|BL\d+|RL\d+|GL\d+|AXB\d+|S\d{4}|RP-\d+|DYN\d*|HVU:\w+|RBL[\w:]*|RTR[\w:]*|CON[\w:]*|DNS[\w:]*|SNDR[\w:]*|IPBL\d+|OU-\d+|SC-\d+|DY-\d+)\]",
            r"\((?:(?:RP|SC|DY|OU|CO)-?\d{3,}|S\d{3,4})\)|\bJunkMail\b|^ip=",
            r"reverse ?dns|\brdns\b|\bPTR\b|reverse (?:hostname|lookup|name|ip)|no valid (?:ptr|rdns)|mismatches client ip|without a valid sender domain",
            r"\b(?:helo|ehlo)\b(?: \S+){0,4} (?:rejected|invalid|refused|not|must|required|command)|helo (?:name|hostname)|fully[- ]qualified (?:host|domain)",
            r"dynamic(?:ally)?[- ](?:ip|assigned|allocated)|residential|dial-?up|open proxy|cannot find your (?:hostname|reverse)|may not be mail exchanger",
            r"nemesis esmtp service not available|no smtp service|access denied, (?:banned|bad)|frequency limited",
        ),
        without=(
            rf"{_MAILBOX} (?:has been |is |was )?(?:disabled|suspended|deactivated|unknown|full)",
            r"blocked because its content|recipient has blocked",
        ),
        verdict=about_us(Reason.REPUTATION),
    ),
)

_ABOUT_THE_MESSAGE = (
    ReplyRule(
        words=(
            r"virus|malware|infected|trojan|worm\b|phish",
            r"attachment|executable|potential security issue",
        ),
        verdict=about_content(Reason.VIRUS),
    ),
    ReplyRule(
        words=(
            r"(?:message|mail|e-?mail|header|data|content) (?:\w+ ){0,3}(?:too (?:large|big|long)|exceeds?)",
            r"size (?:exceeds|limit|too large|larger)|maximum (?:message )?size|too large",
        ),
        without=(r"mailbox|quota|storage|\brate\b",),
        verdict=about_content(Reason.TOO_LARGE),
    ),
    ReplyRule(
        words=(
            r"\bspam\b|spammy|\bjunk\b|unsolicited|\bUCE\b|\bUBE\b|bulk (?:e-?)?mail|spamassassin|rspamd|SpamProb|SpamSignature|scored as|bayes",
            r"(?:message|mail|content|e-?mail|subject|body|url|link|uri)s? (?:\w+ ){0,5}(?:rejected|blocked|refused|denied|not (?:accepted|allowed)|classified|identified|detected|"
            r"filtered|contains|prohibited|violat\w+|looks like|considered|suspected|deemed)",
            r"(?:prohibited|objectionable|banned|forbidden|suspicious) (?:content|words?|url|link|text)|content (?:filter|reject|denied|policy|restriction)|\bURIBL\b",
        ),
        without=(
            rf"{_MAILBOX} (?:does|is|has|was|not|unknown|address)",
            r"policy|server temporarily|recipient address rejected|rejected: user",
        ),
        verdict=about_content(Reason.SPAM),
    ),
    ReplyRule(
        words=(
            r"RFC ?-?\d{3,4}|bare (?:LF|CR)|line (?:is )?too long|malformed|\bMIME\b|8-?bit|non-?ascii|missing (?:\w+ )?header|"
            r"(?:missing|duplicate|multiple|invalid|no|several) '?(?:from|to|date|message-id|subject|sender|reply-to)\b'?(?: header)?|addresses in from|header (?:error|syntax|field)|non-?compliant|not compliant|SMTPUTF8",
        ),
        without=(rf"{_MAILBOX} (?:unknown|not|does)", r"null MX|rfc7505|name server"),
        phases=WITH_MESSAGE | {"", "mail"},
        verdict=about_content(Reason.MALFORMED),
    ),
)

_ABOUT_THE_RECIPIENT = (
    ReplyRule(
        words=(
            r"(?:over|exceed\w*|out of|above|beyond) (?:\w+ ){0,3}(?:quota|storage|space|disk)",
            r"(?:quota|storage|space|disk)(?: \w+){0,2} (?:exceed\w*|full|exhausted|reached)|disk quota|quota violation|not enough (?:disk )?space|QuotaExceeded",
            rf"{_MAILBOX}(?: \S+)? (?:is |are |was )?(?:currently |almost )?(?:over ?quota|full|too full)|mailfolder is full|box is full|bo[iî]te (?:\S+ )?pleine|postfach ist voll",
            r"mailbox size|mailbox has exceeded|recipient storage|user is over",
        ),
        without=(r"insufficient system|write error",),
        verdict=soft(Reason.FULL),
    ),
    ReplyRule(
        words=(
            rf"{_MAILBOX}(?: \S+){{0,4}} (?:is|has been|was|are|not|currently)(?: \w+){{0,2}} (?:disabled|suspended|deactivated|inactive|locked|blocked|terminated|cancell?ed|closed|"
            r"discontinued|frozen|expired|active|in use|on hold)",
            rf"(?:disabled|suspended|deactivated|inactive|blocked|locked|closed|expired|discontinued|terminated|dormant) (?:\w+ )?{_MAILBOX}",
            r"account (?:is )?(?:disabled|inactive|suspended|expired|closed)|has been (?:disabled|suspended|deactivated)|marked as inactive",
            r"administratively disabled|disabled or discontinued|no longer (?:active|accept\w*|in use|monitored)|temporarily (?:disabled|inactive|locked)|user (?:disabled|suspended)",
        ),
        without=(r"does(?: not|n'?t) exist|not (?:a )?known|unknown|no such",),
        verdict=soft(Reason.DISABLED),
    ),
    ReplyRule(
        words=(
            r"(?:has|have) moved|moved to|forwarding address|not our customer|left the company|changed (?:\w+ )?(?:e-?mail )?address",
            r"no longer (?:on (?:this )?server|at|with|here|works?|valid|employed|available|exists?)",
        ),
        verdict=hard(Reason.MOVED),
    ),
    ReplyRule(
        words=(
            r"null MX|doesn'?t (?:receive|accept) (?:e-?mail|mail)\b|(?:mail )?domain (?:is )?(?:not (?:hosted|local|valid|handled|configured)|invalid)",
            r"(?:domain|host)(?: name)?(?: \S+)? (?:not found|does(?: not|n'?t) exist|unknown|is unknown|is not reachable|invalid)|no such (?:domain|host)|unknown (?:domain|host)",
            r"NXDOMAIN|name service error|unrouteable|unroutable|bad destination (?:system|host)|illegal host",
        ),
        without=(r"sender|from domain|helo|client host",),
        verdict=hard(Reason.UNKNOWN_DOMAIN),
    ),
    ReplyRule(
        words=(
            r"receiving mail (?:too quickly|at a rate)|recipient(?:'?s)? (?:\w+ ){0,3}(?:rate|thread) limit|(?:recipient|user) is receiving|mailbox busy|too many messages? (?:for|to) this|STOREDRV\.Deliver;",
        ),
        verdict=soft(Reason.RECIPIENT_RATE),
    ),
    ReplyRule(
        words=(
            rf"(?:unknown|invalid|no such|bad|incorrect|non-?existent|unrecogni[sz]ed|undeliverable|illegal|wrong|not a valid|unlisted|no valid|unable to find|cannot find|can'?t find|could not find|no known) (?:\w+ ){{0,3}}{_MAILBOX}s?\b",
            rf"{_MAILBOX}s?\b[^;]{{0,90}}\b(?:unknown|not found|not listed|not known|invalid|undeliverable|unavailable|not available|non-?existent|unrecogni[sz]ed|not recogni[sz]ed|not defined|not exist\w*|has no mailbox|"
            r"(?:do|does|did|dos)(?:n'?t| not)? ?(?:\w+ )?(?:exists?|have|exsist)|not (?:a )?valid|could not be found|cannot be found|was not found|"
            r"not (?:currently )?(?:in|on) (?:\w+ ){0,3}(?:directory|system|server|list|database)|is not (?:a )?(?:known|our|local))",
            rf"no {_MAILBOX}\b(?: (?:here|by|with|found|for|of|under|named|called))|no such (?:person|name|one|local)|there is no (?:one|such|user|mailbox)|nobody (?:by|with|here)|"
            r"user not (?:known|local)|not our user|mailbox not|address not|recipient not|unknown (?:or|recipient)|not (?:a )?(?:valid |known |local )(?:user|recipient|mailbox|address)|does not like recipient|verify (?:recipient|address)|callout|callback verification",
            # The same in other languages.
            r"inconnu|n'existe pas|destinataire invalide|adresse invalide|unbekannt|existiert nicht|empf[aä]nger\w* (?:nicht|unbekannt|abgelehnt)|desconocid|no existe|inexistente|"
            r"sconosciut|non esiste|inesistente|onbekend|bestaat niet|неизвестн|не существует|不存在|存在しません|見つかりません|존재하지|nie istnieje|nieznany|n[aã]o existe",
        ),
        without=(
            r"sender (?:address|domain)|verify (?:your|the) sender|your (?:ip|host|server)|helo|client host|hostname|storage|try (?:again )?later|temporar|mailbox busy",
        ),
        verdict=hard(Reason.UNKNOWN_MAILBOX),
    ),
    ReplyRule(
        words=(r"address rejected|recipient rejected",),
        detail=r"1\.[016]",
        code="5",
        verdict=hard(Reason.UNKNOWN_MAILBOX),
    ),
    ReplyRule(
        words=(
            r"recipient (?:has )?(?:blocked|refuse[sd]|reject(?:s|ed)|declined)|(?:does not|doesn'?t|do not|not) (?:want|wish) (?:to receive )?(?:mail|messages|e-?mails?|your)|not accepting (?:mail|messages|e-?mails?)",
            r"(?:recipient|user|mailbox)(?:'s)? (?:\w+ ){0,3}(?:filter|rules?|preferences|restrict\w*|whitelist|allow-?list|white list)|only accepts? (?:mail|messages)|members only|restricted (?:to|recipient|group|address)",
            r"unsubscribed|(?:recipient )?address rejected|rejected recipient|refused by recipient|delivery error: dd",
        ),
        without=(r"sender|policy|gr[ea]y-?list|try again|spam|temporar|later",),
        verdict=soft(Reason.REFUSED_BY_RECIPIENT),
    ),
)

_ABOUT_THE_SERVER = (
    ReplyRule(
        words=(
            r"gr[ea]y[- ]?list|postgrey|try again in \d|please (?:retry|come back)|retry (?:in|later|after)|first (?:time|contact)",
        ),
        code="4",
        phases=frozenset({"rcpt", "data", "dot", ""}),
        verdict=about_server(Reason.GREYLISTED),
    ),
    ReplyRule(
        words=(
            r"try again later|temporary (?:system )?(?:problem|failure|error|local)|temporarily (?:unavailable|rejected|busy|not available)|server (?:is )?busy|internal (?:server )?error",
            r"(?:service|resources?) (?:is |are )?(?:currently |temporarily )*(?:unavailable|not available)|insufficient system|out of (?:memory|disk)",
        ),
        code="4",
        verdict=about_server(Reason.BUSY),
    ),
    ReplyRule(
        words=(
            r"too many (?:concurrent |simultaneous )?(?:\w+ )?(?:connections|sessions)|connection (?:rate|limit|count)|concurren|too fast|slow down|rate[- ]limit|(?:message|connection) rate|too frequent|too often",
            r"too much mail|too many (?:messages|mails|emails|requests|recipients|errors)|limit exceeded",
        ),
        verdict=about_us(Reason.RATE),
    ),
    ReplyRule(
        words=(
            r"too many hops|too many recursive|configuration error|hop count|mail(?:er)? loop|routing loop|loops? back|loop detected",
        ),
        verdict=about_server(Reason.LOOP),
    ),
    ReplyRule(
        words=(
            r"bad sequence|out of sequence|sequence of commands|command (?:not (?:recogni[sz]ed|implemented)|unrecogni[sz]ed|unknown)|unrecogni[sz]ed command|syntax error|unexpected command|protocol (?:violation|error)|unknown command",
        ),
        verdict=about_server(Reason.PROTOCOL),
    ),
)

WORDINGS = (
    *_ONE_SERVER,
    *_ABOUT_US,
    *_ABOUT_THE_MESSAGE,
    *_ABOUT_THE_RECIPIENT,
    *_ABOUT_THE_SERVER,
)
