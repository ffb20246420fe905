"""Finds stored papers that are about the same as one, and says which words they share.

Shared words count by how rare they are, in title and abstract; the index of search says how many papers have
each. It reads some dozens of papers, however many are stored.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from heapq import nsmallest
from math import log
from typing import Any

from sqlalchemy import Connection, Row, func, select

from newsletter.core.papers.search_words import Word, bare_words_of, words_of
from newsletter.db.schema import papers
from newsletter.papers.search.full_text import count_up_to, matching
from newsletter.papers.search.query import STOP_WORDS, Phrase, Term
from newsletter.papers.visibility import Visibility

MAX_ASKED = 100  # different words of the paper, those of the title first
MAX_COUNTED = 2_000  # papers: a word that more have says little
MAX_CHOSEN = 6  # words that the index looks for
MAX_RANKED = 600  # papers with any of them, the newest
MAX_READ = 24  # papers that are compared
MAX_SHARED = 4  # words and phrases that are named
MAX_NAMED = 3  # words of a named phrase
LEAST_SHARED = 2  # rare words: one alone may mean something else
FEWEST = 4  # telling words of a paper; with fewer all of its words count
MOST = 6  # times that a word counts
MIN_LETTERS = 3
TITLE_WEIGHT = 3  # a word of the title counts as one that stands three times in the abstract
_TEXT = 4_000  # characters of an abstract that are read
WEIGHED = 1_024  # papers whose words are remembered, some 10 MB


@dataclass(frozen=True, slots=True, kw_only=True)
class RelatedPaper:
    """A paper that is about the same as another."""

    paper_id: int
    title: str
    first_listed_on: date
    edition: int | None
    shared: tuple[str, ...]  # words and phrases as this paper writes them, the rarest first


def related_papers(
    connection: Connection, paper_id: int, *, view: Visibility, limit: int = 5
) -> tuple[RelatedPaper, ...]:
    """The visible papers that share the most and rarest words with a paper, the nearest first.

    Empty for an unknown paper, and where nothing shares enough.
    """
    row = connection.execute(select(papers.c.title, papers.c.abstract).where(papers.c.id == paper_id)).first()
    if row is None:
        return ()
    return _nearest(
        _weights(row.title, row.abstract),
        rarity=lambda words: _rarity(connection, words),
        near=lambda value: _near(connection, paper_id, _chosen(value), view),
        weights=lambda near: _weights(near.title, near.abstract),
        limit=limit,
    )


class RelatedAmong:
    """The same for many papers that are all in memory: no statement for each. About 4 kB a paper."""

    def __init__(self, rows: Iterable[Row[Any]]) -> None:
        """rows: of `papers`, each of which may be shown."""
        self._rows = {row.id: row for row in rows}
        self._weights = {row.id: _weights_of(row.title, row.abstract) for row in self._rows.values()}
        self._having: dict[str, list[int]] = {}
        for paper_id, words in self._weights.items():
            for word in words:
                self._having.setdefault(word, []).append(paper_id)

    def related_papers(self, paper_id: int, limit: int = 5) -> tuple[RelatedPaper, ...]:
        """As `related_papers`, for one of the papers."""
        return _nearest(
            self._weights[paper_id],
            rarity=self._rarity,
            near=lambda value: self._near(paper_id, value),
            weights=lambda near: self._weights[near.id],
            limit=limit,
        )

    def _rarity(self, words: Collection[str]) -> dict[str, float]:
        counts = {word: len(self._having.get(word, ())) for word in words}
        total = len(self._rows)
        return {word: log(total / count + 1) for word, count in counts.items() if 1 < count < MAX_COUNTED}

    def _near(self, paper_id: int, value: Mapping[str, float]) -> list[Row[Any]]:
        scores: Counter[int] = Counter()
        for word in _chosen(value):
            for other in self._having[word]:
                scores[other] += value[word]  # type: ignore[assignment]  # Counter adds any numbers
        scores.pop(paper_id, None)
        best = nsmallest(MAX_READ, scores.items(), key=lambda one: (-one[1], -one[0]))
        return [self._rows[other] for other, _ in best]


def _nearest(
    own: Mapping[str, int],
    *,
    rarity: Callable[[Collection[str]], Mapping[str, float]],
    near: Callable[[Mapping[str, float]], Iterable[Row[Any]]],
    weights: Callable[[Row[Any]], Mapping[str, int]],
    limit: int,
) -> tuple[RelatedPaper, ...]:
    """The papers nearest to one with these words.

    rarity: how much a word says. near: papers that have some of the most telling words. weights: the words of
    such a paper.
    """
    # what a paper is about stands in its title, or more than once
    telling = [word for word, times in own.items() if times > 1][:MAX_ASKED]
    rare = rarity(telling if len(telling) >= FEWEST else list(own)[:MAX_ASKED])
    value = {word: min(own[word], MOST) ** 0.5 * rare[word] for word in rare}
    found: list[tuple[float, Row[Any], Collection[str]]] = []
    for row in near(value):
        theirs = weights(row)
        shared = theirs.keys() & value.keys()
        if len(shared) >= LEAST_SHARED:
            likeness = sum(value[word] * min(theirs[word], MOST) ** 0.5 for word in shared)
            found.append((likeness / (len(theirs) + 50) ** 0.5, row, shared))
    found.sort(key=lambda one: (-one[0], -one[1].id))
    return tuple(_related(row, value, shared) for _, row, shared in found[:limit])


def _chosen(value: Mapping[str, float]) -> list[str]:
    """The words that papers are looked up by."""
    return sorted(value, key=lambda word: (-value[word], word))[:MAX_CHOSEN]


@lru_cache(maxsize=WEIGHED)
def _weights(title: str, abstract: str) -> Mapping[str, int]:
    """The same papers are near many others."""
    return _weights_of(title, abstract)


def _weights_of(title: str, abstract: str) -> Mapping[str, int]:
    """How often a paper has each word that may say what it is about."""
    counted = Counter(dict.fromkeys(bare_words_of(title), TITLE_WEIGHT))
    counted.update(bare_words_of(abstract[:_TEXT]))
    return {
        word: times
        for word, times in counted.items()
        if len(word) >= MIN_LETTERS and not word.isdigit() and word not in STOP_WORDS
    }


def _rarity(connection: Connection, words: Collection[str]) -> dict[str, float]:
    """How much it says that two papers share a word: only for words of several papers, but not of most."""
    total = connection.execute(select(func.max(papers.c.id))).scalar_one()
    counts = count_up_to(connection, words, MAX_COUNTED)
    return {word: log(total / count + 1) for word, count in counts.items() if 1 < count < MAX_COUNTED}


def _near(connection: Connection, paper_id: int, chosen: Sequence[str], view: Visibility) -> Sequence[Any]:
    """The papers that the index ranks first for any of the words."""
    if not chosen:
        return ()
    any_of = Term(phrases=tuple(Phrase((word,)) for word in chosen))
    is_other = papers.c.id != paper_id
    found = matching(connection, [any_of], view.paper_is_visible(papers), is_other, limit=MAX_RANKED)
    ranked = found.subquery()
    best = select(ranked.c.id).order_by(ranked.c.score.desc(), ranked.c.id.desc()).limit(MAX_READ).subquery()
    columns = select(
        papers.c.id, papers.c.title, papers.c.abstract, papers.c.first_listed_on, papers.c.edition
    )
    return connection.execute(columns.join(best, best.c.id == papers.c.id)).fetchall()


def _related(row: Row[Any], value: Mapping[str, float], shared: Collection[str]) -> RelatedPaper:
    return RelatedPaper(
        paper_id=row.id,
        title=row.title,
        first_listed_on=row.first_listed_on,
        edition=row.edition,
        shared=_named(f"{row.title}\n{row.abstract[:_TEXT]}", value, shared),
    )


def _named(written: str, value: Mapping[str, float], shared: Collection[str]) -> tuple[str, ...]:
    """The shared words as they are written, neighbours as one phrase; those that say most come first."""
    runs: list[list[Word]] = []
    for word in words_of(written):
        if word.word not in shared:
            continue
        last = runs[-1] if runs else []
        between = written[last[-1].end : word.start] if last else ""
        if last and len(last) < MAX_NAMED and between in (" ", "-", ""):
            last.append(word)
        else:
            runs.append([word])
    named: list[tuple[str, ...]] = []
    shown: list[str] = []
    for run in sorted(runs, key=lambda run: -sum(value[word] for word in {one.word for one in run})):
        words = tuple(word.word for word in run)
        if not any(set(words) & set(other) for other in named):  # each word once
            named.append(words)
            shown.append(written[run[0].start : run[-1].end])
    return tuple(shown[:MAX_SHARED])
