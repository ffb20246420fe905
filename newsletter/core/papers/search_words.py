"""Cuts a text into the words that search compares, each with its place in the text.

Papers and queries are cut alike, so it does not matter how either is written:

- case, accents, width and the plural do not count: “Schrödinger” and `Schr\\"odinger` are one word;
- a Greek letter is its name, in Unicode and in TeX: “α”, `$\\alpha$` and “alpha”;
- letters and digits are words of their own: “GPT-4”, “GPT4” and “gpt 4” are the same two;
- a Chinese or Japanese character is a word, since no spaces part words there;
- “C++” and “C#” are words.

It knows no database and no query.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache, partial
from typing import NamedTuple

from newsletter.core.papers.identity import GREEK_NAMES, LATEX_FONTS, LATEX_SIGNS, without_accents

MAX_WORD = 40  # characters: what is longer is data, and is cut

_EASTERN = r"\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_INVISIBLE = r"\u0300-\u036f\u00ad\u200b-\u200d\u2060\ufeff"  # combining accents, soft hyphens, joiners
_LETTERS = rf"[^\W_{_EASTERN}]++|[{_INVISIBLE}]++"
# \'e, {\"o}, \"{\i}, \c{c}
_ACCENT = (
    r"""\{?\\['"`^~=.](?:\{\\?[A-Za-z]\}|\\[ij](?![A-Za-z])|[A-Za-z])\}?|\{?\\[cvuHkrbdt]\{[A-Za-z]\}\}?"""
)
_LANGUAGE = r"(?:(?<=[A-Za-z])(?<![^\W_][A-Za-z])(?:\+\+|\\?\#))?"  # after a letter alone: C++, C\#
_PLAIN = re.compile(rf"(?:{_LETTERS})++{_LANGUAGE}|[{_EASTERN}]")
_TEX = re.compile(rf"(?:{_LETTERS}|{_ACCENT})++{_LANGUAGE}|[{_EASTERN}]|\\[A-Za-z]+")
_TEX_MARKS = re.compile(r"""\\['"`^~=.]|\\[cvuHkrbdt](?=\{)|\\(?=[ij])|[{}]""")
_UNSEEN = re.compile(
    r"[\u00ad\u200b-\u200d\u2060\ufeff]"
)  # all but the accents, which `without_accents` knows
_PARTS = re.compile(r"\d+|[\u0370-\u03ff\u1f00-\u1fff]+|[^\d\u0370-\u03ff\u1f00-\u1fff]+")
_COMPOUND = re.compile(r"(?<![^\W\d_])[^\W\d_]++(?:-[^\W\d_]++)++")

_NO_PLURAL = frozenset(["bias", "alias", "atlas", "canvas", "lens", "texas"])


class Word(NamedTuple):
    """A word as it is compared, and where the text has it."""

    word: str
    start: int
    end: int


_word = partial(tuple.__new__, Word)  # a third of the time of `Word(…)`, which would be most of a search


def words_of(text: str) -> list[Word]:
    """The words of a text in their order. Works in time proportional to its length, for any text."""
    return [_word((word, *match.span())) for match in _form(text).finditer(text) for word in _words(match[0])]


def bare_words_of(text: str) -> list[str]:
    """The words alone, in half the time."""
    return [word for run in _form(text).findall(text) for word in _words(run)]


def _form(text: str) -> re.Pattern[str]:
    return _TEX if "\\" in text else _PLAIN


def compounds_of(text: str) -> list[str]:
    """Words with hyphens as one word each, as others write them: “pre-training” gives “pretraining”."""
    if not text.isascii():
        text = text.replace("\u2010", "-").replace("\u2011", "-")
    with_hyphen = " ".join(part for part in text.split() if "-" in part)
    return [word for run in _COMPOUND.findall(with_hyphen) for word in _words(run.replace("-", ""))]


@lru_cache(maxsize=50_000)  # a word of a paper is mostly one that another has
def _words(run: str) -> tuple[str, ...]:
    """A run of letters, digits, accents or a TeX command as words."""
    if run.isascii() and run.isalpha():
        return (singular(run.lower())[:MAX_WORD],)
    if run[0] == "\\" and run[1:].isalpha():
        name = run[1:]
        if name in LATEX_FONTS or (name in LATEX_SIGNS and name.lower() not in GREEK_NAMES):
            return ()
        return (name.lower()[:MAX_WORD],)  # a Greek letter, or a name that the authors defined
    if run[-1] in "+#":
        return (run.replace("\\", "").lower(),)
    plain = _UNSEEN.sub("", _TEX_MARKS.sub("", run))
    folded = without_accents(unicodedata.normalize("NFKC", plain).casefold())
    return tuple(word for part in _PARTS.findall(folded) if (word := _part(part)))


def _part(part: str) -> str:
    if len(part) == 1 and (name := _GREEK_LETTERS.get(part)):
        return name
    kept = "".join(sign for sign in part if sign.isalnum())
    return singular(kept)[:MAX_WORD]


_GREEK_LETTERS = {
    unicodedata.lookup(f"GREEK SMALL LETTER {'LAMDA' if name == 'lambda' else name.upper()}"): name
    for name in GREEK_NAMES
} | {"ς": "sigma", "ϕ": "phi", "ϵ": "epsilon", "ϑ": "theta", "µ": "mu"}


def singular(word: str) -> str:
    """A word in lower case without the ending of the plural; equal for both numbers, not always a word."""
    if len(word) <= 3 or not word.isascii() or word in _NO_PLURAL:
        return word
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("ss", "us")) and not word.endswith("pus"):  # process, virus; but gpus
        return word
    for ending in ("es", "is", "s", "e"):
        if word.endswith(ending):
            stem = word[: -len(ending)]
            return stem if len(stem) > 2 else word[:-1]
    return word
