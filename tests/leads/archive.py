"""Reads the archive's papers that have a summary by a model, and measures ROUGE-L against it.

The summaries serve for scoring alone: none is shown or stored.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from newsletter.core.papers.sentences import sentence_spans
from tests.topics.archive import DAILY

HELD_OUT_MONTHS = frozenset({"2025-07", "2025-08", "2025-11"})  # no training touches them
_WORD = re.compile(r"[a-z0-9]+")
_CUE = re.compile(r"\bwe (?:propose|present|introduce|show|find)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class SummarizedPaper:
    """A paper and what a model wrote about it."""

    id: str
    month: str  # 2025-07
    title: str
    abstract: str
    summary: str

    @property
    def held_out(self) -> bool:
        """Whether the paper is of a month that no training touches."""
        return self.month in HELD_OUT_MONTHS

    def rouge(self, text: str) -> float:
        """ROUGE-L of a text against the summary."""
        return rouge_l(tuple(_WORD.findall(text.lower())), tuple(_WORD.findall(self.summary.lower())))

    def sentences(self) -> list[str]:
        """The sentences of the abstract."""
        return [self.abstract[begin:end] for begin, end in sentence_spans(self.abstract)]

    def cue_sentence(self) -> str:
        """The first sentence with "we propose" or the like, or the first one."""
        sentences = self.sentences()
        return next((sentence for sentence in sentences if _CUE.search(sentence)), sentences[0])


@cache
def papers() -> tuple[SummarizedPaper, ...]:
    """The papers with a summary, in the order of their days, without line ends as a listing stores them."""
    with gzip.open(DAILY, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return tuple(
        SummarizedPaper(
            id=row["id"],
            month=row["day"][:7],
            title=" ".join(row["title"].split()),
            abstract=" ".join(row["summary"].split()),
            summary=row["ai_summary"],
        )
        for row in rows
        if row["ai_summary"]
    )


def rouge_l(words: Sequence[str], reference: Sequence[str]) -> float:
    """ROUGE-L, the harmonic mean of precision and recall of the longest common subsequence."""
    if not words or not reference:
        return 0.0
    return 2 * common_subsequence(words, reference) / (len(words) + len(reference))


def common_subsequence(one: Sequence[str], two: Sequence[str]) -> int:
    """The length of the longest common subsequence, by the bits of one number for each row of the table."""
    places: dict[str, int] = {}
    for place, word in enumerate(one):
        places[word] = places.get(word, 0) | 1 << place
    all_places = (1 << len(one)) - 1
    row = all_places
    for word in two:
        shared = row & places.get(word, 0)
        row = ((row + shared) | (row - shared)) & all_places
    return len(one) - row.bit_count()
