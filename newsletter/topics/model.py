"""Scores topics with a trained model, whose weights it reads from a small file.

It learns nothing (`newsletter.topics.training` does) and needs no library. Each topic has one logistic
regression, linear in the points of the topic's rules and in the paper's terms.

The score of a topic is a probability: σ(bias + rules·points + reached·min(points, 1) + Σ terms + Σ
categories), with points in units of the topic's `strong_at`. A paper whose source names no categories of
arXiv is scored without them. The rules alone score a topic without weights. They also score a bare title or
a very short abstract where their score is higher.
"""

from __future__ import annotations

import gzip
import json
import math
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import resources
from itertools import pairwise
from pathlib import Path
from typing import Any

from newsletter.core.errors import NewsletterError
from newsletter.core.topics.matching import PaperReading, TopicReading, score_of
from newsletter.core.topics.phrases import CACHED_LENGTH, CACHED_WORDS
from newsletter.topics.definitions import Topic
from newsletter.topics.features import content_of, readable
from newsletter.topics.matcher import Matcher

FILE_FORMAT = 1  # version of the file; another one is refused
SHIPPED_FILE = "weights.json.gz"
MAX_POINTS = 3.0  # times `strong_at`; more points do not raise the score
MIN_POINTS = -1.0  # times `strong_at`
TITLE_WEIGHT = 2.0  # a term in the title counts twice
SMOOTHING = 30  # words added to the length, so that the few words of a bare title do not count too much
SHORT_PAPER = 60  # words; the papers of the training are longer, so for a shorter one the rules count, too
EVIDENCE_TERMS = 3  # terms shown as evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicWeights:
    """The learned weights of one topic."""

    bias: float
    rules: float  # per unit of points
    reached: float  # per unit of points up to 1, so that points up to `strong_at` count more
    terms: Mapping[str, float]  # term to weight; the sum is divided by `length_of` the paper
    categories: Mapping[str, float] = field(default_factory=dict)  # of arXiv: "quant-ph" to weight
    positives: int = 0  # papers of the topic that it was learned from
    # (score, share of papers with that score or more that were right), from cross-validation
    precision: Sequence[tuple[float, float]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """The weights that one training run learned."""

    topics: Mapping[str, TopicWeights]  # by slug
    about: Mapping[str, Any] = field(default_factory=dict)  # numbers of papers and figures, for people

    def only(self, slugs: Container[str]) -> Weights:
        """These weights without those of other topics, which their rules then score."""
        kept = {slug: topic for slug, topic in self.topics.items() if slug in slugs}
        return replace(self, topics=kept)


def points_of(topic: TopicReading) -> float:
    """A topic's points for the model: in units of `strong_at`, bounded."""
    return min(max(topic.points / topic.strong_at, MIN_POINTS), MAX_POINTS)


def length_of(paper: PaperReading) -> float:
    """The divisor of a paper's sum of terms."""
    return math.sqrt(len(paper.title) + len(paper.abstract) + SMOOTHING)


def dump_weights(weights: Weights) -> bytes:
    """The file of these weights; equal weights make equal bytes."""
    stored = {
        "format": FILE_FORMAT,
        "about": dict(weights.about),
        "topics": {
            slug: {
                "bias": round(topic.bias, 4),
                "rules": round(topic.rules, 4),
                "reached": round(topic.reached, 4),
                "positives": topic.positives,
                "precision": [[round(score, 2), round(share, 3)] for score, share in topic.precision],
                "categories": {name: round(weight, 2) for name, weight in sorted(topic.categories.items())},
                "terms": {term: round(weight, 2) for term, weight in sorted(topic.terms.items())},
            }
            for slug, topic in weights.topics.items()
        },
    }
    return gzip.compress(json.dumps(stored, ensure_ascii=False, separators=(",", ":")).encode(), mtime=0)


def load_weights(file: Path | None = None) -> Weights:
    """The weights of `file`, or the shipped ones. Raises NewsletterError for a file without weights."""
    try:
        data = (resources.files("newsletter.topics") / SHIPPED_FILE if file is None else file).read_bytes()
        stored = json.loads(gzip.decompress(data))
        if stored["format"] != FILE_FORMAT:
            raise ValueError(f"format {stored['format']}, this version reads {FILE_FORMAT}")
        return Weights(
            about=stored["about"],
            topics={
                slug: TopicWeights(
                    bias=float(topic["bias"]),
                    rules=float(topic["rules"]),
                    reached=float(topic["reached"]),
                    positives=int(topic["positives"]),
                    precision=[(float(score), float(share)) for score, share in topic["precision"]],
                    terms={str(term): float(weight) for term, weight in topic["terms"].items()},
                    categories={  # weights of an earlier version have none
                        str(name): float(weight) for name, weight in topic.get("categories", {}).items()
                    },
                )
                for slug, topic in stored["topics"].items()
            },
        )
    except (OSError, EOFError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise NewsletterError(
            f"{file or SHIPPED_FILE} holds no weights of topics: {error}",
            hint="`newsletter topics train` makes it anew; without the file the shipped weights serve.",
        ) from error


class LinearModel:
    """Weights, compiled to score papers. Immutable except for a bounded cache of words."""

    def __init__(self, weights: Weights) -> None:
        self.weights = weights
        known = sorted({term for topic in weights.topics.values() for term in topic.terms})
        stems = {stem for term in known for stem in term.split()}
        # A word is a number from 1 up, 0 for no term; a pair is first · base + second.
        numbers = {stem: number for number, stem in enumerate(sorted(stems), 1)}
        self._base = len(numbers) + 1
        self._words = _WordNumbers(numbers)
        keys = {term: self._key(term, numbers) for term in known}
        self._names = {key: term for term, key in keys.items()}
        # Every topic has every key, so that a look-up needs no test.
        self._terms = {
            slug: {keys[term]: topic.terms.get(term, 0.0) for term in known}
            for slug, topic in weights.topics.items()
        }

    def _key(self, term: str, numbers: Mapping[str, int]) -> int:
        one, _, two = term.partition(" ")
        return numbers[one] * self._base + numbers[two] if two else numbers[one]

    def scores(self, paper: PaperReading) -> list[float]:
        """The score of each topic of the reading, 0 to 1, in its order."""
        title, found = self._read(paper)
        length = length_of(paper)
        categories = set(paper.categories)
        short = len(paper.title) + len(paper.abstract) < SHORT_PAPER
        scores = []
        for topic in paper.topics:
            weights = self.weights.topics.get(topic.topic)
            if weights is None:
                scores.append(score_of(topic.points, topic.strong_at))
                continue
            weight_of = self._terms[topic.topic].__getitem__
            weighed = sum(map(weight_of, found)) + (TITLE_WEIGHT - 1) * sum(map(weight_of, title))
            points = points_of(topic)
            logit = (
                weights.bias + weights.rules * points + weights.reached * min(points, 1.0) + weighed / length
            )
            if categories:
                logit += sum(weights.categories.get(name, 0.0) for name in categories)
            score = round(1 / (1 + math.exp(-max(min(logit, 30.0), -30.0))), 4)
            scores.append(max(score, score_of(topic.points, topic.strong_at)) if short else score)
        return scores

    def words(self, paper: PaperReading, topic: str) -> tuple[str, ...]:
        """The terms that raise a topic's score most, strongest first, at most EVIDENCE_TERMS."""
        terms = self._terms.get(topic)
        if terms is None:
            return ()
        title, found = self._read(paper)
        shares = {
            key: terms[key] * (TITLE_WEIGHT if key in title else 1.0) for key in found if terms[key] > 0
        }
        strongest = sorted(shares, key=lambda key: (-shares[key], key))
        return readable((self._names[key] for key in strongest), EVIDENCE_TERMS)

    def _read(self, paper: PaperReading) -> tuple[set[int], set[int]]:
        """Keys of the terms in the title, and of those in title and abstract."""
        known = self._names.keys()
        title = known & self._found(paper.title)
        return title, title | (known & self._found(paper.abstract))

    def _found(self, words: Sequence[str]) -> set[int]:
        """Keys of the words and pairs in a text; most keys of pairs belong to no term."""
        cache = self._words
        numbers = [cache[word] for word in words]
        base = self._base
        found = {one * base + two for one, two in pairwise(numbers) if one and two}
        found.update(numbers)
        return found


def matcher_of(topics: Mapping[str, Topic], weights: Weights) -> Matcher:
    """A matcher of these topics with the learned weights, except for topics with `learned = false`."""
    learned = {slug for slug, topic in topics.items() if topic.learned}
    return Matcher(topics, LinearModel(weights.only(learned)))


class _WordNumbers(dict[str, int]):
    """Maps a word of text to the number of its term, 0 for none."""

    def __init__(self, numbers: Mapping[str, int]) -> None:
        super().__init__()
        self._numbers = numbers

    def __missing__(self, word: str) -> int:
        stem = content_of(word)
        number = self._numbers.get(stem, 0) if stem else 0
        if len(self) < CACHED_WORDS and len(word) <= CACHED_LENGTH:
            self[word] = number
        return number
