"""Finds many phrases in a text in one pass: words in, phrase hits out, in time linear in the text.

It knows nothing of topics or weights (`newsletter.core.topics.matching` does). No regular expression here can
backtrack far.

How a phrase is written:

- plain words match in any case, singular or plural, and across a hyphen: "event camera" finds "Event-Cameras"
- a hyphen in the phrase means hyphen, space or nothing: "auto-encoder" finds "autoencoder", "auto encoder"
- a word with a capital after its first letter is an acronym and matches as written, or with a plural "s":
  "SNN" finds "SNNs" and never "snn"
- American and British spelling are one: "optimization" finds "optimisation", "colour" finds "color"
- a word that ends in `*` matches every word that begins so: "memrist*" finds "memristive"

A phrase never runs across the end of a sentence or a comma.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache
from html import unescape
from typing import Any, NamedTuple

MAX_CHARS = 20_000  # of one text that are read: ten long abstracts; a 1 MB "abstract" then costs a few ms
MAX_WORDS = 8  # of one phrase, so that the work per word of text is bounded
MIN_PREFIX = 3  # letters before `*`; shorter ones would match half the dictionary
CACHED_WORDS = 50_000  # distinct words in the cache (about 5 MB); others are looked up each time
CACHED_LENGTH = 40  # characters of a word in the cache; longer ones are no words

_TOKEN = re.compile(r"[^\W_]+|[,.;:!?](?=\s)")  # one class or one sign in each step: linear
_TAG = re.compile(r"</?[A-Za-z][^<>]{0,200}>")  # bounded: linear also on a text of "<a<a<a"
# bounded: an entity with a number of 5,000 digits is none
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z]\w{1,30});")
_INVISIBLE = re.compile("[\u00ad\u200b\u200c\u200d\u2060\ufeff]")  # soft hyphen, zero width
# Normalising a run of accents costs quadratic time. No text has over 30 in a row (UAX #15, section 13).
_SIGNS = re.compile(r"[^\w\s\x00-\x7f]{31,}")
# Words with two spellings: the part before, the part that differs, the part after. For phrases only.
_TWO_SPELLINGS = re.compile(
    r"(\w{3,})(iz|is)(e[drs]?|ers|ing|ations?|able)"
    r"|(col|fav|behavi|neighb)(ou?r)(\w*)"
    r"|(cent|fib)(er|re)(s?)"
    r"|(mode|labe)(ll?)(ed|ing|er)"
    r"|(analog)(ue|)()",
    re.IGNORECASE,
)
_AMERICAN_BRITISH = (("iz", "is"), ("or", "our"), ("er", "re"), ("l", "ll"), ("", "ue"))
_COUNTERPART = dict(_AMERICAN_BRITISH) | {british: american for american, british in _AMERICAN_BRITISH}


def words_of(text: str) -> list[str]:
    """Split `text` into words as written, with the signs that end a clause among them.

    Only the first MAX_CHARS characters are read. HTML tags are dropped, entities are read,
    compatibility forms ("ﬁ", full-width letters) are folded. Any string is fine.
    """
    words: list[str] = _TOKEN.findall(_without_possessives(cleaned(text)))
    return words


def cleaned(text: str) -> str:
    """The text in which `words_of` finds the words of `text`."""
    text = text[:MAX_CHARS]
    if "<" in text:
        text = _TAG.sub(" ", text)
    if "&" in text:
        text = _ENTITY.sub(lambda found: unescape(found[0]), text)
    if not text.isascii():
        text = _SIGNS.sub(" ", _INVISIBLE.sub("", text))
        text = unicodedata.normalize("NFKC", text)[:MAX_CHARS].replace("’", "'")
    return text


def spans_of(text: str) -> list[tuple[int, int]]:
    """Where each word of `words_of` stands in `text`, which is `cleaned`: (first character, one after)."""
    return [found.span() for found in _TOKEN.finditer(_without_possessives(text))]


def _without_possessives(text: str) -> str:
    return text.replace("'s ", "   ")  # as long as before: `spans_of` counts characters


def stem_of(word: str) -> str:
    """Fold case and the English plural: "Memories" → "memory", "Synapses" → "synapse"; nothing more."""
    word = word.casefold()
    if len(word) <= 3 or not word.endswith("s") or word.endswith(("ss", "us", "is")):
        return word
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("sses", "xes", "ches", "shes")):
        return word[:-2]
    return word[:-1]


def is_acronym(word: str) -> bool:
    """A capital after the first character: matched as written."""
    return any(letter.isupper() for letter in word[1:])


_Node = dict[int, Any]  # of the trie: symbol → node; under _ENDS the numbers of the phrases that end here
_ENDS = -1
_Known = tuple[list[_Node], tuple[int, ...]]  # nodes behind the root, symbols


class FoundPhrase(NamedTuple):
    """One phrase at one place. A tuple: a paper has tens of them, and a dataclass costs thrice as much."""

    phrase: int  # its number in the index
    start: int  # first word, counted from 0
    end: int  # one after the last word


class PhraseIndex:
    """Phrases compiled into a trie of word symbols. Immutable except for a bounded cache of words."""

    def __init__(self, phrases: Iterable[str]) -> None:
        """Compile phrases; a phrase's number is its position. Raises ValueError for an unusable one."""
        self.phrases = tuple(phrases)
        self._symbols: dict[str, int] = {}
        self._prefix_lengths: set[int] = set()
        self._root: _Node = {}
        for number, phrase in enumerate(self.phrases):
            for spelling in spellings_of(phrase):
                self._add(number, spelling)
        self._cache = _WordCache(self._root, self._symbols, frozenset(self._prefix_lengths))

    def _add(self, number: int, spelling: Sequence[str]) -> None:
        node = self._root
        for word in spelling:
            if word.endswith("*"):
                key = word.casefold()
                self._prefix_lengths.add(len(word) - 1)
            else:
                key = "=" + word if is_acronym(word) else stem_of(word)
            node = node.setdefault(self._symbols.setdefault(key, len(self._symbols)), {})
        ends: list[int] = node.setdefault(_ENDS, [])
        if number not in ends:
            ends.append(number)

    def find(self, words: Sequence[str]) -> list[FoundPhrase]:
        """Every place of every phrase in `words`, by start, the longest first."""
        cache = self._cache
        known = [cache[word] for word in words]
        found: list[FoundPhrase] = []
        for start, (nodes, _) in enumerate(known):
            if not nodes:  # most words: keep them cheap
                continue
            at = start + 1
            here = len(found)
            while nodes:
                for node in nodes:
                    for number in node.get(_ENDS, ()):
                        found.insert(here, FoundPhrase(number, start, at))
                following = known[at][1] if at < len(known) else ()
                if not following:
                    break
                nodes = [node[symbol] for node in nodes for symbol in following if symbol in node]
                at += 1
        return found


class _WordCache(dict[str, _Known]):
    """Maps a word of text to the trie nodes that it leads to from the root, and to its symbols.

    A word's symbols are those of its stem, of its exact spelling and of its prefixes.
    """

    def __init__(self, root: _Node, symbols: dict[str, int], prefix_lengths: frozenset[int]) -> None:
        super().__init__()
        self._root = root
        self._symbols = symbols
        self._prefix_lengths = prefix_lengths

    def __missing__(self, word: str) -> _Known:
        folded = word.casefold()
        keys = [stem_of(word)]
        if is_acronym(word):
            keys.append("=" + word)
            if word.endswith("s"):
                keys.append("=" + word[:-1])
        keys += [folded[:length] + "*" for length in self._prefix_lengths if len(folded) >= length]
        symbols = tuple(self._symbols[key] for key in keys if key in self._symbols)
        known = ([self._root[symbol] for symbol in symbols if symbol in self._root], symbols)
        if len(self) < CACHED_WORDS and len(word) <= CACHED_LENGTH:
            self[word] = known
        return known


@lru_cache(maxsize=4096)  # each phrase of the rules is first checked, then indexed
def spellings_of(phrase: str) -> tuple[tuple[str, ...], ...]:
    """The word sequences of a written phrase. Raises ValueError that names the fault."""
    choices: list[list[list[str]]] = []
    for written in phrase.split():
        parts = re.findall(r"[^\W_]+\*?", unicodedata.normalize("NFKC", written))
        if not parts:
            raise ValueError(f"{written!r} holds neither letter nor digit")
        if any("*" in part and len(part) <= MIN_PREFIX for part in parts):
            raise ValueError(f"{written!r} needs at least {MIN_PREFIX} letters before the *")
        closes_up = len(parts) > 1 and "-" in written and not any("*" in part for part in parts[:-1])
        choices.append([parts, ["".join(parts)]] if closes_up else [parts])
    if not choices:
        raise ValueError("a phrase is empty")
    if sum(len(choice[0]) for choice in choices) > MAX_WORDS:
        raise ValueError(f"{phrase!r} is longer than {MAX_WORDS} words")
    spellings = [tuple(itertools.chain(*choice)) for choice in itertools.product(*choices)]
    return tuple(dict.fromkeys(spellings + [tuple(map(_other_spelling, spelling)) for spelling in spellings]))


@lru_cache(maxsize=4096)  # rules repeat the same words
def _other_spelling(word: str) -> str:
    """The word in the other spelling, American or British; most words have one spelling and stay."""
    found = _TWO_SPELLINGS.fullmatch(word)
    if found is None:
        return word
    head, differs, tail = (part for part in found.groups() if part is not None)
    return head + _COUNTERPART[differs.lower()] + tail
