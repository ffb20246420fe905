"""Say which topics a paper belongs to, how surely, and why.

Knows nothing of stores, editions or corrections, and never answers a topic that `holds_all`: that one needs
no matching. The phrases themselves are read by `newsletter.core.matching`.

A paper goes through two steps, and the seam between them is the `Scorer`:

1. `RuleSet.read` finds what is there: the words, and for each topic its phrases with points, in context.
2. A scorer turns that reading into one score per topic, calibrated so that 0.5 is where a paper enters the
   topic's section.

`score_by_rules` is the scorer of today: points against the topic's `strong_at`. A trained model is another
one (it gets the words as well as the points, so it needs no second pass over the text), given to `Matcher` in
its place; callers, strengths and evidence stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from newsletter.core.matching import (
    Hit,
    Match,
    PaperReading,
    RuleSet,
    TopicReading,
    evidence_of,
    score_of,
    strength_of,
)
from newsletter.topics.definitions import Topic

Scorer = Callable[[PaperReading, TopicReading], float]  # → 0 to 1; 0.5 and more is strong


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """All that one topic has to say about one paper."""

    topic: str  # slug
    score: float  # 0 to 1
    strength: str | None  # strong, maybe, or None: no match
    points: float  # of the rules alone
    strong_at: float  # points at which the rules alone call it strong
    counted: tuple[Hit, ...]  # what spoke for or against it, most points first
    set_aside: tuple[
        Hit, ...
    ]  # phrases that stand there but lack their context or stand beside a forbidden one


def score_by_rules(_paper: PaperReading, topic: TopicReading) -> float:
    """A topic's score from its points alone. Comparable among topics: each has its own `strong_at`."""
    return score_of(topic.points, topic.strong_at)


class Matcher:
    """Topics, compiled. Make one and keep it: compiling takes some 10 ms, a paper some 0.1 ms."""

    def __init__(
        self, topics: Mapping[str, Topic] | Iterable[Topic], scorer: Scorer = score_by_rules
    ) -> None:
        """Take the topics (as of `load_topics`) and what scores them."""
        given = topics.values() if isinstance(topics, Mapping) else topics
        self._rules = RuleSet(topic.rules for topic in given if not topic.holds_all)
        self._scorer = scorer
        self.slugs = tuple(topic.topic for topic in self._rules.topics)  # that it can answer, in order

    def match(self, title: str, abstract: str) -> tuple[Match, ...]:
        """The topics of a paper, strong and maybe, best score first. Any text gets an answer.

        Only `strength == "strong"` goes into sections.
        """
        return self.read(title, abstract)[1]

    def scores(self, title: str, abstract: str) -> dict[str, float]:
        """The score of every topic that has rules, 0 included, in the topics' order."""
        return self.read(title, abstract)[0]

    def read(self, title: str, abstract: str) -> tuple[dict[str, float], tuple[Match, ...]]:
        """`scores` and `match` in one pass."""
        paper = self._rules.read(title, abstract)
        scores: dict[str, float] = {}
        matches: list[Match] = []
        for topic in paper.topics:
            score = scores[topic.topic] = self._scorer(paper, topic)
            if strength := strength_of(score):
                matches.append(
                    Match(topic=topic.topic, score=score, strength=strength, evidence=evidence_of(topic.hits))
                )
        matches.sort(key=lambda match: -match.score)  # stable: equal scores keep the topics' order
        return scores, tuple(matches)

    def explain(self, title: str, abstract: str) -> tuple[Explanation, ...]:
        """What every topic found, also where it came to nothing, in the topics' order."""
        paper = self._rules.read(title, abstract)
        return tuple(self._explanation(paper, topic) for topic in paper.topics)

    def _explanation(self, paper: PaperReading, topic: TopicReading) -> Explanation:
        score = self._scorer(paper, topic)
        return Explanation(
            topic=topic.topic,
            score=score,
            strength=strength_of(score),
            points=topic.points,
            strong_at=topic.strong_at,
            counted=tuple(hit for hit in topic.hits if not hit.set_aside),
            set_aside=tuple(hit for hit in topic.hits if hit.set_aside),
        )
