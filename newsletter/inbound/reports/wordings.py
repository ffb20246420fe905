"""Knows the words, in the common languages, by which reports and replies without a form are told apart."""
# ruff: noqa: E501 - a pattern is read as a whole

from __future__ import annotations

import re

# Of the subject or the text: a message was not delivered, for good.
FAILURE = re.compile(
    r"undeliver|non-?deliver|not (?:be |been )?deliver|wasn'?t delivered|unable to (?:be )?(?:deliver|send)|(?:un)?able to (?:reach|send)|couldn'?t (?:be )?deliver|cannot (?:be )?deliver|can't be delivered|could not (?:be )?(?:deliver|sent|send|process)|"
    r"deliver(?:y|ing)(?: \w+){0,4} (?:fail|error|problem|has fail|impossible)|failed(?: to)? deliver|delivery (?:to|has) .{0,80}failed|failure notice|failed (?:permanently|mail|recipient)|mail(?:er)? (?:delivery )?(?:system )?(?:fail|error)|mail delivery|returned (?:mail|e-?mail|to sender|message)|mail return|message (?:could not|was not|not) |bounced?\b|permanent (?:fatal )?error|"
    r"user(?:s)? unknown|unknown user|no such user|mailbox (?:is )?(?:full|unavailable)|did not reach|not delivered|rejected|error (?:sending|delivering|while|occurred)|there was an error|trouble delivering|was not sent|invalid (?:user|recipient|address)|undelivered|delivery status|blocked|over quota|couldn'?t reach|did not accept|account (?:has been|is) (?:disabled|closed|suspended)|no longer (?:valid|in use|active|exists?)|address (?:not found|has changed)|"
    r"unzustellbar|nicht zugestellt|nicht zustell|zustellung|zustellfehler|konnte nicht|konnten nicht|fehlgeschlagen|unbekannter? empf|"
    r"non remis|[ée]chec|n'a pas pu|pas pu [êe]tre|non distribu|impossible de|n'a pas [ée]t[ée]|retourn[ée]|"
    r"no (?:se )?(?:pudo|ha podido|puede|entregad)|no entreg|no se ha|fallo|devuelt|n[ãa]o (?:foi|p[ôo]de|entreg)|falha|devolvid|"
    r"mancat[ao]|non (?:[èe] stato|recapitat|consegnat)|impossibile|errore|niet (?:worden )?(?:bezorgd|afgeleverd)|onbestelbaar|"
    r"не (?:может|удалось|было|доставлен)|недоставлен|ошибк|nie (?:można|mog[łl]|zosta)|niedostarczon|doručit|kunde inte|kunne ikke|ei voitu|iletilemedi|"
    r"配信でき|送信でき|届けられ|配送でき|エラー|不達|宛先不明|無法|无法|退信|失败|失敗|退件|전송.{0,5}실패|배달",
    re.IGNORECASE,
)
# The sender of a report, by name or local part.
DAEMON = re.compile(
    r"mailer[- ]?daemon|mail[- ]?daemon|post-?_?master|mail ?deliver\w* ?(?:sub)?system|mail ?system|mail ?admin|delivery (?:subsystem|service|system|status)|system ?administrator|microsoft exchange|maildelivery|mdaemon|bounce|mail ?gateway|mail ?router|systemverwalter|administrateur syst|administrador del sistema",
    re.IGNORECASE,
)
# A subject that only reports have.
REPORT_SUBJECT = re.compile(
    r"undeliver|non-?deliver|delivery (?:status|fail|notif|report|error|problem|has failed|notice)|failure (?:notice|notif)|returned (?:mail|message|e-?mail|to sender)|mail (?:delivery|system error|failure|could not|error|return)|mail(?:er)?[ -]?(?:error|failure)|message (?:not|un)\w*deliver|could ?n[o']t (?:be )?(?:deliver|send)|failed mail|unknown (?:user|address)|error sending|"
    r"unzustellbar|nicht zugestellt|zustell|fehlgeschlagen|non remis|[ée]chec (?:de|d')|non distribu|no entreg|devuelt|n[ãa]o entreg|devolvid|mancat[ao] (?:consegna|recapit)|onbestelbaar|niet bezorgd|недостав|не достав|не может быть|エラーメール|配信|送信でき|送信エラ|退信|退件|undeliverable|"
    r"warning: (?:could not|message)|bounced|mail block|loop alert",
    re.IGNORECASE,
)
ANSWER = re.compile(
    r"\s*(?:re|aw|sv|antw)\s*:", re.IGNORECASE
)  # a person answers; who forwards shows the report
# Still tried: nobody failed yet.
DELAY = re.compile(
    r"warning message only|warning only|mail (?:is )?delayed|i'?ll keep trying|has been delayed|delayed mail|delivery (?:is |status notification \()?delay|\(delay\)|delivery has (?:not )?yet|not yet (?:been )?delivered|still (?:being )?(?:undelivered|trying|in the queue)|will (?:keep|continue) (?:to )?(?:be )?(?:try|retri|attempt)|will be retried|"
    r"(?:we'?ll|will|we will) (?:keep trying|try again|retry)|warning: (?:could not send|message .{1,60} delayed)|message .{1,60} delayed \d+|no action is required on your part|delivery attempts will continue|delayed delivery|temporary problem .{0,40}deliver|transient delivery|"
    r"verz[öo]ger|wird (?:weiter|erneut) versucht|retard[ée]|sera r[ée]essay|retrasad|se reintentar|ritard|atrasad|vertraag|задерж|遅延|遅れて|延迟|延遲|再送",
    re.IGNORECASE,
)
GAVE_UP = re.compile(r"giv(?:en|ing) up|permanent|has failed|failed permanently|fatal", re.IGNORECASE)
# Delivered.
SUCCESS = re.compile(
    r"success(?:fully|ful)? (?:deliver|relay|mail delivery)|was (?:successfully )?(?:delivered|relayed)|has been (?:successfully )?(?:delivered|relayed)|were successfully|delivery (?:confirmation|receipt)|relayed to|\(success\)|\(relay\)|return receipt|read receipt|^(?:read|gelesen|lu|le[íi]do|letto|delivered|zugestellt|relayed): ",
    re.IGNORECASE,
)
# Subjects of vacation and other replies of programs.
AUTO_SUBJECT = re.compile(
    r"^(?:\s*(?:re|aw|sv|rv|tr)\s*:)*\s*(?:\[?\(?(?:auto(?:matic|mated|matique|m[áa]tic[ao])?\b[ :-]?\s*(?:reply|response|responder|r[ée]ponse|antwort|respuesta|resposta|risposta|svar|message|mail)?|autoreply|autoresponse|autosvar|autoantwort)|"
    r"out[ -]of[ -](?:the )?(?:office|town)|ooo\b|vacation|away from|on (?:leave|vacation|holiday|parental|maternity)|i(?:'m| am) (?:away|out|on)|ich bin (?:im|nicht|ab|außer)|je suis (?:absent|en cong)|estoy (?:de vac|fuera|ausente)|"
    r"automatische? (?:antwort|afwezigheid)|abwesenheit|abwesend|nicht im b[üu]ro|im urlaub|urlaub|r[ée]ponse automatique|absence|absent|en cong[ée]|respuesta autom[áa]tica|ausente|fuera de (?:la )?oficina|vacaciones|resposta autom[áa]tica|f[ée]rias|risposta automatica|fuori (?:sede|ufficio)|assenza|assente|afwezig|niet aanwezig|automatisch(?:e)? antwoord|fr[åa]nvaro|automatiskt svar|automatisk svar|frav[æa]r|poissa|automaattinen|"
    r"автоответ|автоматический ответ|отпуск|autoodpowied|nieobecno|automatick[áa] odpov|自動返信|自動応答|不在|休暇|自动回复|自動回覆|자동 ?(?:응답|회신)|부재)|"
    r".{0,60}(?:out of (?:the )?office|auto-?reply|automatic reply|abwesenheits(?:notiz|nachricht)|autoresponder|ticket (?:received|#)|we(?:'ve| have) received your|confirm your (?:e-?mail|message)|challenge|sender verification|please verify yourself)",
    re.IGNORECASE,
)
AUTO_TEXT = re.compile(
    r"\b(?:i am|i'm|i will be|i'll be|am currently|currently|is) (?:\w+ ){0,3}(?:out of (?:the )?office|on (?:vacation|leave|holiday|annual leave|parental leave)|away (?:from|until|on)|travell?ing)|out of (?:the )?office|limited access to (?:my )?e-?mail|will (?:reply|respond|answer) .{0,30}(?:return|when i)|auto(?:matic|mated)(?:ally)? (?:reply|response|generated reply)|this is an automat\w+ (?:reply|response)|"
    r"bin ich (?:nicht|im|bis|außer|erst)|ich bin .{0,40}(?:abwesend|nicht (?:im|erreichbar)|im urlaub)|je suis (?:absent|en cong|actuellement absent)|estoy (?:de vacaciones|fuera|ausente)|estar[ée] (?:fuera|ausente)|estou (?:de f[ée]rias|ausente|fora)|sono (?:fuori|assente|in ferie)|ik ben (?:afwezig|niet|op vakantie)|я (?:в отпуске|буду)|不在にして|休暇中",
    re.IGNORECASE,
)
# A reader's wish to leave: the whole subject, or a whole sentence of the reader's own.
_GREETING = (
    r"(?:(?:hi|hello|hey|hallo|guten tag|bonjour|hola|ol[áa]|ciao|dear \w+|sehr geehrte \w+ \w+)\b[\s,!]*)?"
)
_POLITE = (
    r"(?:(?:please|pls|kindly|bitte|s'il vous pla[îi]t|svp|merci de(?: bien vouloir)?|veuillez|por favor|per favore|graag|ik wil(?: me)?|(?:could|can|would) you(?: please)?|"
    r"i(?:'d| would)? (?:want|wish|like)(?: to)?|ich (?:m[öo]chte|will)(?: mich)?(?: bitte)?|je (?:souhaite|veux|voudrais)|(?:quiero|deseo|quisiera)|(?:quero|gostaria de|desejo)|(?:vorrei|voglio|desidero)|прошу|пожалуйста)[\s,]+)*+"
)
_OBJECT = r"(?:\s+(?:me|us|my (?:e-?mail(?: address)?|address|subscription)|from|off|this|these|the|your|all|any|future|list|mailing|newsletters?|e-?mails?|mails?|messages?|digests?|subscription|request|address|please|now|again|any ?more|sending|it|to|thanks?|thank you|asap|immediately))*+"
_LEAVE = (
    rf"(?:un-?subs?cribed?|remove|be removed|opt(?: me)?[ -]?out|sign(?: me)? ?off|leave|cancel(?: my)?(?: subscription)?|stop|take me off|delete me){_OBJECT}|"
    rf"i (?:no longer|do not|don'?t) (?:wish|want)(?: to receive| to get)?{_OBJECT}|(?:do not|don'?t|never) (?:send|e-?mail|mail|write(?: to)?|contact){_OBJECT}|"
    r"(?:newsletter )?(?:abmelden|abmeldung|abbestellen|abbestellung|austragen|k[üu]ndigen|k[üu]ndigung)|(?:newsletter|e-?mails?|den newsletter|diesen newsletter) (?:abbestellen|abmelden|k[üu]ndigen)|"
    r"mich (?:abmelden|austragen)|(?:nehmen|streichen|l[öo]schen|tragen|entfernen|melden) sie mich\b.{0,40}|(?:mich )?(?:aus|von) (?:dem|ihrem|der|ihrer) (?:verteiler|newsletter|liste|mailingliste)\b.{0,30}|keine (?:weiteren )?(?:e-?mails|newsletter|mails)\b.{0,20}|"
    r"(?:me )?d[ée]s(?:abonn(?:er|ement|ez)?(?:-moi)?|inscri(?:re|ption|vez(?:-moi)?))(?: moi| de (?:cette|la|votre) (?:liste|newsletter))?|(?:se|de me) d[ée]s(?:abonner|inscrire)|ne plus recevoir\b.{0,30}|"
    r"(?:darme|dar(?:me)? de|dadme de|dame de|d[ée]me de)(?: de)? baja\b.{0,30}|baja|cancelar(?: la| mi)? suscripci[óo]n|(?:desuscribir|desuscr[íi]ba)(?:me|se)?|anular(?: la| mi)? suscripci[óo]n|no (?:quiero|deseo) recibir\b.{0,30}|"
    r"(?:me )?(?:cancelar?(?: (?:a|minha))? (?:inscri[çc][ãa]o|assinatura)|descadastr(?:ar|e)(?:-me| me)?|remover?(?:-me| me)?|desinscrever(?:-me)?)|"
    r"(?:annulla(?:re)? (?:l')?iscrizione|disiscriv(?:i|ere|imi|ermi)|cancell(?:ami|azione|armi|atemi))(?: dalla (?:lista|newsletter))?|(?:me )?(?:afmelden|uitschrijven)(?: voor .{1,30})?|avregistrera(?: mig)?|avprenumerera|avmeld(?: meg)?|afmeld(?: mig)?|peruuta tilaus|"
    r"отписаться|отписка|отпишите(?: меня)?|отменить подписку|wypisz(?:cie)?(?: mnie)?|rezygnuj[ęe]|odhl[áa]sit|"
    r"(?:配信|購読|メール)?(?:の)?(?:停止|解除|退会|登録解除)(?:希望|してください|お願いします)?|退订|退訂|取消订阅|取消訂閱|수신 ?거부|구독 ?(?:취소|해지)|aboneli[ğg]i(?:mi)? iptal\w*"
)
LEAVE_LINE = re.compile(
    rf"^\s*(?:(?:re|aw|sv|fwd?|wg|rv|tr)\s*:\s*)*[\"'“*]*{_GREETING}{_POLITE}(?:{_LEAVE})[\s,]*(?:thanks?|thank you|danke|merci|gracias|obrigad[oa]|grazie|please|bitte)?[\"'”*]*\s*[.!。！]*\s*$",
    re.IGNORECASE,
)
SENTENCE = re.compile(r"(?<=[.!?。！])\s*|\n")
UNSUBSCRIBE_LOCAL = re.compile(
    r"(?:^|[+._-])(?:unsub(?:scribe)?|leave|optout|opt-out)(?:[+._=-]|@|$)", re.IGNORECASE
)
