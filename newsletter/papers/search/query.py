"""Reads what somebody typed into a search field. Every text has a reading; none raises.

    spiking networks              papers with both words, in any order
    "spiking neural network"      the words in this order; so do hyphens and GPT-4
    quanti*                       words that begin like this
    -survey                       papers without the word
    author:hinton title:"deep learning" org:mila topic:quantum from:2025-01 to:2025-03
    arXiv:2401.01234, https://doi.org/10.1000/x     the paper itself

It asks no database (`newsletter.papers.search.search` does). What it had to leave out, `notices` says.
"""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass, replace
from datetime import date
from difflib import get_close_matches

from newsletter.core.papers.identity import identifier_key
from newsletter.core.papers.search_words import bare_words_of, singular

MAX_TEXT = 400  # characters that are read; no question is longer
MAX_TERMS = 12  # words and phrases
MAX_PHRASE = 12  # words of a phrase
MAX_IDENTIFIERS = 10
MIN_PREFIX = 2  # letters before a *: one letter begins a tenth of all words

TITLE, AUTHOR, ORGANIZATION, ABSTRACT = "title", "author", "organization", "abstract"
_FIELDS = {
    "title": TITLE,
    "abstract": ABSTRACT,
    "author": AUTHOR,
    "authors": AUTHOR,
    "organization": ORGANIZATION,
    "organisation": ORGANIZATION,
    "org": ORGANIZATION,
    "topic": "topic",
    "from": "from",
    "since": "from",
    "to": "to",
    "until": "to",
}
_FIELD_NAMES = ("title:", "abstract:", "author:", "org:", "topic:", "from:", "to:")
_SCHEMES = ("http", "https", "arxiv", "doi")  # before identifiers and links
_STOP_WORDS = """
    a about all also an and any are as at be been but by can could do does for from had has have how i if in
    into is it its may more most no nor not of on or our other over paper papers show shows so some such
    than that the their them then there these they this those to under up use used using via was we were
    what when where which while who why will with would you
"""
STOP_WORDS = frozenset(form for word in _STOP_WORDS.split() for form in (word, singular(word)))

_QUOTES = str.maketrans(dict.fromkeys("“”„‟«»″", '"'))
_DASHES = "-−–"
_ITEM = re.compile(
    rf"(?P<minus>(?<!\S)[{_DASHES}])?(?:(?P<field>{'|'.join(_FIELDS)}):[ ]?)?"
    r'(?:"(?P<quoted>[^"]*)"?|(?P<bare>(?:[^\s"]|(?<=\\)")+))',  # \" is an accent of TeX
    re.IGNORECASE,
)
_DOI = re.compile(r"10\.\d{4,9}/[^\s\"<>]+", re.IGNORECASE)
_ARXIV = re.compile(
    r"(?<![\d.])(\d\d(?:0[1-9]|1[0-2])\.\d{4,5})(?:v\d+)?(?:\.pdf)?(?![\d.]*\d)", re.IGNORECASE
)
_OLD_ARXIV = re.compile(r"(?<![\w.-])([a-z][a-z-]{1,9}(?:\.[a-z]{2})?/\d{7})(?!\d)", re.IGNORECASE)
_DAY = re.compile(r"(\d{4})(?:-(\d{1,2})(?:-(\d{1,2}))?)?")


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words that stand one after the other; the last may be the beginning of a word."""

    words: tuple[str, ...]  # as `bare_words_of` cuts them
    is_prefix: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """A condition on the words of a paper: one of the phrases must occur, or none when negated."""

    phrases: tuple[Phrase, ...]
    field: str | None = None  # TITLE, AUTHOR, ORGANIZATION or ABSTRACT; None: any of them
    is_negated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchQuery:
    """What to look for. All conditions must hold."""

    text: str = ""  # as typed, cut to MAX_TEXT
    terms: tuple[Term, ...] = ()
    topic: str = ""  # slug, as typed
    since: date | None = None  # of the first listing
    until: date | None = None
    identifiers: tuple[tuple[str, str], ...] = ()  # (scheme, key): then nothing else counts
    notices: tuple[str, ...] = ()  # what was left out or read otherwise, a sentence each

    @property
    def is_empty(self) -> bool:
        """Whether nothing is asked."""
        return not (self.terms or self.topic or self.since or self.until or self.identifiers)


def parse_query(
    text: str,
    *,
    topic: str = "",
    author: str = "",
    organization: str = "",
    since: str = "",
    until: str = "",
    is_typing: bool = False,
) -> SearchQuery:
    """The query that a form's fields mean. Raises nothing, whatever they hold.

    since, until: 2024-03-05, 2024-03 or 2024. is_typing: the last word may be half typed.
    """
    reader = _Reader()
    text = reader.cut(text)
    identifiers = identifiers_in(text)
    if identifiers:
        return SearchQuery(text=text, identifiers=identifiers, notices=tuple(reader.notices))
    reader.read(text, is_typing=is_typing and text[-1:].isalnum())
    reader.add(AUTHOR, reader.cut(author))
    reader.add(ORGANIZATION, reader.cut(organization))
    for name, value in (("topic", topic), ("from", since), ("to", until)):
        reader.set(name, reader.cut(value))
    return reader.query(text)


def identifiers_in(text: str) -> tuple[tuple[str, str], ...]:
    """The arXiv identifiers and DOIs in a text, in any form: links, versions, prefixes."""
    found: list[tuple[str, str] | None] = []
    rest = text
    for match in _DOI.finditer(text):
        found.append(identifier_key("doi", match[0].rstrip(".,;:)]}'")))
        rest = rest.replace(match[0], " ")
    for match in (*_ARXIV.finditer(rest), *_OLD_ARXIV.finditer(rest)):
        found.append(identifier_key("arxiv", match[1]))
    return tuple(dict.fromkeys(key for key in found if key))[:MAX_IDENTIFIERS]


class _Reader:
    """Collects what the fields of a form say."""

    def __init__(self) -> None:
        self.notices: list[str] = []
        self._terms: list[Term] = []
        self._set: dict[str, str] = {}
        self._too_common: list[str] = []
        self._too_many = False

    def cut(self, value: str) -> str:
        """A value that is short enough to read, in one line."""
        if len(value) > MAX_TEXT:
            self._note(f"Only the first {MAX_TEXT} characters were read.")
        # databases and browsers take neither control characters nor halves of UTF-16 pairs
        read = "".join(sign if sign.isprintable() else " " for sign in value[:MAX_TEXT])
        return " ".join(read.split())

    def read(self, text: str, *, is_typing: bool) -> None:
        """Words, phrases and `field:value` of the search field itself."""
        items = list(_ITEM.finditer(text.translate(_QUOTES)))
        for item in items:
            field = _FIELDS.get((item["field"] or "").lower())
            quoted = item["quoted"]
            value = item["bare"] if quoted is None else quoted
            if field in ("topic", "from", "to"):
                self.set(field, value)
                continue
            if field is None and quoted is None and not self._tells_of_field(value):
                continue
            half_typed = is_typing and item is items[-1] and quoted is None
            self._add(
                value,
                field=field,
                is_negated=item["minus"] is not None,
                is_quoted=quoted is not None,
                is_prefix=quoted is None and (half_typed or value.endswith("*")),
            )

    def _tells_of_field(self, value: str) -> bool:
        """Note what may be a misspelt field; False for the name of a field without a value."""
        name, colon, rest = value.partition(":")
        if not colon or not name.isalpha() or name.lower() in _SCHEMES or rest.startswith("//"):
            return True
        if name.lower() in _FIELDS and not rest:
            self._note(f"“{value}” says nothing: write a word right after the colon. It was left out.")
            return False
        if rest[:1].isalnum():
            meant = get_close_matches(name.lower(), _FIELDS, n=1)
            known = f"Did you mean {meant[0]}:?" if meant else f"There are {', '.join(_FIELD_NAMES)}."
            self._note(f"“{name}:” is no field of a search. {known} It was searched as words.")
        return True

    def add(self, field: str, value: str) -> None:
        """A field of its own, such as the author's: every word of it, or a phrase in quotes."""
        for item in _ITEM.finditer(value.translate(_QUOTES)):
            quoted = item["quoted"]
            words = item[0] if quoted is None else quoted
            self._add(words, field=field, is_quoted=quoted is not None)

    def set(self, name: str, value: str) -> None:
        """The topic, or one of the dates."""
        if value:
            self._set[name] = value

    def query(self, text: str) -> SearchQuery:
        """All of it together."""
        terms = [term for term in self._terms if not term.is_negated]
        since, until = self._day("from"), self._day("to", last=True)
        if since and until and since > until:
            self._note("The first date is after the second: the two were exchanged.")
            self._set |= {"from": self._set["to"], "to": self._set["from"]}
            since, until = self._day("from"), self._day("to", last=True)
        if self._too_common and not terms:
            self._note(f"Nearly every paper has {_listed(self._too_common)}. Add a rarer word.")
        if self._too_many:
            self._note(f"Only the first {MAX_TERMS} words were searched.")
        if self._terms and not terms:
            self._note("A minus leaves papers out. Add a word that the papers must have.")
        query = SearchQuery(text=text, terms=tuple(self._terms) if terms else (), notices=tuple(self.notices))
        return replace(query, topic=self._set.get("topic", ""), since=since, until=until)

    def _add(
        self,
        value: str,
        *,
        field: str | None,
        is_negated: bool = False,
        is_quoted: bool = False,
        is_prefix: bool = False,
    ) -> None:
        words = tuple(bare_words_of(value))[:MAX_PHRASE]
        if not words:
            return
        if field not in (AUTHOR, ORGANIZATION) and not is_prefix and STOP_WORDS.issuperset(words):
            self._too_common.append(f"“{value}”")
            return
        if len(self._terms) == MAX_TERMS:
            self._too_many = True
            return
        phrases = _phrases(value, words, is_quoted=is_quoted, is_prefix=is_prefix)
        term = Term(phrases=phrases, field=field, is_negated=is_negated)
        if term not in self._terms:
            self._terms.append(term)

    def _day(self, name: str, *, last: bool = False) -> date | None:
        written = self._set.get(name, "")
        if not written:
            return None
        match = _DAY.fullmatch(written.strip())
        try:
            if match is not None:
                year, month, day = (int(part) if part else None for part in match.groups())
                assert year is not None
                month = month or (12 if last else 1)
                return date(year, month, day or (monthrange(year, month)[1] if last else 1))
        except ValueError:  # month 13, year 0000
            pass
        self._note(f"“{written[:40]}” is no date: write it like 2024-03-05 or 2024-03. It was left out.")
        return None

    def _note(self, sentence: str) -> None:
        if sentence not in self.notices:
            self.notices.append(sentence)


def _phrases(value: str, words: tuple[str, ...], *, is_quoted: bool, is_prefix: bool) -> tuple[Phrase, ...]:
    """The spellings of a word or phrase that mean the same."""
    found = [Phrase(words)]
    if not is_quoted and len(words) > 1:  # pre-training, and pretraining
        joined = tuple(bare_words_of("".join(sign for sign in value if sign.isalpha())))
        if len(joined) == 1 and "".join(words).isalpha() and any(dash in value for dash in _DASHES):
            found.append(Phrase(joined))
    last = _last_run(value)
    if is_prefix and len(last) >= MIN_PREFIX:
        found.append(Phrase((*words[:-1], last), is_prefix=True))
        if last.endswith("ie"):  # batterie…: its singular ends otherwise
            found.append(Phrase((*words[:-1], last[:-2] + "y")))
    return tuple(dict.fromkeys(found))


def _last_run(value: str) -> str:
    """The last word as it is typed, with its ending."""
    found = re.findall(r"[^\W\d_]+|\d+", value)
    cut = bare_words_of(f"{found[-1]}xqx") if found else []  # so that it has no ending of a plural
    return cut[-1].removesuffix("xqx") if cut else ""


def _listed(values: list[str]) -> str:
    shown = list(dict.fromkeys(values))[:3]
    return " and ".join(shown)
