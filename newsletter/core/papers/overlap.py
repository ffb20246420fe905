"""Measures how much two abstracts overlap, and makes the keys that find overlapping ones without a scan.

Two parts of one work share most of their words. So only an overlap of nearly everything says that two papers
are the same, and `newsletter.core.papers.identity` asks for more than that.

An abstract becomes the set of its hashed word triples. Twelve minima of that set (one permutation, twelve
bins) make six bands of two. Papers that share a band are candidates, and an equality look-up finds them. Of
pairs with a Jaccard index of 0.3 some 43 % share a band, of 0.5 some 82 %, of 0.7 some 98 %; of unrelated
abstracts one pair in a million. Hashes are CRC-32 with a fixed mixing step: equal on every machine and in
every run. A change of the hashes, the triples or the bands needs a rebuilt table of bands.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Set

from newsletter.core.papers.identity import plain

BANDS = 6  # keys of a paper; each costs an index entry and writes one page of the index
ROWS = 2  # minima in a band
MIN_TRIPLES = 20  # an abstract with fewer says too little to be compared
MIN_JACCARD = 0.2  # unrelated abstracts measured up to 0.09, other works of the same authors up to 0.13
MIN_CONTAINMENT = 0.4  # of the shorter text, for an abstract that grew; unrelated to 0.17, same authors 0.23
SAME_JACCARD = 0.9  # of one work under two titles; the nearest pair of two works measured 0.77
MIN_SHARED_WORDS = 0.4  # of the shorter text's distinct words; unrelated abstracts share 0.2

_BINS = BANDS * ROWS
_MASK = 2**64 - 1
_SPREAD, _MIX = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9  # odd 64-bit constants of splitmix64
_WORD = re.compile(r"[^\W_]+")

# Triples of these words alone are left out ("we propose a", "is available at"): they say nothing about a
# paper and would fill buckets. They are three in four of the triples that unrelated abstracts share.
_COMMON_WORDS = b"""
    a an the of in on to for and or with by from as at is are was were be been this that these those we our it
    its their they can has have had which such both into than more most not but also so one two up out off s
    will would when where how what all each between through while however due well first further finally
    paper work study approach method methods framework system systems technique model models based
    propose proposes proposed present presents introduce introduces develop develops demonstrate demonstrates
    show shows find observe argue suggest evaluate evaluating evaluation provide provides improve improves
    improving achieve achieves achieving enable enables enabling address addressing bridge hope serve rely
    relying designed using use used via results experiments experimental extensive recent recently new novel
    advances promising emerged potential effectiveness performance quality need number range wide terms key
    challenge challenges issue issues gap limitations limitation trade existing various across multiple single
    significant significantly high scale real world time end state art free fine tuning training inference
    benchmark benchmarks task tasks data dataset datasets learning deep neural network networks large language
    llm llms vision multimodal multi agent agents reinforcement generation reasoning chain thought open source
    code available public publicly project page https http www github com huggingface co arxiv org abs
"""
_COMMON_SET = frozenset(_COMMON_WORDS.split())


def triples(abstract: str) -> frozenset[int]:
    """The hashed word triples of a text, without those of common words alone."""
    words = " ".join(_WORD.findall(plain(abstract).casefold())).encode("utf-8", "replace").split(b" ")
    crc32 = zlib.crc32
    common = _COMMON_SET
    return frozenset(
        crc32(b"%b %b %b" % (first, second, third))
        for first, second, third in zip(words, words[1:], words[2:], strict=False)
        if not (first in common and second in common and third in common)
    )


def bands(of_triples: Set[int]) -> tuple[int, ...]:
    """The keys (0 to 2**63 - 1) under which a text is found; none for fewer triples than MIN_TRIPLES."""
    if len(of_triples) < MIN_TRIPLES:
        return ()
    minima = [-1] * _BINS
    for value in of_triples:
        spread = value * _SPREAD & _MASK
        place = (spread >> 32) * _BINS >> 32
        mixed = spread * _MIX & _MASK
        if mixed < minima[place] or minima[place] < 0:
            minima[place] = mixed
    if -1 in minima:
        minima = _densified(minima)
    keys = []
    for band in range(BANDS):
        key = band + 1
        for minimum in minima[band * ROWS : (band + 1) * ROWS]:
            key = ((key ^ minimum) * _MIX + (minimum >> 31)) & _MASK
        keys.append(key >> 1)
    return tuple(keys)


def _densified(minima: list[int]) -> list[int]:
    """Fill empty bins from the next full one, marked with the distance (Shrivastava and Li, 2014)."""
    filled = list(minima)
    for place, minimum in enumerate(minima):
        distance = 0
        while minimum < 0:
            distance += 1
            minimum = minima[(place + distance) % _BINS]
        filled[place] = (minimum + distance * _SPREAD) & _MASK
    return filled


def may_overlap(words: frozenset[str], other: str) -> bool:
    """Whether a text shares enough of these words for `overlaps`, which is far slower."""
    others = other.split()
    return len(words.intersection(others)) >= MIN_SHARED_WORDS * min(len(words), len(others))


def jaccard(one: Set[int], other: Set[int]) -> float:
    """Shared triples over all triples, 0 to 1."""
    shared = len(one & other)
    return shared / (len(one) + len(other) - shared) if shared else 0.0


def share_words(one: str, other: str) -> bool:
    """Whether two titles share half of the shorter one's words, common words apart."""
    first, second = (
        {word for word in _WORD.findall(plain(title).casefold()) if word.encode() not in _COMMON_SET}
        for title in (one, other)
    )
    return bool(first & second) and 2 * len(first & second) >= min(len(first), len(second))


def overlaps(one: Set[int], other: Set[int]) -> float | None:
    """The Jaccard index when the overlap is strong enough for an admin to look, else None."""
    shorter = min(len(one), len(other))
    if shorter < MIN_TRIPLES:
        return None
    shared = len(one & other)
    index = shared / (len(one) + len(other) - shared)
    return index if index >= MIN_JACCARD or shared / shorter >= MIN_CONTAINMENT else None
