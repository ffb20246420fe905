"""Finds where the sentences of an abstract begin and end, and where a clause may be cut. It chooses none.

Formulas, addresses, abbreviations, initials, numbers and what stands in brackets end no sentence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

MOST_READ = 8_000  # characters of a text; longer ones are rarely abstracts
_LONGEST_WORD = 24  # characters; an abbreviation is shorter

_STOP = re.compile(r"[.!?…。！？][.!?…。！？]*[)\]\"”’»'*}」』）]*")
# What may follow the end: a capital, a figure, a formula, or a name like "vLLM". A small letter goes on.
_FOLLOWS = re.compile(
    r"\s+[\"“‘'`«(\[*%•–—-]*\s?(?:[^\W_a-zß-öø-ÿ]|[$\\{<]|[a-z]{1,8}[A-Z\d])|\s*\Z|\s+[\"“‘'`«(\[]*[^\x00-\u024f\s]"
)
# Words that begin a sentence far more often than a name.
_OPENER = re.compile(
    r"\s*[\"“‘'(\[]?(?:A|We|Our|In|The|This|These|Those|To|However|Its?|They|Moreover|Furthermore|Additionally|"
    r"Finally|Here|Specifically|Extensive|Experiments?|Results?|An|As|For|By|On|At|With|While|When|Yet|But|"
    r"Thus|Hence|Although|Despite|Through|Across|From|Unlike|Existing|Recent|Such|There|Code|Empirically|"
    r"Overall|Using|Since|Because|Building|Based|Evaluations?|Notably|Importantly|Motivated|Inspired|If|Both|"
    r"Each|First|Second|Third|Next|Then|Instead|Nevertheless|Therefore|Consequently|Besides|Also|Most|Many|"
    r"Previous|Prior)(?=\s|,)"
)
_NEVER_LAST = frozenset(  # after these a full stop ends no sentence
    """
    e.g. i.e. eg. ie. cf. vs. v. viz. resp. approx. incl. w.r.t. s.t. fig. figs. eq. eqs. eqn. eqns. sec.
    secs. sect. sects. ref. refs. tab. tabs. alg. algs. thm. thms. prop. def. defs. chap. app. nos. vol. vols.
    pp. ch. dr. drs. prof. profs. mr. mrs. ms. mx. st. gen. rev. sr. ca. et.
    """.split()  # noqa: SIM905 (a list of quoted words is harder to read)
)
_SELDOM_LAST = frozenset(  # it does where a word follows that begins sentences
    """
    al. etc. a.k.a. no. p. inc. ltd. co. corp. jr. univ. dept. ph.d. b.sc. m.sc. assoc. u.s.a. u.s. u.k.
    e.u. u.n. d.c. a.m. p.m. yahoo!
    """.split()  # noqa: SIM905
)
_INITIAL = re.compile(r"(?:[^\W\d_]\.-?){1,4}\Z")
_MARKS = "%•"  # before a sentence: of a comment in TeX, of an item in a list
_LONG_WORD = 7  # letters; no abbreviation has as many
_LONGEST_NUMBER = 6  # characters of "(iii."
_NUMBER_ALONE = re.compile(r"\(?(?:\d{1,2}|[ivx]{1,4}|[a-zA-Z])\.\Z")  # "1. First"
_BEFORE_WORD = "([{\"“‘'~/,;"  # what may stand before an abbreviation without a blank
# A dollar sign is a formula's where no blank follows the first and precedes the second one, and no digit
# follows the second: "costs $5 to $10" holds none.
_FORMULA = re.compile(
    r"\$\$[^$]{1,600}\$\$|\$(?=[^\s$])[^$]{0,300}?(?<=\S)\$(?!\d)|\\\([^\\]{1,300}\\\)|\\\[[^\\]{1,600}\\\]"
)
_BRACKET = re.compile(r"\([^()]{0,400}\)|\[[^\[\]]{0,400}\]")  # one that closes later is a stray one
_BLANK_LINE = re.compile(r"\n[ \t]*\n")
_LINK_WORD = re.compile(
    r"\s(?=(?:and|but|while|whereas|which|that|where|when|because|so that|thereby|enabling)\s)"
)
_CLAUSE_END = re.compile(r"[,;:](?=\s)|[–—](?=\s)|[，；：]")


def sentence_spans(text: str) -> list[tuple[int, int]]:
    """Begin and end of each sentence in the first MOST_READ characters, blanks around it left out.

    The last one may be cut where the text is longer.
    """
    text = text[:MOST_READ]
    whole = _whole_pieces(text)
    ends = [found.end() for found in _STOP.finditer(text) if _ends(text, found, whole)]
    if "\n" in text:
        ends = sorted({*ends, *(found.start() for found in _BLANK_LINE.finditer(text))})
    ends.append(len(text))
    spans = []
    begin = 0
    for end in ends:
        while begin < end and (text[begin].isspace() or text[begin] in _MARKS):
            begin += 1
        last = end
        while last > begin and text[last - 1].isspace():
            last -= 1
        if last - begin <= _LONGEST_NUMBER and (
            last == begin or (end < len(text) and _NUMBER_ALONE.match(text[begin:last]))
        ):
            continue
        spans.append((begin, last))
        begin = end
    return spans


def clause_ends(text: str, begin: int, end: int) -> Iterator[int]:
    """Where a clause of text[begin:end] ends; its comma, semicolon, colon or dash is left out."""
    return _cuts(_CLAUSE_END, text, begin, end)


def link_words(text: str, begin: int, end: int) -> Iterator[int]:
    """Where text[begin:end] goes on with "and", "which" or the like; worse a cut than the end of a clause."""
    return _cuts(_LINK_WORD, text, begin, end)


def _cuts(signs: re.Pattern[str], text: str, begin: int, end: int) -> Iterator[int]:
    whole = _whole_pieces(text[begin:end])
    for found in signs.finditer(text, begin, end):
        if not any(one < found.start() - begin < two for one, two in whole):
            yield begin + len(text[begin : found.start()].rstrip())


def _whole_pieces(text: str) -> list[tuple[int, int]]:
    """Stretches that are not cut: formulas and brackets."""
    found = []
    if "$" in text or "\\" in text:
        found = [formula.span() for formula in _FORMULA.finditer(text)]
    if "(" in text or "[" in text:
        found += [bracket.span() for bracket in _BRACKET.finditer(text)]
    return found


def _ends(text: str, stop: re.Match[str], whole: list[tuple[int, int]]) -> bool:
    """Whether a sentence ends with this full stop, question mark or exclamation mark."""
    at, end = stop.span()
    for one, two in whole:
        if one <= at and end < two:
            return False
    sign = text[at]
    if sign in "。！？":
        return True
    if end < len(text) and not text[end].isspace():  # a blank is missing, or it is a number, name or address
        return text[at - 2 : at].islower() and _OPENER.match(text, end) is not None
    if not "A" <= text[end + 1 : end + 2] <= "Z" and not _FOLLOWS.match(text, end):
        return False
    if at >= _LONG_WORD and text[at - _LONG_WORD : at].isalpha():
        return True
    if sign in ".!" and text[at + 1 : at + 2] != ".":
        words = text[max(0, at - _LONGEST_WORD) : at + 1].split()
        word = words[-1].lstrip(_BEFORE_WORD).lower()
        if word in _NEVER_LAST or (_NUMBER_ALONE.match(word) and words[-2:-1] and _counts_on(words[-2])):
            return False
        if word in _SELDOM_LAST or _INITIAL.match(word):
            return _OPENER.match(text, end) is not None
    return True


def _counts_on(word: str) -> bool:
    """Whether "2." after this word is the number of an item."""
    return word in ("and", "or") or word[-1] in ":;,"
