"""Finds columns that look like consent, status or suppression by their title or their values.

It judges only columns that nobody reads: a column that was not understood may be the one that says who must
not be mailed. Reads no files. The words are those of the common languages of Europe, and some of Asia; all
are folded: lower case without accents.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

from subscribers.addresses import quoted
from subscribers.roster.readings import (
    NO,
    STATE_BY_WORD,
    YES,
    folded,
    is_date,
    is_no_date,
    listed,
    without_fraction,
)

MAX_LOOKED_AT = 2000  # characters of a cell; a status is shorter
MAX_STATUS = 40  # characters of a key in JSON that may name a status
MAX_PHRASE = 80  # characters of a cell that may begin with a status
SHOWN = 2  # values that a message quotes
_MAX_SEEN = 1000  # cells remembered of a column, so that a repeated one is judged once

# Parts of a folded title that have no other meaning, wherever they stand.
_PARTS = """
unsub optout optin optedin optedout bounc suppress blacklist blocklist denylist consent gdpr dsgvo rgpd lgpd
permission consens legalbasis erlaubnis
complain donotmail donotemail donotcontact donotsend donotdisturb dontemail
dontmail dontcontact nomail noemail nocontact nonewsletter cancontact maycontact mayemail oktoemail oktomail
emailok mailok exclude nobulk emailfrequency mailfrequency newsletterfrequency emailpreference mailpreference
newsletterpreference contactpreference communicationpreference
emailsenabled mailsenabled emailenabled mailenabled emaildisabled maildisabled emailsdisabled emailallowed
mailallowed receiveemail receivemail receivenews receivesemail wantsemail wantsnews acceptsmarketing
acceptmarketing marketingaccept emailmarketing marketingemail marketingstatus undeliv nondeliv deliverab
nonmailable subscribed notsubscri issubscri resubscri cleaned
abgemeld abmeld angemeld abbestell ausgetragen austrag abonniert gekundigt widerruf widerspr einwillig zustimm
einverst sperr blockiert unzustell rucklaufer keinemail keinewerbung datenschutz bestatigt
werbeerlaub
desinscri desabon listenoire bloque rejete consentement autorisation
desuscri suscrito suscripcion dadodebaja listanegra bloquead rebotad rebote autorizacion autorizado
disiscri iscritto iscrizione listanera bloccat rimbalz autorizzazion
descadastr inscrit inscric autorizacao
uitgeschreven uitschrij afgemeld aangemeld ingeschreven toestemming geblokkeerd zwartelijst
zgoda wypisan wypisz rezygnac zapisany zablokowan
отпис подпис соглас заблок черныисписок недостав
samtyck samtykke afmeldt avmeld avregistr suostumus leiratkoz hozzajarul odhlas souhlas dezabon
オプトアウト 配信停止 同意 購読 退订 取消订阅 订阅 수신거부 수신동의 동의
"""
_IN_TITLE = re.compile("|".join(sorted(listed(_PARTS))))
_WORDS_OF_TITLE = listed("""
status statuses state active inactive enabled disabled deleted removed blocked banned spam junk valid invalid
verified unverified confirmed unconfirmed confirm confirmation pending archived cancelled canceled subscribe
subscription doi dnc dnm onhold reachable mailable left quit stop stopped removal suspended
erlaubt aktiv inaktiv geloscht gultig ungultig zustand
statut etat actif inactif abonne abonnee confirme valide supprime
estado estatus cancelado cancelada activo inactivo activa baja bajas confirmado valido
stato attivo inattivo confermato cancellato
situacao ativo inativo ativa
actief inactief geldig bevestigd
aktywny nieaktywny potwierdzony
статус состояние активен активныи подтвержден удален
状態 ステータス 状态 상태 durum
""")
_ELSEWHERE = {  # words beside which one of those means something else: "Last active", "Valid until"
    "active": listed("last first"),
    "valid": listed("until from to"),
    "status": listed("marital civil family employment order payment job visa"),
    "state": listed(
        "address home billing shipping mailing company work office province region country zip us"
    ),
    "subscription": listed("plan tier price interval source type id"),
    "confirmation": listed("code number"),
    "left": listed("handed days hours credits"),
    "stop": listed("bus train tram"),
    "estado": listed("civil"),
}
_ASKING = re.compile(
    r"\b(can|may|ok|allow\w*|receive\w*|wants?|wishes|accepts?|send) (to )?(be )?(e )?"
    r"(mail|mails|email|emails|news\w*|marketing|contact|contacted|mailed|emailed)\b"
    r"|\b(e )?mails? (ok|okay|allowed|enabled|disabled)\b"
)
_JOINED = re.compile(  # words that are written together: ISACTIVE, DELETEDAT, EMAILSTATUS
    r"(is|has|was|e?mail|user|contact|subscriber|member|account|newsletter)*"
    rf"({'|'.join(sorted(_WORDS_OF_TITLE - listed('subscription confirmation state')))})"
    r"(at|on|date|time|flag)?"
)
_DETAIL = listed("ip ipaddress url link")  # of a consent, which they neither give nor deny
_OTHER_MEDIUM = listed("sms phone whatsapp push telegram viber")
_BY_EMAIL = listed("email emails mail mails mailing newsletter marketing")
_QUESTION = re.compile(  # a title that may ask for consent: when the cells are ticks, they are its answers
    "|".join(
        sorted(
            listed("""
newsletter mailing marketing email mail contact promo offer news update infomail rundbrief agree accept allow
privacy terms policy send receive want werbung boletin bulletin lettre infolettre nieuwsbrief biuletyn
рассылк новост publicidad publicite pubblicita
""")
        )
    )
)
_HARMLESS = listed("""
vip student member membership paid premium gift gifted comped complimentary admin staff employee speaker html
country countrycode land pais pays paese language lang locale sprache langue idioma lingua gender sex company
organisation organization firm city town region name surname notes note comment comments donor alumni alumnus
attended sent opened opens open clicks click clicked count number rate score total rank rating points
delivered orders downloads visits logins purchases children age year level grade likes shares views replies
sessions days priority index
""")  # words of a title under which yes and no are no consent
_TICKS = listed("✓ ✔ ☑ ☒ ☐ + -")
_BLANK = listed("na nan null none")
_TAGS = listed("""
tag tags label labels list lists group groups segment segments interests schlagworte etiquetas etiquettes
etichette gruppen listen
""")
_VALUES = frozenset(STATE_BY_WORD) - listed("unknown transactional optin bloque")
_PHRASE = re.compile(  # a cell that begins with a status, and goes on with its time or reason
    r"(unsubscribe[dr]?|opt(ed)?[ -]?out|(hard|soft)[ -]?bounce[ds]?|bounced|(black|block)listed"
    r"|spam complaint|marked as spam|complained|suppressed|do not (e-?mail|mail|contact|send|disturb)"
    r"|don'?t (e-?mail|mail|contact)|no (e-?mails?|consent|permission|marketing)|(not|never) subscribed"
    r"|abgemeldet|ausgetragen|abbestellt|unzustellbar|keine (e-?mails?|werbung|einwilligung)"
    r"|desinscrite?|desabonnee?|dad[oa] de baja|desuscrit[oa]|disiscritt[oa]|descadastrad[oa]"
    r"|uitgeschreven|afgemeld|wypisan[ya]|отписан\w?|отписал\w{0,2})"
    r"(?=$|\s*[^\w\s]|\s+\d|\s+(on|at|by|via|since|in|from|of|per|after|due|am|seit|le|depuis|el|il|em|op|w|в|с)\b)"
)


@lru_cache(maxsize=4096)
def is_title(title: str) -> bool:
    """Whether a title names consent, status or suppression."""
    words = _words(title)
    joined = "".join(words)
    kept = set(words)
    if kept & _DETAIL or (kept & _OTHER_MEDIUM and not kept & _BY_EMAIL):
        return False
    if _IN_TITLE.search(joined) or _ASKING.search(" ".join(words)):
        return True
    if _JOINED.fullmatch(joined):
        return True
    return any(word in _WORDS_OF_TITLE and not kept & _ELSEWHERE.get(word, frozenset()) for word in words)


@lru_cache(maxsize=4096)
def is_value(cell: str, *, tags: bool = False) -> bool:
    """Whether a cell says that somebody may or may not be mailed. tags: the cell may be a list of tags."""
    cell = cell[:MAX_LOOKED_AT].strip()
    if _is_status(cell):
        return True
    if cell[:1] in ("[", "{"):
        parts = re.split(r"[][{}\",:;|]+", cell)
        return any(_is_status(part) or (len(part) <= MAX_STATUS and is_title(part)) for part in parts)
    return tags and any(_is_status(part) for part in re.split(r"[;,|\n\"]+", cell))


def _is_status(text: str) -> bool:
    text = text.strip(" '")
    if not text or len(text) > MAX_PHRASE:
        return False
    return folded(text) in _VALUES or _PHRASE.match(_plain(text)) is not None


class UnreadColumn:
    """What is known of one column that nobody reads, from its title and the cells seen so far."""

    def __init__(self, title: str, *, only_values: bool = False) -> None:
        """only_values: the title means something else, such as tags; a cell may yet be a status."""
        self.title = title
        self._tags = only_values or bool(set(_words(title)) & _TAGS)
        self._by_title = not only_values and is_title(title)
        self._seen: set[str] = set()
        self._shown: list[str] = []  # values for the message
        self._status: list[str] = []  # values that are a status
        self._only_ticks = self._only_words = self._only_dates = True
        self._blank = False
        self._bits: set[str] = set()  # which of 0 and 1 occur

    def look(self, cell: str) -> None:
        """Take one more cell into account."""
        if cell in self._seen:
            return
        if len(self._seen) < _MAX_SEEN:
            self._seen.add(cell)
        value = cell[:MAX_LOOKED_AT].strip()
        if not value:
            self._blank = True
            return
        key = folded(without_fraction(value))
        if key in _BLANK or is_no_date(value):
            self._blank = True
            return
        if len(self._shown) < SHOWN:
            self._shown.append(value)
        if len(self._status) < SHOWN and value not in self._status and is_value(value, tags=self._tags):
            self._status.append(value)
        is_word = (key in YES or key in NO) and (len(key) > 1 or key in ("y", "n"))
        self._only_words = self._only_words and is_word
        is_tick = is_word or key in YES or key in NO or value in _TICKS
        self._only_ticks = self._only_ticks and is_tick
        self._only_dates = self._only_dates and is_date(value)
        self._bits |= {key} & {"0", "1"}

    @property
    def suspicious(self) -> bool:
        """Whether the column looks like consent, status or suppression."""
        if self._status:
            return True
        if self._tags and not self._by_title:
            return False
        if self._by_title:
            return not self._says_when_everybody_joined
        if not self._shown or set(_words(self.title)) & _HARMLESS:
            return False
        if self._only_words:
            return True
        asks = len(self._bits) == 2 or _QUESTION.search(folded(self.title)) is not None
        return self._only_ticks and asks

    @property
    def _says_when_everybody_joined(self) -> bool:
        joined = re.fullmatch(
            r"(date|time)?(of)?(subscri(bed?|ption)|confirm(ed|ation)|optin|optedin|consent|angemeldet|inscription)"
            r"(at|on|date|time|timestamp|am|seit|since)?",
            folded(self.title),
        )
        return joined is not None and bool(self._shown) and self._only_dates and not self._blank

    def described(self) -> str:
        """The title and two of the values, quoted."""
        values = [*self._status, *(value for value in self._shown if value not in self._status)][:SHOWN]
        held = f"with values such as {' and '.join(map(quoted, values))}" if values else "which is empty"
        return f"{quoted(self.title)}, {held}"


def _words(title: str) -> Sequence[str]:
    """The words of a title, folded: those of `unsubscribedAt`, `OPT_IN` and `Opt-out date` are told apart."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", title[:MAX_LOOKED_AT])
    return re.findall(r"[^\W_]+", _plain(apart))


def _plain(text: str) -> str:
    """Lower case without accents."""
    return "".join(c for c in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(c))
