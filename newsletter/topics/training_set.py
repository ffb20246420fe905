"""Labelled papers as training sees them: folds that keep look-alikes together, honest points, weights.

Decides nothing about what is taken over (`newsletter.topics.training`). Needs scikit-learn.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from newsletter.core.errors import NewsletterError
from newsletter.core.topics.matching import PaperReading, PhraseRule, RuleSet, TopicRules
from newsletter.core.topics.phrases import PhraseIndex
from newsletter.topics.features import terms_of
from newsletter.topics.model import LinearModel, TopicWeights, Weights, length_of, points_of

MIN_PAPERS = 3  # that hold a term worth learning; fewer is chance, and would quote papers
MOST_SHARE = 0.5  # of the papers: what stands in more says nothing
FOLDS = 5  # in which margins and points come from papers that were not looked at
ENOUGH = 50  # labelled papers of a topic from which it is learned without what was learned before
FEW = 3  # papers for and against a topic, under which nothing is learned
ALIKE = 0.3  # share of common terms from which two papers are one for cross-validation
SCALE = 4.0  # brings the terms of a usual abstract to a length of about 1
TOP = 10.0  # the same of the second step, which weighs three figures only
STRENGTH = 10.0  # inverse regularisation of the terms; .3 to 3 times as much made no difference
BY_WORDS, BY_RULES, IN_FORCE = "words", "rules", "in force"  # kinds of weights
KEPT_WEIGHT = 0.005  # smaller ones are left out: together they move a logit by hundredths


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingExample:
    """A paper and what is known of its topics."""

    title: str
    abstract: str
    labels: Mapping[str, bool]  # slug to whether it belongs; topics that nobody judged are missing
    weight: float = 1.0  # a paper that counts double has 2
    judged: bool = True  # by a person; else as the topics stand, which only serves as background
    source: str = ""  # file name: figures are told by source


def without_unseen(topics: Iterable[TopicRules], seen: Collection[str]) -> tuple[TopicRules, ...]:
    """The rules as if nobody knew phrases other than those in `seen`."""

    def kept(phrases: Sequence[str]) -> tuple[str, ...]:
        return tuple(phrase for phrase in phrases if phrase in seen)

    def rule_of(rule: PhraseRule) -> PhraseRule:
        return replace(rule, phrases=kept(rule.phrases), context=kept(rule.context), unless=kept(rule.unless))

    return tuple(
        replace(
            topic,
            rules=tuple(
                rule_of(rule)
                for rule in topic.rules
                if kept(rule.phrases) and (not rule.context or kept(rule.context))
            ),
            ignore=kept(topic.ignore),
            context=kept(topic.context) or topic.context,
            unless=kept(topic.unless),
        )
        for topic in topics
    )


@dataclass(slots=True)
class TrainingSet:
    """Examples, read once."""

    examples: Sequence[TrainingExample]
    topics: Sequence[TopicRules]
    papers: list[PaperReading] = field(init=False)
    titles: list[set[str]] = field(init=False)
    terms: list[set[str]] = field(init=False)
    phrases: list[set[str]] = field(init=False)  # of any rule, in each paper
    groups: list[int] = field(init=False)  # papers that are all but one have the same number

    def __post_init__(self) -> None:
        _sklearn()  # before any work
        reader = RuleSet(self.topics)
        self.papers = [reader.read(example.title, example.abstract) for example in self.examples]
        self.titles = [terms_of(paper.title) for paper in self.papers]
        self.terms = [
            terms_of(paper.abstract) | title for paper, title in zip(self.papers, self.titles, strict=True)
        ]
        index = PhraseIndex(dict.fromkeys(phrase for topic in self.topics for phrase in _phrases_of(topic)))
        self.phrases = [
            {
                index.phrases[found.phrase]
                for side in (paper.title, paper.abstract)
                for found in index.find(side)
            }
            for paper in self.papers
        ]
        self.groups = _alike(self.terms)

    def label(self, example: int, topic: int) -> bool | None:
        return self.examples[example].labels.get(self.topics[topic].topic)

    def says_enough(self, topic: int) -> bool:
        """Whether people judged some papers, and there are some for and against it, judged or not."""
        known = [(self.label(i, topic), example.judged) for i, example in enumerate(self.examples)]
        labels = [label for label, _ in known if label is not None]
        judged = sum(by_people and label is not None for label, by_people in known)
        return min(judged, labels.count(True), labels.count(False)) >= FEW

    def folds(self, members: Sequence[int], count: int, seed: int) -> dict[int, int]:
        """A fold for each member: groups stay together, labels and sources are spread evenly."""
        by_kind: dict[Any, list[int]] = {}
        first: dict[int, int] = {}
        for member in members:
            first.setdefault(self.groups[member], member)
        for group, member in first.items():
            example = self.examples[member]
            kind = (
                example.judged,
                example.source,
                sorted(slug for slug, belongs in example.labels.items() if belongs),
            )
            by_kind.setdefault(str(kind), []).append(group)
        chance = random.Random(seed)  # noqa: S311 (no secret: folds must be the same each time)
        fold: dict[int, int] = {}
        for kind_name in sorted(by_kind):
            groups = by_kind[kind_name]
            chance.shuffle(groups)
            for group in groups:
                fold[group] = len(fold) % count
        return {member: fold[self.groups[member]] for member in members}

    def held_out(
        self,
        topics: Sequence[int],
        *,
        base: Weights | None,
        folds: int,
        seed: int,
        tick: Callable[[int, int], None],
    ) -> dict[str, list[dict[str, float]]]:
        """The score of each paper by weights and rules that were made without it, and by what is in force.

        By kind of weights, IN_FORCE among them. That one, too, reads by rules made without the paper:
        else it would know some by heart.
        """
        everyone = list(range(len(self.examples)))
        scores: dict[str, list[dict[str, float]]] = {
            kind: [{} for _ in everyone] for kind in (BY_WORDS, BY_RULES, IN_FORCE)
        }
        if not topics:
            return scores
        in_force = LinearModel(base or Weights(topics={}))
        fold = self.folds(everyone, folds, seed)
        for out in range(folds):
            tick(out, folds)
            rest = [i for i in everyone if fold[i] != out]
            fitted = self.fit(rest, topics, base=base, seed=seed * 1000 + out + 1)
            models = {
                kind: LinearModel(
                    Weights(topics={self.topics[n].topic: kinds[kind] for n, kinds in fitted.items()})
                )
                for kind in (BY_WORDS, BY_RULES)
            }
            models[IN_FORCE] = in_force
            reader = self._reader_without(rest)
            for i in everyone:
                if fold[i] == out:
                    paper = reader.read(self.examples[i].title, self.examples[i].abstract)
                    for kind, model in models.items():
                        found = model.scores(paper)
                        scores[kind][i] = {self.topics[n].topic: found[n] for n in topics}
        return scores

    def _reader_without(self, seen_in: Iterable[int]) -> RuleSet:
        seen = set().union(*(self.phrases[i] for i in seen_in))
        return RuleSet(without_unseen(self.topics, seen))

    def _honest_points(self, members: Sequence[int], fold: Mapping[int, int]) -> list[list[float]]:
        """Each member's points by phrases that occur in other folds."""
        points: dict[int, list[float]] = {}
        for out in sorted(set(fold.values())):
            reader = self._reader_without(i for i in members if fold[i] != out)
            for i in members:
                if fold[i] == out:
                    paper = reader.read(self.examples[i].title, self.examples[i].abstract)
                    points[i] = [points_of(topic) for topic in paper.topics]
        return [points[i] for i in members]

    def fit(
        self, members: Sequence[int], topics: Sequence[int], *, base: Weights | None, seed: int
    ) -> dict[int, dict[str, TopicWeights]]:
        """Weights of these topics, learned from these examples: with words and by the rules' points alone."""
        import numpy as np

        if not members:
            return {}
        fold = self.folds(members, FOLDS, seed)
        folds = np.array([fold[i] for i in members])
        points = np.array(self._honest_points(members, fold))
        terms, idf, matrix = self._matrix(members)
        learned: dict[int, dict[str, TopicWeights]] = {}
        for n in topics:
            labels = [self.label(i, n) for i in members]
            known = np.array([label is not None for label in labels])
            y = np.array([bool(label) for label in labels])
            weight = np.array([self.examples[i].weight for i in members])
            if len(set(y[known])) < 2:
                continue
            margin = np.zeros(len(members))
            for out in range(FOLDS):
                rest, held = known & (folds != out), folds == out
                if len(set(y[rest])) == 2 and held.any():
                    coef, bias = _logistic(matrix[rest], y[rest], weight[rest], STRENGTH)
                    margin[held] = matrix[held] @ coef + bias
            coef, bias = _logistic(matrix[known], y[known], weight[known], STRENGTH)
            columns = [points[:, n], np.minimum(points[:, n], 1.0)]
            before = base.topics.get(self.topics[n].topic) if base else None
            positives = sum(1 for i in members if self.examples[i].judged and self.label(i, n))
            if before is not None and positives < ENOUGH:
                columns.append(np.array([self._said(i, before) for i in members]))
            else:
                before = None
            learned[n] = {}
            for kind, more in ((BY_WORDS, [margin]), (BY_RULES, [])):
                top, over = _logistic(np.column_stack([*columns, *more])[known], y[known], weight[known], TOP)
                share = float(top[-1]) if more else 0.0
                folded = {
                    term: share * float(c * rarity / SCALE)
                    for term, c, rarity in zip(terms, coef, idf, strict=True)
                }
                for term, old in (before.terms if before is not None else {}).items():
                    folded[term] = folded.get(term, 0.0) + float(top[2]) * old
                learned[n][kind] = TopicWeights(
                    bias=float(over) + share * bias,
                    rules=float(top[0]),
                    reached=float(top[1]),
                    terms={term: w for term, w in folded.items() if abs(w) >= KEPT_WEIGHT},
                )
        return learned

    def _said(self, example: int, weights: TopicWeights) -> float:
        said = sum(
            weights.terms.get(term, 0.0) * (2 if term in self.titles[example] else 1)
            for term in self.terms[example]
        )
        return said / length_of(self.papers[example])

    def _matrix(self, members: Sequence[int]) -> tuple[list[str], Any, Any]:
        import numpy as np
        from scipy.sparse import csr_matrix

        count = Counter(term for i in members for term in self.terms[i])
        kept = sorted(t for t, papers in count.items() if MIN_PAPERS <= papers <= MOST_SHARE * len(members))
        place = {term: number for number, term in enumerate(kept)}
        idf = np.array([math.log((1 + len(members)) / (1 + count[term])) + 1 for term in kept])
        values, rows, columns = [], [], []
        for row, i in enumerate(members):
            length = length_of(self.papers[i]) * SCALE
            for term in self.terms[i]:
                if (column := place.get(term)) is not None:
                    rows.append(row)
                    columns.append(column)
                    values.append(idf[column] * (2 if term in self.titles[i] else 1) / length)
        return kept, idf, csr_matrix((values, (rows, columns)), shape=(len(members), len(kept)))


def _logistic(x: Any, y: Any, weight: Any, strength: float) -> tuple[Any, float]:
    found = _sklearn()(C=strength, max_iter=1000, solver="liblinear", random_state=0)
    found.fit(x, y, sample_weight=weight)
    return found.coef_[0], float(found.intercept_[0])


def _sklearn() -> Any:
    try:
        from sklearn.linear_model import LogisticRegression
    except ImportError as error:
        raise NewsletterError(
            "training needs scikit-learn", hint="Install it with: pip install 'newsletter[train]'."
        ) from error
    return LogisticRegression


def _phrases_of(topic: TopicRules) -> Iterable[str]:
    yield from (*topic.ignore, *topic.context, *topic.unless)
    for rule in topic.rules:
        yield from (*rule.phrases, *rule.context, *rule.unless)


def _alike(terms: Sequence[set[str]]) -> list[int]:
    """A number for each paper; those that share more than ALIKE of their terms have the same."""
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import connected_components

    numbers: dict[str, int] = {}
    rows, columns = [], []
    for row, of_paper in enumerate(terms):
        for term in of_paper:
            rows.append(row)
            columns.append(numbers.setdefault(term, len(numbers)))
    held = csr_matrix(([1.0] * len(rows), (rows, columns)), shape=(len(terms), max(len(numbers), 1)))
    common = (held @ held.T).tocoo()
    size = [len(of_paper) for of_paper in terms]
    near = [
        (one, two)
        for one, two, both in zip(common.row, common.col, common.data, strict=True)
        if both > ALIKE * (size[one] + size[two] - both)
    ]
    links = csr_matrix(
        ([1] * len(near), tuple(zip(*near, strict=True)) or ([], [])), shape=(len(terms), len(terms))
    )
    return [int(number) for number in connected_components(links, directed=False)[1]]
