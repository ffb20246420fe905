"""Makes the search index of a static copy: scripts of which a page loads only those that a query needs.

They are scripts because a page that is opened from a disk may load nothing else. A shard of words holds all
words that begin alike; a shard of papers holds what a result shows. The words are those of the search of the
server (`newsletter.core.papers.search_words`).
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from newsletter.core.papers.search_words import compounds_of, words_of

PAPERS_PER_SHARD = 25
SHARD_SIZE = 40_000  # bytes of words; a larger shard is split by the next character
TITLE_WEIGHT, NAME_WEIGHT, TEXT_WEIGHT = 6, 4, 1
MAX_WEIGHT = 7  # a word's weight in one paper takes three bits
WORDS = "search/words"  # how the names of files with words begin
NAMES = 50  # authors of a paper that can be found
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True, kw_only=True)
class StaticHit:
    """A paper as a result of the search shows it."""

    title: str
    file: str  # relative to the folder
    about: str  # byline and day
    lead: str


def weights_of(title: str, names: Sequence[str], abstract: str) -> dict[str, int]:
    """The words of a paper, and how much each says of it: 1 to MAX_WEIGHT."""
    weights: Counter[str] = Counter()
    for text, weight in (
        (title, TITLE_WEIGHT),
        ("\n".join(names[:NAMES]), NAME_WEIGHT),
        (abstract, TEXT_WEIGHT),
    ):
        for word in {*(each.word for each in words_of(text)), *compounds_of(text)}:
            weights[word] += weight
    return {word: min(weight, MAX_WEIGHT) for word, weight in weights.items()}


def papers_shard(number: int, papers: Sequence[StaticHit]) -> bytes:
    """The script with PAPERS_PER_SHARD papers, the number-th of all."""
    return _call("papers", number, [[each.title, each.file, each.about, each.lead] for each in papers])


def words_files(weights: Iterable[Mapping[str, int]]) -> Iterator[tuple[str, bytes]]:
    """The scripts with words, and the one that says which there are, by name of file.

    weights: of each paper, in the order of their numbers.
    """
    postings: defaultdict[str, list[str]] = defaultdict(list)
    last: dict[str, int] = {}
    papers = 0
    for number, words in enumerate(weights):
        papers = number + 1
        for word, weight in words.items():
            # Numbers grow, so the distance to the paper before is short.
            postings[word].append(_base36((number - last.get(word, 0)) * 8 + weight))
            last[word] = number
    entries = {word: ",".join(found) for word, found in sorted(postings.items())}
    groups = list(_shards(entries, 1))
    file_of: dict[str, int] = {}  # by how its words begin
    packed: list[dict[str, str]] = [{}]
    size = 0
    for prefix, group, own in sorted(groups, key=lambda found: found[0]):
        if size and size + own > SHARD_SIZE:
            packed.append({})
            size = 0
        packed[-1].update(group)
        file_of[prefix] = len(packed) - 1
        size += own
    for number, shard in enumerate(packed):
        yield f"{WORDS}-{number}.js", _call("words", number, shard)
    about = {"papers": papers, "shard": PAPERS_PER_SHARD, "words": file_of}
    yield f"{WORDS}.js", _call("start", about)


def _shards(entries: dict[str, str], length: int) -> Iterator[tuple[str, dict[str, str], int]]:
    """The words by their first characters, few enough in each group; and the bytes of each group."""
    groups: dict[str, dict[str, str]] = {}
    for word, found in entries.items():
        groups.setdefault(word[:length], {})[word] = found
    for prefix, group in groups.items():
        size = sum(len(word) + len(found) + 6 for word, found in group.items())
        if size <= SHARD_SIZE or len(group) == 1:
            yield prefix, group, size
            continue
        whole = {word: found for word, found in group.items() if len(word) == length}
        if whole:  # the word that is the prefix itself
            yield f"{prefix}$", whole, sum(map(len, whole.values()))
        yield from _shards({word: found for word, found in group.items() if len(word) > length}, length + 1)


def _call(name: str, *values: object) -> bytes:
    written = ",".join(json.dumps(value, ensure_ascii=False, separators=(",", ":")) for value in values)
    # In a script these would end it, or a line of it.
    safe = written.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    return f"archiveSearch.{name}({safe});\n".encode("utf-8", "replace")


@lru_cache(maxsize=100_000)  # the distances are mostly small
def _base36(number: int) -> str:
    digits = ""
    while True:
        number, digit = divmod(number, 36)
        digits = _DIGITS[digit] + digits
        if not number:
            return digits
