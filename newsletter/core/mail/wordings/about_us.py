"""Lists wordings about us: our plan, sender, login, authentication, IP address and rate.

They befall every recipient alike, so none of them may ever count against a reader.
"""
# ruff: noqa: E501 - a pattern is read as a whole

from __future__ import annotations

from newsletter.core.mail.reply_rule import WITH_MESSAGE, ReplyRule, about_us
from newsletter.core.mail.reply_verdict import Reason
from newsletter.core.mail.wordings.general import MAILBOX, NOT_ALLOWED, PERIOD, SENDER, TIME

_QUOTA = (
    # A quota on sending: only we send, so even "User … has exceeded" and 5.2.2 mean us.
    ReplyRule(
        words=(
            r"\b(?:send(?:ing|er)?|relay(?:ing)?|outgoing|outbound|submission|smtp|tenant|external recipient|recipient rate|mail send)(?:'s)? (?:\w+ ){0,3}(?:quota|limit|rate|allowance|threshold)s?\b",
            r"Submission\w*Quota|Quota\w*Submission|SendQuota|message submission|exceeded? sending|credits? exceeded",
            r"defers and failures|recipient limit exceeded|max(?:imum)? (?:number of )?(?:defers|e-?mails|messages|mails|credits)|allowed to send \d+",
            r"(?:outgoing|outbound) (?:messages|e-?mails?|mails?) (?:was |were |is |has been )?(?:exceeded|reached)|exceeded (?:the |its |your )?threshold|spam abuse detected|unusual (?:sending|outgoing|login) activity|probation|compromised",
            r"\byou(?:'ve| have)? (?:\w+ )?(?:reached|exceeded|used up|run out)|\byour (?:\w+ ){0,4}(?:quota|limit|allowance|credits?)\b",
            r"\byour (?:\S+ ){0,3}(?:account|domain|plan|profile|subscription|organi[sz]ation|server) (?:\S+ )?(?:is|was|has|have|are|needs|must) (?:\w+ ){0,3}(?:not|un\w+|suspended|disabled|blocked|locked|restricted|limited|paused|deactivated|inactive|expired|hold|review|closed|terminated|pending|reached|exceeded|activat\w+|verif\w+|approv\w+)",
            r"too many (?:same|similar|identical)|sent too many (?:messages|e-?mails|mails)|too many (?:messages|e-?mails|mails) (?:sent|from|by|for you|today)|messages from sender in (?:the )?last|throttl(?:ing|ed)",
            # The same in other languages.
            r"limite d'envoi|versandlimit|sendelimit|l[ií]mite de env[ií]o|limite di invio|limit\w* wysy[lł]|превышен\w* (?:лимит|количество)|лимит\w* отправ|发送(?:频率|数量|限制|超)",
            r"(?<!user )(?:account|domain) (?:\S+ )?(?:is |has been |was )?(?:not (?:yet )?(?:activated|approved|enabled)|awaiting (?:activation|approval)|temporarily blocked from sending)",
            r"\b(?:sending|outgoing (?:mail|email)|outbound|smtp) (?:\w+ ){0,4}(?:paused|disabled|denied|suspended|blocked|not (?:yet )?(?:enabled|activated|allowed|permitted))|outgoing blocked|outbounds disabled|suspended for this account",
        ),
        without=(
            r"to this recipient|recipient (?:has )?exceeded|recipient's (?:\w+ ){0,3}limit",
            r"[A-Z]+\.Deliver\.Exception|concurrent|connections?\b|you are trying to (?:contact|reach)",
        ),
        verdict=about_us(Reason.QUOTA),
    ),
    # Security (RFC 3463 3.8) at the message: the account is the one that hands it in.
    ReplyRule(
        words=(
            r"\baccount (?:is |has been |was )?(?:temporarily |currently )?(?:disabled|suspended|locked|blocked)",
        ),
        detail=r"7\.\d+",
        phases=WITH_MESSAGE,
        verdict=about_us(Reason.QUOTA),
    ),
    # Words of a plan or a limit that a mailbox can have as well.
    ReplyRule(
        words=(
            rf"{PERIOD} (?:\w+ ){{0,3}}(?:quota|limit|allowance|maximum)",
            rf"(?:quota|limit)s? (?:\w+ ){{0,4}}(?:per|for|of) (?:the |this |your )?(?:{TIME}|account|plan)",
            rf"(?:messages?|e-?mails?|mails|recipients?) (?:\w+ ){{0,2}}(?:per|in an?|within an?|this|in one) {TIME}",
            r"(?:reached|exceeded|exceeds|over) (?:\w+ ){0,3}(?:daily|hourly|monthly|sending|send|outgoing|outbound|"
            r"external recipient|message|email|mail) (?:\w+ ){0,2}(?:quota|limit|rate|allowance|threshold|count)",
            r"(?:sent )?(?:from|by) (?:you|your \w+|this (?:user|account|sender|mailbox)) (?:has|have) exceeded",
            r"\bupgrade\b|your (?:current )?(?:plan|subscription|trial)|billing|unpaid|payment|credits?\b|free (?:plan|account)|sandbox|(?:demo|test|trial) (?:domain|account|mode)",
            r"account (?:\S+ )?(?:is |has been |was )?(?:currently |temporarily )?(?:disabled|suspended|blocked|deactivated|paused|restricted) (?:from|for|due|by)\b",
            r"(?:domain|sender|server) \S+ (?:is|has been) (?:disabled|suspended|blocked|deactivated)",
            r"pending approval|not (?:been )?approved|(?:account|domain) (?:is )?on hold|under (?:\w+ ){0,2}review",
        ),
        without=(
            rf"(?:the |this )?{MAILBOX} (?:\S+ )?(?:is |has )?(?:over|exceeded its|out of)",
            r"you are trying to (?:contact|reach)|mailbox (?:is )?full|storage|recipient'?s? (?:mailbox|inbox)",
            r"[A-Z]+\.Deliver\.Exception|concurrent|inactivity",
        ),
        not_mailbox=True,
        verdict=about_us(Reason.QUOTA),
    ),
)

_SENDER = (
    # A code of the recipient stands beside the words in some replies. The words say whose address it is.
    ReplyRule(
        words=(
            r"sender (?:address|domain|e-?mail)\b(?:[^.;]|\.\w){0,60}\b(?:rejected|refused|denied|not found|unknown|does not exist|unresolvable)",
        ),
        without=(r"\bDMARC\b|\bSPF\b|\bDKIM\b",),
        verdict=about_us(Reason.SENDER),
    ),
    # Our sender address, or whom the login may send as.
    ReplyRule(
        words=(
            r"(?:address(?:es)?|identit(?:y|ies)|domain|sender|from|signature)\b(?:[^.;]|\.\w){0,80}\b(?:not|isn'?t|un|never) ?(?:been )?"
            r"(?:verified|confirmed|validated|registered|configured|a (?:verified )?sender (?:signature|identity))",
            r"(?:not|isn'?t) a (?:verified )?sender (?:signature|identity)|verified sender identity|sender signature|unconfigured sending|unregistered domains?",
            r"(?:unverified|unconfirmed|unregistered|unauthori[sz]ed|invalid|forged|illegal|bad|unknown|missing|null|unresolvable|bogus|banned) (?:\S+ )?(?:sender|from address|envelope from|mail from|from domain)",
            rf"{SENDER}(?:[^.;]|\.\w){{0,90}}\b(?:rejected|refused|denied|{NOT_ALLOWED}|"
            r"does ?n[o']t (?:match|exist|belong|resolve)|is invalid|must|mismatch|unresolvable|unroutable|blocked|black-?listed|banned|not in my|has no|verif\w+ fail|could not be verified)",
            r"return e-?mail (?:address|domain)|verification failed (?:for|while)|invalid dns mx|dns check fail|forbidden domain|fake sender|must be (?:verified|validated|confirmed)|sender (?:address )?verif\w+|verify mail ?from|sender (?:e-?mail )?is (?:not|rejected|black)|not owned by|SendAsDenied|SendOnBehalf|send(?:ing)? (?:as|from) (?:this|that|the|a different) (?:\w+ )?(?:sender|user|address)|permissions? to send|have permission\b|no permission\b|badmailfrom",
            r"(?:not|n't) (?:\w+ ){0,2}(?:allowed|authori[sz]ed|permitted) to (?:send|use|relay)\b",
            r"relaying disallowed as|bounces? (?:is|are) never|no bounces\b|mail ?from (?:is )?invalid|denies the sender|required for sender|multi-recipient bounce|domain must resolve|domain of sender|sender'?s? domain|sending domain \S+ (?:is )?(?:not|un|does not exist)|domain (?:is )?not (?:allowed|authori[sz]ed|permitted) to send",
            r"mismatch(?:es|ed)? (?:\w+ )?(?:sender|from)|from (?:address|header)(?: \S+)? (?:is|must|does)",
            # The same in other languages.
            r"[eé]metteur invalide|exp[eé]diteur|absender\w*|mittente|remit?ente|отправител|发件人|送信者|差出人|nadawc",
        ),
        without=(
            r"\bDMARC\b|\bSPF\b|\bDKIM\b|your (?:message|mail|email) to|client ip|reverse dns|RFC ?-?[258]?822|RFC ?-?5322",
            r"recipient'?s (?:\w+ )?(?:policy|rules|preferences)|authentication level|unauthenticated",
        ),
        not_mailbox=True,
        verdict=about_us(Reason.SENDER),
    ),
)

_SENDER_CODES = (
    # RFC 3463 3.2: bad syntax and bad system of the sender's address, whatever the words say.
    ReplyRule(detail=r"1\.[78]", verdict=about_us(Reason.SENDER)),
)

_LOGIN = (
    # The server does not relay for us, whatever code it gives.
    ReplyRule(
        words=(
            r"(?:re)?lay(?:ing)?(?: \w+){0,2} (?:denied|not (?:permitted|allowed)|prohibited|disallowed|refused|forbidden)",
            r"(?:not|n't|no|unable to|cannot|can't|refuse to|denied to) (?:\w+ ){0,2}relay|rcpthosts|cannot deliver mail for|\bas a relay\b|not a (?:gateway|relay)|open ?relay|relay (?:is )?(?:check|disabled)|den(?:ies|y) relay|\bdomain (?:is )?not (?:allowed|permitted)(?! to)",
        ),
        without=(r"recipient table|SPF|DKIM|DMARC",),
        verdict=about_us(Reason.LOGIN),
    ),
    # Our login.
    ReplyRule(
        words=(
            r"relay(?:ing)? (?:access|attempt|of mail)|relay(?:ing)? (?:to|for) \S+ (?:is )?(?:denied|prohibited|not)|TenantAttribution|unauthori[sz]ed ip|not authori[sz]ed to perform|unauthenticated (?:senders|commands)",
            r"authenticat\w+ (?:\w+ )?(?:required|failed|failure|unsuccessful|credentials? invalid|needed|first|disabled|mechanism|error)|authentication is required",
            r"(?:must|need to|please|have to) (?:\w+ ){0,3}(?:authenticate|log ?in|sign ?in|STARTTLS|check (?:your )?mail first)|authentification (?:invalide|requise)",
            r"not authenticated|auth failed|allowed with authentication|receive your mail before|must be authenticated|SmtpClientAuthentication|basic authentication|failed to authenticate|login attempts|local users? only|only registered users|turn on smtp auth",
            r"(?:username|user name|login|credentials?)(?: \w+){0,3} (?:not accepted|invalid|incorrect|rejected|wrong|failed)",
            r"(?:invalid|incorrect|bad|wrong) (?:\w+ )?(?:login|credentials?|username|user name|password|api ?key|token)",
            r"STARTTLS (?:command )?(?:first|is required)|(?:encryption|\bTLS\S*) (?:\w+ )?(?:is )?(?:required|needed)|requires (?:encryption|TLS)|application[- ]specific password|POP before SMTP|SMTP AUTH|login or password",
        ),
        without=(
            r"SPF|DKIM|DMARC|domain'?s? authentication|authentication (?:information|results|checks?)|recipient'?s (?:mailbox|account)",
        ),
        not_mailbox=True,
        verdict=about_us(Reason.LOGIN),
    ),
)

_AUTHENTICATION = (
    # SPF, DKIM and DMARC of our domain (RFC 7372, RFC 7489).
    ReplyRule(
        words=(
            r"\bDMARC\b|\bSPF\b|\bDKIM\b|sender policy framework|purported responsible|sender[- ]id\b",
            r"unauthenticated (?:e-?mail|mail|message|sender)|authentication (?:information|results|checks?|level)|(?:sender|e-?mail|domain) authentication",
            r"forged (?:sender|from|address|e-?mail|mail)|spoof|impersonat",
        ),
        without=(r"duplicate header",),
        verdict=about_us(Reason.AUTHENTICATION),
    ),
    # RFC 7372: 7.20 to 7.24 are DKIM and SPF, 7.25 is the reverse name; 7.28 is Gmail's rate; RFC 7505: 7.27 is a sender without MX.
    # 7.26 and above are Gmail's and Microsoft's as well.
    ReplyRule(detail=r"7\.2[58]", verdict=about_us(Reason.REPUTATION)),
    ReplyRule(detail=r"7\.(?:2[0-9]|3[0-2]|40|509|515)", verdict=about_us(Reason.AUTHENTICATION)),
)

_REPUTATION = (
    # Reputation of our IP address, host name or domain.
    ReplyRule(
        words=(
            r"spamhaus|spamcop|sorbs|barracuda|\bRBL\b|DNS-?BL|uceprotect|surbl|invaluement|senderscore|proofpoint|cloudmark|abusix|mailspike|psbl|gbudb|hostkarma|spamrl|truncate",
            r"(?:block|black|deny|reject|ban)[- ]?list|blocked using (?!spam)|blocked (?:by|at|on) [\w-]+\.[\w.-]+|(?<!not )(?<!un)listed (?:at|in|on|by)\b|delisting|removal from this list",
            r"\breputation\b|\bblack (?:ip|mail|sender)|\bip check\b|no access for this|not in (?:the |our )?(?:approved|allowed) list|\bwe (?:do not|don't|cannot|can't) accept (?:\w+ )?(?:mails?|messages?|e-?mails?|connections?) from|\bip (?:is|in|on) (?:the |an? )?\w|\byour (?:\w+ )?(?:ip|host|server)\b",
            r"(?:\bips?\b|\bhost|client|network|address range|connection|sending ip)s?\b(?:[^.;]|\.\w){0,60}\b(?:blocked|banned|black|denied|rejected|not (?:accepted|allowed|permitted|welcome)|refused|throttled|deferred|limited)",
            r"(?:blocked|banned|denied|rejected|refused|deferred|access|forbidden)\b(?:[^.;]|\.\w){0,40}\b(?:ip|ip address|host|client|network|connection)s?\b|blocked for (?:abuse|spam)|block for spam",
            r"(?:from|using|by) your (?:ip|host|server|network)|traffic not accepted|unusual (?:rate|volume|traffic|amount)|originating from your|user complaints|suspicious(?: activity| traffic|ly)?|excessive (?:volume|complaints|unknown)",
            r"\d{1,3}(?:\.\d{1,3}){3}[\)\]]? (?:\w+ ){0,3}(?:deferred|rejected|refused|blocked|denied|banned|throttled|not allowed)|(?:not allowed|not accepted|rejected|refused) from (?:this|your|that) (?:range|ip|network|host|server|address)|your access\b|suspected spam (?:ip|sender|host)|\battacks?\b|\b(?:is|are|been) banned\b|(?:too many|unusual|excessive) (?:invalid|bad|unknown) recipients",
            r"\[(?:TSS?\d+|BL\d+|RL\d+|GL\d+|AXB\d+|S\d{2,4}|RP-\d+|DYN\d*|RBL[\w:]*|RTR[\w:]*|CON[\w:]*|DNS[\w:]*|SNDR[\w:]*|IPBL\d+|OU-\d+|SC-\d+|DY-\d+)\]",
            r"\((?:(?:RP|SC|DY|OU|CO)-?\d{3,}|S\d{3,4})\)|\bJunkMail\b|^ip=|\b(?:DYN|RTR|CON|RLY|SNDR):\w+|permanently deferred",
            r"reverse ?dns|\brdns\b|\bPTR\b|reverse (?:hostname|lookup|name|ip)|no valid (?:ptr|rdns)|mismatches client ip|without a valid sender domain|sender'?s mx",
            r"\b(?:helo|ehlo)\b(?:[^.;]|\.\w){0,60} (?:rejected|invalid|refused|denied|not|must|required|command|bad|resolv\w+)|(?:bad|invalid|wrong|forged) (?:helo|ehlo)|helo (?:name|hostname)|fully[- ]qualified (?:host|domain)",
            r"dynamic(?:ally)?[- ](?:ips?|assigned|allocated|address\w*)|residential|dial-?up|open proxy|cannot find your (?:hostname|reverse)|may not be mail exchanger|\bover ipv6\b|geographical",
            r"nemesis esmtp service not available|no smtp\b|invalid ip\b|access denied, (?:banned|bad)|frequency limited|exceeded permitted limits",
            # The same in other languages.
            r"adresse ip|ip-adresse|abus d[eé]tect|(?:liste|lista) (?:noire|negra|nera)|schwarze liste|sperrliste|ч[её]рн\w+ списк|黑名单|拒绝连接",
        ),
        without=(
            rf"{MAILBOX} (?:has been |is |was )?(?:disabled|suspended|deactivated|unknown|full)",
            r"blocked because its content|recipient has blocked",
        ),
        verdict=about_us(Reason.REPUTATION),
    ),
)

_RATE = (
    # How fast and over how many connections we send.
    ReplyRule(
        words=(
            r"too many (?:concurrent |simultaneous )?(?:\w+ )?(?:connections|sessions)|connection (?:rate|limit|count)|concurren|too fast|slow(?:er|ly)?(?: down)?\b|rate[- ]?limit|(?:message|connection) rate|too frequent|too often",
            r"too much mail|\brcpt (?:numbers?|count|limit)|too many (?:messages|mails|emails|requests|recipients|(?:\w+ )?errors)|(?<!size )limit exceeded|trop de connexions|message threshold",
        ),
        without=(r"size|\bline\b|mailbox (?:is|has|full|over)|quota",),
        verdict=about_us(Reason.RATE),
    ),
)

ABOUT_US = (*_QUOTA, *_SENDER, *_SENDER_CODES, *_LOGIN, *_AUTHENTICATION, *_REPUTATION)
OUR_RATE = _RATE  # asked late: many words about a mailbox's limit are like these
