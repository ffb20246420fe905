"""Finds where the sentences of an abstract begin and end, and where a clause may be cut. It chooses none.

Formulas, addresses, abbreviations, initials, numbers and what stands in brackets end no sentence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

MOST_READ = 8_000  # characters of a text; longer ones are rarely abstracts
LONGEST_BRACKET = 400  # characters; a bracket that closes later is taken for a stray one

# What is read as one piece. A dollar sign is a formula's where no blank follows the first and precedes the
# second one, and no digit follows the second: "costs $5 to $10" holds none.
_PIECE = re.compile(
    r"\$\$[^$]{1,600}\$\$|\$(?=[^\s$])[^$]{0,300}?(?<=\S)\$(?!\d)|\\\(.{1,300}?\\\)|\\\[.{1,600}?\\\]"
    r"|(?:https?://|www\.)[^\s<>]*[^\s<>.,;:!?)\]}'\"”’]",
    re.DOTALL,
)
_BRACKET = re.compile(rf"\([^()]{{0,{LONGEST_BRACKET}}}\)|\[[^\[\]]{{0,{LONGEST_BRACKET}}}\]")

# Words that begin a sentence far more often than a name.
_OPENERS = (
    r"We|Our|In|The|This|These|Those|To|However|It|Its|They|Moreover|Furthermore|Additionally|Finally|Here|"
    r"Specifically|Extensive|Experiments?|Results?|An|As|For|By|On|At|With|While|When|Yet|But|Thus|Hence|"
    r"Although|Despite|Through|Across|From|Unlike|Existing|Recent|Such|There|Code|Empirically|Overall|Using|"
    r"Since|Because|Building|Based|Evaluations?|Notably|Importantly|Motivated|Inspired|If|Both|Each|First|"
    r"Second|Third|Next|Then|Instead|Nevertheless|Therefore|Consequently|Besides|Also|Most|Many|Previous|Prior"
)
_END = re.compile(
    r"(?:[.!?]+|…)[)\]\"”’»'*}]*(?=\s+[\"“‘'«(\[*`•–—-]*(?:[^\W_a-zß-öø-ÿ]|[$\\{<]|[a-z]+[A-Z0-9]|\\)|\s*\Z)"
    r"|(?<=[a-z)\]]{2})[.!?](?=(?:" + _OPENERS + r")\s)"
    r"|[。！？]+[)\]\"”’」』）]*"
    r"|(?<=\S)(?=[ \t]*\n[ \t]*\n)"
)
_OPENER = re.compile(rf"\s+[\"“‘'(\[]?(?:{_OPENERS}|A)\b(?!\.)")
_NEVER = re.compile(  # a full stop after these ends no sentence
    r"(?:^|[\s(\[{“\"‘'~/-])(?:e\.\s?g|i\.\s?e|eg|ie|cf|vs|v|viz|resp|approx|incl|w\.\s?r\.\s?t|s\.\s?t|"
    r"Figs?|figs?|Eqs?|eqs?|Eqns?|Secs?|sec|Sects?|Refs?|refs?|Tabs?|Algs?|Thms?|Props?|Defs?|Lem|Cor|Chaps?|"
    r"App|Apps|Nos|Vols?|pp|Ch|Dr|Drs|Profs?|Mr|Mrs|Ms|Mx|St|Gen|Rev|Sr|ca|et)\.$"
)
_SOMETIMES = re.compile(  # it does where a word follows that begins sentences
    r"(?:^|[\s(\[{“\"‘'~/.-])(?:al|etc|a\.k\.a|[Nn]o|p|Inc|Ltd|Co|Corp|Jr|Univ|Dept|Ph\.D|B\.Sc|M\.Sc|Assoc|"
    r"U\.S\.A|U\.S|U\.K|E\.U|U\.N|D\.C|a\.m|p\.m|Yahoo|[^\W\d_])[.!]$"
)
_NUMBER_ALONE = re.compile(r"(?:^|[.:;!?]\s+)\(?(?:\d{1,2}|[ivx]{1,4}|[a-zA-Z])\.$")  # "1. First"
_CLAUSE_END = re.compile(r"[,;:](?=\s)|\s+[–—](?=\s)|[，；：](?=\S)")
_LIST_GOES_ON = re.compile(r"\s+(?:and|or)\s")


def sentence_spans(text: str) -> list[tuple[int, int]]:
    """Begin and end of each sentence in the first MOST_READ characters, blanks around it left out.

    The last one may be cut where the text is longer.
    """
    text = text[:MOST_READ]
    whole = _whole_pieces(text)
    spans = []
    begin = 0
    for found in _END.finditer(text):
        end = found.end()
        if end <= begin or (end < len(text) and not _ends(text, begin, found, whole)):
            continue
        spans.append((begin, end))
        begin = end
    spans.append((begin, len(text)))
    return [trimmed for span in spans if (trimmed := _trimmed(text, *span))]


def clause_ends(text: str, begin: int, end: int) -> Iterator[int]:
    """Where a clause of text[begin:end] ends; its comma, semicolon, colon or dash is left out."""
    whole = _whole_pieces(text[begin:end])
    for found in _CLAUSE_END.finditer(text, begin, end):
        if not any(one < found.start() - begin < two for one, two in whole):
            yield begin + len(text[begin : found.start()].rstrip())


def _whole_pieces(text: str) -> list[tuple[int, int]]:
    """Stretches that are not cut: formulas, addresses, brackets."""
    found = []
    if "$" in text or "\\" in text or "://" in text or "www." in text:
        found = [piece.span() for piece in _PIECE.finditer(text)]
    if "(" in text or "[" in text:
        found += [bracket.span() for bracket in _BRACKET.finditer(text)]
    return found


def _ends(text: str, begin: int, found: re.Match[str], whole: list[tuple[int, int]]) -> bool:
    """Whether a sentence that began at `begin` ends with this sign."""
    at = found.start()
    if any(one <= at < two - 1 for one, two in whole):
        return False
    sign = found.group()
    if sign[:1] == "." and sign[1:2] != ".":
        head = text[max(begin, at - 24) : at + 1]
        if _NEVER.search(head) or _NUMBER_ALONE.search(
            head if at - begin > 24 else text[begin : at + 1].lstrip()
        ):
            return False
    if sign[:2] in (".", ".)", "!"):
        head = text[max(begin, at - 24) : at + 1]
        if _SOMETIMES.search(head):
            return _OPENER.match(text, found.end()) is not None
    return True


def _trimmed(text: str, begin: int, end: int) -> tuple[int, int] | None:
    piece = text[begin:end]
    kept = piece.strip()
    if not kept:
        return None
    begin += len(piece) - len(piece.lstrip())
    return begin, begin + len(kept)
