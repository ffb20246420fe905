"""Learn the weights of topics from labelled papers, and say honestly how well they do on unseen ones.

Needs scikit-learn (`newsletter[train]`); scoring papers with the result does not (`newsletter.topics.model`).
Reads no files and stores nothing.

How a topic is learned, and why:

1. Its rules were written by somebody who looked at such papers, so on the very papers of the training they
   look better than they are. Their points are therefore taken as if they were written without the paper at
   hand: a phrase that occurs in no other fold counts for nothing there (`without_unseen`).
2. A logistic regression over the terms gives each paper a margin, learned from the other folds.
3. A second one weighs points and margin against each other. As both came from other folds, its outcome is a
   calibrated probability (Platt's method). All of it is linear and folds into one weight for each term.
4. Where unseen papers do better by the points alone, or by what is in force, that is what stays.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from newsletter.core.topics.matching import TopicRules
from newsletter.topics.model import Weights
from newsletter.topics.training_set import BY_RULES, BY_WORDS, FOLDS, IN_FORCE, TrainingExample, TrainingSet

OUTCOMES = {BY_WORDS: "learned", BY_RULES: "rules weighed", IN_FORCE: "kept"}
PRECISIONS = (0.25, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)  # scores whose precision is told


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicTrainingResult:
    """What became of one topic."""

    topic: str
    outcome: str  # learned, rules weighed (words do not help), kept (nothing does better), too few labels
    positives: int  # judged papers of the topic
    judged: int
    loss_before: float | None = None  # mean negative log likelihood of the judged papers, in force
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
    """Learn all topics that the examples say enough about; the others keep what `base` says.

    folds: of the cross-validation that decides whether a topic is taken over. base: weights in force. tick:
    told of folds done, of all. Raises NewsletterError without scikit-learn.
    """
    corpus = TrainingSet(examples, topics)
    wanted = [number for number in range(len(topics)) if corpus.says_enough(number)]
    held_out = corpus.held_out(wanted, base=base, folds=folds, seed=seed, tick=tick)
    everyone = list(range(len(examples)))
    fitted = corpus.fit(everyone, wanted, base=base, seed=seed) if wanted else {}
    kept = dict(base.topics) if base else {}
    told: list[TopicTrainingResult] = []
    scores: list[dict[str, float]] = [{} for _ in everyone]
    for number, rules in enumerate(topics):
        slug = rules.topic
        judged = [i for i in everyone if examples[i].judged and slug in examples[i].labels]
        labels = [examples[i].labels[slug] for i in judged]
        if number not in fitted:
            told.append(
                TopicTrainingResult(
                    topic=slug, outcome="too few labels", positives=sum(labels), judged=len(judged)
                )
            )
            continue
        losses = {kind: _loss([of[i][slug] for i in judged], labels) for kind, of in held_out.items()}
        best = min(losses, key=lambda kind: losses[kind])  # of equals the first: words
        for i in everyone:
            scores[i][slug] = held_out[best][i][slug]
        if best != IN_FORCE:
            kept[slug] = replace(
                fitted[number][best],
                positives=sum(labels),
                precision=_precision([scores[i][slug] for i in judged], labels),
            )
        told.append(
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
    return TrainingReport(weights=Weights(topics=kept, about=about), topics=tuple(told), scores=tuple(scores))


def _loss(scores: Sequence[float], labels: Sequence[bool]) -> float:
    """Mean negative log likelihood; a score of 0 or 1 is taken for .001 from it."""
    return -sum(
        math.log(min(max(score if label else 1 - score, 0.001), 0.999))
        for score, label in zip(scores, labels, strict=True)
    ) / max(len(scores), 1)


def _precision(scores: Sequence[float], labels: Sequence[bool]) -> list[tuple[float, float]]:
    told = []
    for least in PRECISIONS:
        above = [label for score, label in zip(scores, labels, strict=True) if score >= least]
        if above:
            told.append((least, sum(above) / len(above)))
    return told
