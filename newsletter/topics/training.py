"""Learns the weights of topics from labelled papers, and measures them on papers left out of the training.

It needs scikit-learn (`newsletter[train]`); scoring with the result does not (`newsletter.topics.model`). It
reads no files and stores nothing.

How a topic is learned, and why:

1. The author of the rules knew papers like those of the training, so on these papers the rules look better
   than they are. The points of a paper therefore count only phrases that occur in another fold
   (`without_unseen`).
2. A logistic regression over the terms gives each paper a margin, learned from the other folds.
3. A second regression weighs points and margin. Both come from other folds, so its result is a calibrated
   probability (Platt's method). All of it is linear and becomes one weight for each term.
4. Where papers have categories of arXiv, each category gets a weight that corrects that result. It is kept
   small, and papers without categories are scored as if there were none.
5. The present weights or the rules' points alone stay in use where they score left-out papers better.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from newsletter.core.topics.matching import TopicRules
from newsletter.topics.model import Weights
from newsletter.topics.training_set import BY_RULES, BY_WORDS, FOLDS, IN_FORCE, TrainingExample, TrainingSet

OUTCOMES = {BY_WORDS: "learned", BY_RULES: "rules weighed", IN_FORCE: "kept"}
PRECISION_SCORES = (0.25, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)  # scores whose precision is reported


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicTrainingResult:
    """The outcome of the training for one topic."""

    topic: str
    outcome: str  # learned, rules weighed (words do not help), kept (nothing does better), too few labels
    positives: int  # judged papers of the topic
    judged: int
    loss_before: float | None = None  # mean negative log likelihood of the judged papers, present weights
    loss_after: float | None = None  # the same, cross-validated


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingReport:
    """The outcome of a training run."""

    weights: Weights
    topics: tuple[TopicTrainingResult, ...]
    scores: tuple[Mapping[str, float], ...]  # held-out score of each example, for the topics with labels


def train(
    examples: Sequence[TrainingExample],
    topics: Sequence[TopicRules],
    *,
    base: Weights | None = None,
    folds: int = FOLDS,
    seed: int = 0,
    tick: Callable[[int, int], None] = lambda _done, _total: None,
) -> TrainingReport:
    """Learn all topics with enough examples; other topics keep the weights of `base`.

    base: the present weights. folds: of the cross-validation that decides whether the learned weights are
    used. tick: called with (folds done, all folds). Raises NewsletterError without scikit-learn.
    """
    training_set = TrainingSet(examples, topics)
    wanted = [number for number in range(len(topics)) if training_set.has_enough_examples(number)]
    held_out = training_set.held_out(wanted, base=base, folds=folds, seed=seed, tick=tick)
    everyone = list(range(len(examples)))
    fitted = training_set.fit(everyone, wanted, base=base, seed=seed) if wanted else {}
    kept = dict(base.topics) if base else {}
    results: list[TopicTrainingResult] = []
    scores: list[dict[str, float]] = [{} for _ in everyone]
    for number, rules in enumerate(topics):
        slug = rules.topic
        judged = [i for i in everyone if examples[i].judged and slug in examples[i].labels]
        labels = [examples[i].labels[slug] for i in judged]
        if number not in fitted:
            results.append(
                TopicTrainingResult(
                    topic=slug, outcome="too few labels", positives=sum(labels), judged=len(judged)
                )
            )
            continue
        losses = {kind: _loss([of[i][slug] for i in judged], labels) for kind, of in held_out.items()}
        best = min(losses, key=lambda kind: losses[kind])  # of equal ones the first: words
        for i in everyone:
            scores[i][slug] = held_out[best][i][slug]
        if best != IN_FORCE:
            kept[slug] = replace(
                fitted[number][best],
                positives=sum(labels),
                precision=_precision([scores[i][slug] for i in judged], labels),
            )
        results.append(
            TopicTrainingResult(
                topic=slug,
                outcome=OUTCOMES[best],
                positives=sum(labels),
                judged=len(judged),
                loss_before=losses[IN_FORCE],
                loss_after=losses[best],
            )
        )
    about = {"papers": len(examples), "judged": sum(example.judged for example in examples)}
    return TrainingReport(
        weights=Weights(topics=kept, about=about), topics=tuple(results), scores=tuple(scores)
    )


def _loss(scores: Sequence[float], labels: Sequence[bool]) -> float:
    """Mean negative log likelihood; scores are limited to .001 to .999."""
    return -sum(
        math.log(min(max(score if label else 1 - score, 0.001), 0.999))
        for score, label in zip(scores, labels, strict=True)
    ) / max(len(scores), 1)


def _precision(scores: Sequence[float], labels: Sequence[bool]) -> list[tuple[float, float]]:
    shares = []
    for least in PRECISION_SCORES:
        above = [label for score, label in zip(scores, labels, strict=True) if score >= least]
        if above:
            shares.append((least, sum(above) / len(above)))
    return shares
