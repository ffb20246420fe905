"""Reads what a cell of a status column says about a person. Stores nothing.

Another tool's word can only restrict a person; it never counts as consent.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from subscribers.addresses import quoted
from subscribers.errors import SubscriberError
from subscribers.queries import LISTED_STATES, State


def listed(words: str) -> frozenset[str]:
    """The words of a text that blanks separate."""
    return frozenset(words.split())


# Words of other tools for a state, folded. The languages: English, German, French, Spanish, Italian,
# Portuguese, Dutch, Polish, Russian. A person who is "disabled" there got no mail there.
_WORDS = {
    State.CONFIRMED: "confirmed subscribed enabled active optedin optin doubleoptin resubscribed "
    "angemeldet abonniert aktiv bestatigt inscrit abonne actif confirme suscrito activo confirmado iscritto "
    "attivo confermato inscrito ativo ingeschreven aangemeld actief bevestigd zapisany aktywny "
    "подписан активен подтвержден",
    State.PENDING: "pending unconfirmed nonsubscribed notsubscribed neversubscribed transactional unknown "
    "awaitingconfirmation pendingconfirmation nopermissionsset notset notconfirmed unverified unactivated "
    "validating ausstehend unbestatigt nichtbestatigt enattente nonconfirme pendiente inattesa pendente "
    "inafwachting oczekujacy неподтвержден",
    State.UNSUBSCRIBED: "unsubscribed unsubscribe disabled inactive archived byuser bymoderator byadmin "
    "optedout optout optouted cancelled canceled removed deleted donotmail donotemail donotcontact "
    "notoptedin nomail noemail abgemeldet abgemeldete ausgetragen abbestellt gekundigt inaktiv geloscht "
    "desinscrit desabonne inactif supprime "
    "baja debaja dadodebaja desuscrito inactivo eliminado cancelado disiscritto disiscritta cancellato "
    "inattivo descadastrado desinscrito inativo uitgeschreven afgemeld inactief wypisany nieaktywny "
    "отписан отписался отписалась неактивен удален",
    State.SUPPRESSED: "suppressed usersuppressed blocklisted blacklisted cleaned bounced bouncing bybounce "
    "bybounces hardbounce hardbounced softbounce softbounced complained complaint spam spamcomplaint "
    "markedasspam spammy abuse junk invalid invalidemail blocked banned undeliverable undelivered "
    "nonmailable "
    "unzustellbar gesperrt blockiert bloque rejete rebotado bloqueado rimbalzato bloccato geblokkeerd "
    "zablokowany odbity заблокирован недоставлено",
}
STATE_BY_WORD = {word: state for state, words in _WORDS.items() for word in words.split()}
YES = listed("yes y true t 1 on x checked ja j wahr oui o vrai si s sim verdadero vero tak da да истина")
NO = listed(
    "no n false f 0 off unchecked nein falsch non faux nao falso nee nie net нет ложь never none null na nan"
)
_STRICTNESS = (State.CONFIRMED, State.PENDING, State.UNSUBSCRIBED, State.SUPPRESSED)  # from the least strict
_MARKS = {**dict.fromkeys("✓✔☑☒✅", "yes"), "☐": "no"}  # words of cells without a letter
_NO_MARK = re.compile(r"[-–—\s\"'\[\]{}().,;:/|]*")  # a cell that somebody left empty
EMPTY, DATE, TEXT = "", " date", " text"  # keys of `Reading.words` for what is no word
_DATE = re.compile(
    r"(?=.*\d{4})[\d\s.,:/+TZUGMC-]{6,}(?:[AP]M)?|[A-Za-z]{3,9}\.? \d{1,2},? \d{4}.*", re.ASCII
)


_AS_FLOAT = re.compile(r"([01])[.,]0+")  # how statistics programs write 0 and 1 beside empty cells
_NEVER = re.compile(r"0000[-/.]00[-/.]00\b.*|00[-/.]00[-/.]0000\b.*", re.DOTALL)  # no day has this date
_EPOCH = re.compile(
    r"(?:1970[-/.]01[-/.]01|01[-/.]01[-/.]1970|0?1/0?1/1970|0001-01-01)(?:[T ]0?0:00.*)?", re.DOTALL
)


def folded(text: str) -> str:
    """Letters and digits in lower case, without accents."""
    if text.isascii():
        return "".join(character for character in text.lower() if character.isalnum())
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(character for character in plain if character.isalnum())


def without_fraction(cell: str) -> str:
    """`0.0` and `1.0` as 0 and 1; any other cell unchanged."""
    found = _AS_FLOAT.fullmatch(cell)
    return found[1] if found else cell


def is_date(cell: str) -> bool:
    """Whether a cell is a date, a time or a number of seconds."""
    return _DATE.fullmatch(cell.strip()) is not None


def is_no_date(cell: str) -> bool:
    """Whether a cell is what databases write for no time: a date of zeros, or their first one."""
    cell = cell.strip()
    return (_NEVER.fullmatch(cell) or _EPOCH.fullmatch(cell)) is not None


def strictest(*states: State | None) -> State | None:
    """The strictest of these states, for one person; None when there is none."""
    given = [state for state in states if state is not None]
    return max(given, key=_STRICTNESS.index) if given else None


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """How to read the cells of a status column.

    words: the state by folded word, and by EMPTY, DATE and TEXT (any other text); None says nothing.
    several: a cell may list words, such as `['HARD_BOUNCE', 'UNSUBSCRIBED']`; the strictest counts.
    enough: a folded word beside which no other word of the list counts.
    """

    words: Mapping[str, State | None]
    several: bool = False
    enough: str = ""

    def state(self, cell: str) -> State | None:
        """The state that a cell gives; None when it gives none. Raises SubscriberError for others."""
        mark = without_fraction(
            cell.strip().strip("\ufe0e\ufe0f")
        )  # without the choice between text and picture
        key = _MARKS.get(mark) or folded("" if _NEVER.fullmatch(mark) else mark)
        if key in self.words and (key or _NEVER.fullmatch(mark) or _NO_MARK.fullmatch(mark)):
            return self.words[key]
        parts = [part.strip() for part in re.split(r"[][{}\"',;|]+", cell) if folded(part)]
        if self.several and parts and parts != [cell.strip()]:
            if self.enough in map(folded, parts):
                return self.words[self.enough]
            return strictest(*(self.state(part) for part in parts))
        if _NO_MARK.fullmatch(mark):
            return self.words.get(EMPTY)
        if DATE in self.words and (is_date(cell) or key.isdecimal()):
            return self.words[DATE]
        if TEXT in self.words:
            return self.words[TEXT]
        raise SubscriberError(f"the status {quoted(cell)} is not known", hint=UNKNOWN_HINT)

    @property
    def at_most(self) -> State | None:
        """The strictest state that it gives."""
        return strictest(*self.words.values())


UNKNOWN_HINT = "If it does not say who may be mailed, name that column with --ignore-column."


def by_word(
    *, confirmed: str = "", pending: str = "", unsubscribed: str = "", suppressed: str = "", none: str = ""
) -> dict[str, State | None]:
    """States by folded word. Each argument holds words; those of `none` say nothing."""
    table = {
        State.CONFIRMED: confirmed,
        State.PENDING: pending,
        State.UNSUBSCRIBED: unsubscribed,
        State.SUPPRESSED: suppressed,
        None: none,
    }
    return {folded(word): state for state, words in table.items() for word in words.split()}


def words(
    empty: State | None = State.PENDING,
    *,
    confirmed: str = "",
    pending: str = "",
    unsubscribed: str = "",
    suppressed: str = "",
    none: str = "",
) -> Reading:
    """A column of words. The arguments are those of `by_word`; `empty` is what an empty cell says."""
    own = by_word(
        confirmed=confirmed, pending=pending, unsubscribed=unsubscribed, suppressed=suppressed, none=none
    )
    return Reading({EMPTY: empty, **own})


def flag(*, yes: State | None = None, no: State | None = None, empty: State | None = None) -> Reading:
    """A column of yes and no, in any spelling."""
    return Reading({EMPTY: empty, **dict.fromkeys(YES, yes), **dict.fromkeys(NO, no)})


def happened(state: State) -> Reading:
    """A column that holds the time, the number or a yes when something happened."""
    restricting = {word: strictest(state, known) for word, known in STATE_BY_WORD.items()}
    return Reading(
        {**restricting, EMPTY: None, DATE: state, **dict.fromkeys(YES, state), **dict.fromkeys(NO, None)}
    )


def text(state: State) -> Reading:
    """A column, such as a reason, in which any text means the state."""
    return Reading({EMPTY: None, TEXT: state, **dict.fromkeys(NO, None)})


STATUS = Reading({EMPTY: State.PENDING, **STATE_BY_WORD})
LEFT = happened(State.UNSUBSCRIBED)
BOUNCED = happened(State.SUPPRESSED)
OWN_STATE = Reading({EMPTY: None, **{str(state): state for state in LISTED_STATES}})  # of our own export


@lru_cache(maxsize=4096)
def read(reading: Reading, cell: str) -> State | None:
    """The state that a cell gives under a reading. Raises SubscriberError for an unknown word."""
    if reading is OWN_STATE and folded(cell) not in reading.words:
        raise SubscriberError(
            f"there is no state {quoted(cell)}", hint=f"There are {', '.join(LISTED_STATES)}. {UNKNOWN_HINT}"
        )
    return reading.state(cell)


def state_of_word(word: str) -> State:
    """The state that another tool's word means. Raises SubscriberError for an unknown word."""
    state = STATUS.state(word)
    assert state is not None
    return state
