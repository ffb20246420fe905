"""Decides which topics a paper belongs to, how surely, and why.

It knows nothing of stores, editions or corrections. It never answers a topic that `holds_all`, which needs no
matching.

Two steps:

1. `RuleSet.read` of `newsletter.core.topics.matching` finds the words, and the phrases of each topic with
   their points.
2. A `Scorer` turns that reading into one score for each topic. From the topic's `section_at` on, usually 0.5,
   a paper is in its section.

`RuleScorer` compares points with the topic's `strong_at`. A trained model (`newsletter.topics.model`) weighs
the words as well, and its scores are probabilities. The evidence is the matched phrases, as the paper writes
them. Where they alone do not reach the section, the words with the largest weights follow.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from newsletter.core.topics.matching import (
    EVIDENCE_SHOWN,
    STRONG_SCORE,
    PaperReading,
    PhraseHit,
    RuleSet,
    TopicReading,
    evidence_of,
    score_of,
    strength_of,
)
from newsletter.core.topics.phrases import stem_of, words_of
from newsletter.core.topics.topic_match import TopicMatch
from newsletter.topics.definitions import Topic


class Scorer(Protocol):
    """Turns a reading into scores."""

    def scores(self, paper: PaperReading) -> Sequence[float]:
        """The score of each topic of the reading, 0 to 1, in its order."""

    def words(self, paper: PaperReading, topic: str) -> tuple[str, ...]:
        """Words, other than the rules' phrases, that raised the score of a topic (slug), strongest first."""


class RuleScorer:
    """Scores by the rules alone. Scores of topics are comparable, since each has its own `strong_at`."""

    def scores(self, paper: PaperReading) -> list[float]:
        """The score of each topic of the reading, 0 to 1, in its order."""
        return [score_of(topic.points, topic.strong_at) for topic in paper.topics]

    def words(self, _paper: PaperReading, _topic: str) -> tuple[str, ...]:
        """No words: only the rules' phrases count."""
        return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """How one topic scores one paper."""

    topic: str  # slug
    score: float  # 0 to 1
    strength: str | None  # strong, maybe, or None: no match
    points: float  # of the rules alone
    strong_at: float  # points that make a strong match by the rules alone
    counted: tuple[PhraseHit, ...]  # phrases for or against the topic, most points first
    set_aside: tuple[PhraseHit, ...]  # phrases without their context, or with a phrase of `unless`
    words: tuple[str, ...] = ()  # with the largest weights in a trained model


class Matcher:
    """Compiled topics. Make one and keep it: compiling takes some 20 ms, a paper some 0.1 ms."""

    def __init__(self, topics: Mapping[str, Topic] | Iterable[Topic], scorer: Scorer | None = None) -> None:
        """topics: of `load_topics`. scorer: by default one that uses the rules alone."""
        given = topics.values() if isinstance(topics, Mapping) else topics
        matched = [topic for topic in given if not topic.holds_all]
        self._rules = RuleSet(topic.rules for topic in matched)
        self._section_at = [topic.section_at for topic in matched]
        self._scorer: Scorer = scorer or RuleScorer()
        self.slugs = tuple(topic.topic for topic in self._rules.topics)  # in the order of the topics

    def match(self, title: str, abstract: str, categories: Sequence[str] = ()) -> tuple[TopicMatch, ...]:
        """The topics of a paper, strong and maybe, best score first. Any text gets an answer.

        Only `strength == "strong"` goes into sections. categories: of arXiv, where the source has them.
        """
        return self.read(title, abstract, categories)[1]

    def scores(self, title: str, abstract: str) -> dict[str, float]:
        """The score of every topic that has rules, 0 included, in the topics' order."""
        return self.read(title, abstract)[0]

    def read(
        self, title: str, abstract: str, categories: Sequence[str] = ()
    ) -> tuple[dict[str, float], tuple[TopicMatch, ...]]:
        """`scores` and `match` in one pass."""
        paper = self._rules.read(title, abstract, categories)
        scores: dict[str, float] = {}
        matches: list[TopicMatch] = []
        found = self._scorer.scores(paper)
        for topic, score, section_at in zip(paper.topics, found, self._section_at, strict=True):
            scores[topic.topic] = score
            if strength := strength_of(score, section_at):
                evidence = self._evidence(paper, topic)
                matches.append(
                    TopicMatch(topic=topic.topic, score=score, strength=strength, evidence=evidence)
                )
        matches.sort(key=lambda match: -match.score)  # stable: equal scores keep the topics' order
        return scores, tuple(matches)

    def _evidence(self, paper: PaperReading, topic: TopicReading) -> tuple[str, ...]:
        evidence = evidence_of(topic.hits)
        if score_of(topic.points, topic.strong_at) >= STRONG_SCORE:
            return evidence
        shown = {stem_of(word) for phrase in evidence for word in words_of(phrase)}
        more = (
            paper.quotes.as_written(word)
            for word in self._scorer.words(paper, topic.topic)
            if not shown.issuperset(word.split())
        )
        return (*evidence, *more)[:EVIDENCE_SHOWN]

    def explain(self, title: str, abstract: str, categories: Sequence[str] = ()) -> tuple[Explanation, ...]:
        """The scores and phrases of every topic, also without a match, in the topics' order."""
        paper = self._rules.read(title, abstract, categories)
        return tuple(
            Explanation(
                topic=topic.topic,
                score=score,
                strength=strength_of(score, section_at),
                points=topic.points,
                strong_at=topic.strong_at,
                counted=tuple(hit for hit in topic.hits if not hit.set_aside),
                set_aside=tuple(hit for hit in topic.hits if hit.set_aside),
                words=tuple(map(paper.quotes.as_written, self._scorer.words(paper, topic.topic))),
            )
            for topic, score, section_at in zip(
                paper.topics, self._scorer.scores(paper), self._section_at, strict=True
            )
        )
