"""Lists wordings about the recipient: refused by its owner, full, disabled, moved, unknown."""
# ruff: noqa: E501 - a pattern is read as a whole

from __future__ import annotations

from newsletter.core.mail.reply_rule import ReplyRule, hard, soft
from newsletter.core.mail.reply_verdict import Reason
from newsletter.core.mail.wordings.general import MAILBOX

_OWNER = r"(?:recipient|receiver|user|addressee|end[- ]user|subscriber)s?"
# What belongs to the whole server is no choice of one owner.
_NOT_A_SERVER = r"(?!(?:'s)? ?(?:domain|server|system|organi[sz]ation|mail|host|policy|smtp|e-?mail)\b)"

REFUSED_BY_OWNER = (
    # One owner's own list or rule. It may say "Sender address rejected: Blocked by this recipient".
    ReplyRule(
        words=(
            rf"(?:blocked|rejected|refused|black-?listed|denied|blacklisted|declined) by (?:this |the |our |an? )?{_OWNER}\b{_NOT_A_SERVER}",
            rf"{_OWNER} (?:has |have )?(?:blocked|black-?listed|refuse[sd]?|declined|denie[sd]|rejects?) (?:you|your|this|mail|messages|e-?mail|the sender|to )",
            rf"(?:on|in) (?:the |this )?{_OWNER}'?s? (?:\w+ )?(?:block|black|deny|reject)(?:ed)?[- ]?(?:senders? )?list|envelope blocked - user|manually blocked senders|user (?:rules|reject)|user refuses",
            r"(?:due to|because of) (?:the )?(?:recipient|user)'?s? (?:preferences|settings|rules)|SenderFilterConfig|bloqu\w+ par le destinataire|vom empf[aä]nger (?:\w+ )?(?:abgelehnt|blockiert|gesperrt)",
            r"(?:does not|doesn'?t|do not|not) (?:want|wish) (?:to receive )?(?:mail|messages|e-?mails?|your)|sender (?:isn't|is not) on the recipient'?s|(?<!server )(?<!\bwe )\b(?:is )?only accept\w* (?:mail|messages|e-?mails?) from|account is protected by|is a closed system|(?:private|closed|moderated) (?:mailing )?list\b|this user only (?:in|from) |approved (?:external )?(?:addresses|senders)",
        ),
        verdict=soft(Reason.REFUSED_BY_RECIPIENT),
    ),
    # A provider's list of addresses that bounced, complained or left before.
    ReplyRule(
        words=(
            r"suppression list|(?:recipient|address) (?:\S+ )?(?:is |was |has been )?suppressed|suppressed:? recipient|previously (?:been )?(?:bounced|unsubscribed|complained|marked)|spam reporting address|bounced address",
            r"(?:recipients?|address(?:es)?)(?:[^.;]|\.\w){0,40} marked as inactive|unsubscribed",
        ),
        verdict=soft(Reason.DISABLED),
    ),
    # The recipient's own rate; a quota of ours names no recipient.
    ReplyRule(
        words=(
            r"recipient has exceeded|recipient'?s? (?:\w+ ){0,3}(?:rate|thread) limit|messages to \S+ deferred|recipient'?s frequency",
            rf"{MAILBOX}(?:[^.;]|\.\w){{0,40}} (?:is |has |was )?receiv(?:ing|ed|es) (?:too much |too many )?(?:e-?mails?|messages|mails?)|exceeding receiving limits",
            r"receiving mail (?:too quickly|at a rate)|(?:limit|quota) (?:for|on) receiving|receiv\w+ (?:rate |message )?limit|mailbox busy|too many messages? (?:for|to) this",
        ),
        verdict=soft(Reason.RECIPIENT_RATE),
    ),
)

_FULL = (
    ReplyRule(
        words=(
            r"(?:over|exceed\w*|out of|above|beyond|overdrawn) (?:\S+ ){0,3}(?:quota|storage|space|disk|mailbox size|message count)|would exceed|quota is over",
            r"(?:quota|storage|space|disk)(?: \w+){0,2} (?:exceed\w*|full|exhausted|reached)|disk quota|quota violation|not enough (?:disk |storage )?space|QuotaExceeded|overquota|no space left|has no space|space (?:has )?(?:is )?(?:used up|not enough)|larger than the space|receive any more mail|error writing message|too many messages in|too many messages on|zu ?viele mails auf|exhausted (?:\w+ )?storage",
            rf"{MAILBOX}(?: \S+){{0,3}} (?:is |are |was )?(?:currently |almost )?(?:over ?quota|full|too full)|mailfolder is full|box is full|full mailbox|mailbox size|mailbox (?:has )?exceed\w*|recipient storage|mailbox is too large|mailbox exceed\w* the local limit|user is over|account is exceeding",
            # The same in other languages.
            r"bo[iî]te (?:\S+ )*pleine|postfach\w* (?:ist |\S+ )?voll|speicher(?:platz|volumen)|buz[oó]n (?:\w+ )?lleno|casella (?:\w+ )?piena|caixa (?:\w+ )*cheia|переполнен|(?:邮箱|空间)\w*[满滿]|容量|skrzynka \w*pe[łl]na|przepe[łl]nion",
        ),
        without=(r"insufficient system|mail system|write error|(?:local|system|server) disk|file ?system",),
        verdict=soft(Reason.FULL),
    ),
)

_GONE = (
    # An account that was closed or deleted does not come back.
    ReplyRule(
        words=(
            rf"{MAILBOX}(?: \S+){{0,3}} (?:(?:is|has been|was) )?(?:permanently )?(?:closed|deleted|removed|terminated|purged|unallocated)\b",
            rf"(?:closed|deleted|terminated|non-?existent) (?:\w+ )?{MAILBOX}\b",
        ),
        without=(r"temporar|later|blocked|connection|sender|spam",),
        verdict=hard(Reason.MOVED),
    ),
    ReplyRule(
        words=(
            r"(?:has|have) moved|moved to|forwarding address|not our customer|left the company|changed (?:\w+ )?(?:e-?mail )?address|address (?:has )?changed|has been replaced by",
            r"no longer (?:on (?:this )?(?:server|system)|at|with|here|works?|valid|employed|available|exists?|a (?:customer|user))",
        ),
        verdict=hard(Reason.MOVED),
    ),
)

_DISABLED = (
    ReplyRule(
        words=(
            rf"{MAILBOX}(?: \S+){{0,6}} (?:is|has been|was|are|not|currently|temporar\w+)(?: \w+){{0,2}} ?(?:disabled|suspended|deactivated|inactive|locked|blocked|cancell?ed|"
            r"discontinued|frozen|expired|active|in use|on hold|archived|unavailable for)",
            rf"(?:disabled|suspended|deactivated|inactive|blocked|locked|expired|discontinued|dormant|archived|frozen) (?:\w+ )?{MAILBOX}",
            r"account (?:is )?(?:disabled|inactive|suspended|expired)|has been (?:disabled|suspended|deactivated)|marked as inactive|suspend the service|hasn't (?:entered|logged)|never logged|inactivity|unavailable to take delivery|not an active address|inbounds disabled|mailbox disabled",
            r"administratively disabled|disabled or discontinued|no longer (?:active|accept\w*|in use|monitored)|temporar\w+ (?:disabled|inactive|locked|suspended|blocked)|user (?:disabled|suspended)|currently suspended",
            # Nobody says for how long.
            r"(?:recipient|mailbox|user|account) (?:is )?(?:currently |temporarily )+(?:unavailable|not available)|recipient (?:is )?unavailable|temporarily (?:unavailable|not available)(?:[^.;]|\.\w){0,20}(?:recipient|mailbox)",
            # The same in other languages.
            r"archiv[eé]e|compte \w+ \w*\s?(?:bloqu|d[eé]sactiv|suspendu)|(?:konto|postfach) (?:ist )?(?:gesperrt|deaktiviert|inaktiv)|inhabilitad|desativad|disabilitat|заблокирован|отключ[её]н|(?:帐号|账号|邮箱)\w*(?:停用|禁用|冻结)",
        ),
        without=(r"does(?: not|n'?t) exist|not (?:a )?known|unknown|no such|not found",),
        verdict=soft(Reason.DISABLED),
    ),
)

_UNKNOWN = (
    ReplyRule(
        words=(
            r"null ?MX|(?<!we )(?<!server )(?:does not|doesn'?t|does no longer|can(?:not|'t)) (?:receive|accept) (?:any )?(?:e-?mail|mail)s?\b(?! (?:from|over|for|without|that|via|with))",
            r"(?:mail )?domain (?:is )?(?:not (?:hosted|local|valid|handled|configured)|invalid)",
            r"(?:domain|host)(?: name)?(?: \S+)? (?:not found|does(?: not|n'?t) exist|unknown|is unknown|is not reachable|invalid)|no such (?:domain|host)|unknown (?:domain|host)",
            r"NXDOMAIN|name or service not known|no MX found for|MX records point to non-?existent hosts|host address lookups failed permanently|indicated no SMTP service|name service error|unrouteable|unroutable|bad destination (?:system|host)|illegal host|dead domain",
        ),
        without=(r"sender|from domain|helo|client host|try again|unexpected name server reply",),
        verdict=hard(Reason.UNKNOWN_DOMAIN),
    ),
    ReplyRule(
        words=(
            rf"(?:unknown|invalid|no such|bad|incorrect|non-?existent|unrecogni[sz]ed|undeliverable|illegal|wrong|not a valid|unlisted|no valid|unable to find|cannot find|can'?t find|could not find|no known) (?:\w+ ){{0,3}}{MAILBOX}s?\b",
            rf"{MAILBOX}s?\b[^;]{{0,90}}\b(?:unknown|not found|not listed|not known|invalid|undeliverable|non-?existent|unrecogni[sz]ed|not recogni[sz]ed|not defined|not exist\w*|has no mailbox|"
            r"(?:do|does|did|dos)(?:n'?t| not)? ?(?:\w+ )?(?:exists?|have|exsist)|not (?:a )?valid|not a member of|could not be found|cannot be found|was not found|"
            r"not (?:currently )?(?:in|on) (?:\w+ ){0,3}(?:directory|system|server|list|database)|is not (?:a )?(?:known|our|local))",
            r"does(?:n't| not) handle mail for|not have an account|destinatari\w+ (?:errat|non valid|inv[aá]lid|inexist|inesist)|no such (?:\w+ ){1,2}(?:drop|defined|here)|"
            rf"no {MAILBOX}\b(?: (?:here|by|with|found|for|of|under|named|called))|no such (?:person|name|one|local)|there is no (?:one|such|user|mailbox)|nobody (?:by|with|here)|invalid-recipient|not present in directory|\w+ in name directory|badrcptto|validrcptto|"
            r"user not (?:known|local)|do(?:es)?n'?t exists? (?:that|this|such)|rcpt \S+ do(?:es|s)?n'?t exist|not (?:a )?users? (?:of|on|at) this|not listed in (?:\w+ ){0,3}(?:name|address|directory)|not our user|(?:mailbox|address|recipient) not (?!available|currently|allowed)|unknown (?:or|recipient)|not (?:a )?(?:valid |known |local )(?:user|recipient|mailbox|address)|does not like recipient|unknown local[- ]part|can'?t accept user|address(?:es)? (?:was|were) unknown|rejected recipients?\b|no mail ?box available|not have an e-?mail account|envelope recipient has been denied|in my bad ?recipient|name was not found|addresses were not found|verify (?:recipient|address)|callout|callback verification",
            # The same in other languages.
            r"inconnu|introuvable|n'existe pas|adresse nicht gefunden|empf[aä]nger\w* (?:\w+ )?nicht gefunden|no se ha encontrado|no encontrad|n[aã]o foi encontrad|destinataire invalide|adresse invalide|unbekannt|existiert nicht|(?:benutzer|empf[aä]nger)\w* nicht|desconocid|no existe|inexistente|"
            r"sconosciut|non esiste|inesistente|nessun utente|onbekend|bestaat niet|неизвестн|не существует|не найден|нет такого|不存在|无此|查无|存在しません|見つかりません|宛先不明|존재하지|nie istnieje|nieznany|nie ma takiego|n[aã]o existe|"
            r"neexistuje|nezn[aá]m|finns inte|ok[aä]nd|ukendt|ukjent|findes ikke|finnes ikke|tuntematon|bulunamad|nem l[eé]tez|ismeretlen|inexistent",
        ),
        without=(
            r"sender (?:address|domain)|illegal characters|verify (?:your|the) sender|your (?:ip|host|server)|helo|client host|hostname|storage|try (?:again )?later|temporar|mailbox busy",
        ),
        verdict=hard(Reason.UNKNOWN_MAILBOX),
    ),
    # RFC 5321 4.2.2 says so of an unknown mailbox; 5.2.x of one that exists.
    ReplyRule(
        words=(rf"{MAILBOX}s?\b[^;]{{0,90}}\b(?:un|not )available\b|mailbox unava\w+",),
        without=(r"sender (?:address|domain)|your (?:ip|host|server)|storage|try (?:again )?later|temporar",),
        detail=r"(?!2\.).*",
        verdict=hard(Reason.UNKNOWN_MAILBOX),
    ),
    ReplyRule(
        words=(r"address rejected|recipient rejected",),
        detail=r"1\.[016]",
        code="5",
        verdict=hard(Reason.UNKNOWN_MAILBOX),
    ),
)

_REFUSED = (
    # Refused without a reason, or by a rule of the mailbox.
    ReplyRule(
        words=(
            r"not accepting (?:any )?(?:mail|messages|e-?mails?)",
            r"(?:recipient|user|mailbox)(?:'s)? (?:\w+ ){0,3}(?:filter|rules?|preferences|restrict\w*|whitelist|allow-?list|white list)|only accepts? (?:mail|messages)|members[- ]only|restricted (?:to|recipient|group|address)",
            r"(?:recipient )?address rejected|rejected recipient|recipient rejected|refused by recipient|delivery error: dd",
        ),
        without=(r"sender|esmtp|server|system|policy|gr[ea]y-?list|try again|spam|temporar|later",),
        verdict=soft(Reason.REFUSED_BY_RECIPIENT),
    ),
)

UNSURE = (
    # 552 is about space and size, so the mailbox is there.
    ReplyRule(words=(r"mailbox unava\w+",), code="552", verdict=soft(Reason.FULL, certain=False)),
    # It names several causes, of which one is final.
    ReplyRule(
        words=(r"may not exist|might not exist|or access denied",),
        without=(r"dns check",),
        verdict=soft(Reason.UNCLEAR, certain=False),
    ),
    # Of all recipients together, so it says of none why.
    ReplyRule(
        words=(r"no valid recipients",), detail=r"(?!1\.).*", verdict=soft(Reason.UNCLEAR, certain=False)
    ),
    # RFC 5321 4.2.3, 553: said of a syntax, and of a policy.
    ReplyRule(words=(r"mailbox name not allowed",), verdict=soft(Reason.INVALID_ADDRESS, certain=False)),
)

ABOUT_RECIPIENT = (*_FULL, *_GONE, *_DISABLED, *_UNKNOWN, *_REFUSED)
