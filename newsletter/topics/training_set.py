"""Prepares labelled papers for training: folds that keep similar papers together, points, fitted weights.

It does not decide which weights are used (`newsletter.topics.training` does). It needs scikit-learn.
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

MIN_PAPERS = 3  # with a learned term; a term of fewer papers is chance, and would quote papers
MAX_SHARE = 0.5  # of the papers with a learned term; a term of more papers does not tell topics apart
FOLDS = 5  # of the inner cross-validation that yields margins and points
ENOUGH_POSITIVES = 50  # judged papers of a topic; with fewer, the present weights take part in the training
MIN_EXAMPLES = 3  # papers for and against a topic; with fewer, nothing is learned
SIMILAR_SHARE = 0.3  # of the terms of two papers in common; with more, both are in the same fold
SCALE = 4.0  # brings the terms of a usual abstract to a length of about 1
TERM_STRENGTH = 10.0  # inverse regularisation of the terms; .3 to 3 times as much made no difference
TOP_STRENGTH = 10.0  # inverse regularisation of the second regression, which weighs three figures
BY_WORDS, BY_RULES, IN_FORCE = "words", "rules", "in force"  # kinds of weights
MIN_WEIGHT = 0.2  # smaller weights are left out: together they change a score by a thousandth
MIN_CATEGORY_PAPERS = 25  # with a category that gets a weight
CATEGORY_PENALTY = (
    10.0  # keeps the weights of categories small: the text decides, a category tips the balance
)
MIN_CATEGORY_WEIGHT = 0.05  # smaller ones are left out


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingExample:
    """A paper with its labels."""

    title: str
    abstract: str
    labels: Mapping[str, bool]  # slug to whether it belongs; topics that nobody judged are missing
    weight: float = 1.0  # a paper that counts double has 2
    judged: bool = True  # a person labelled it; else the labels are the present topics, as background
    source: str = ""  # file name; figures are reported by source
    categories: tuple[str, ...] = ()  # of arXiv, where known


def without_unseen(topics: Iterable[TopicRules], seen: Collection[str]) -> tuple[TopicRules, ...]:
    """The rules without all phrases that are not in `seen`."""

    def known(phrases: Sequence[str]) -> tuple[str, ...]:
        return tuple(phrase for phrase in phrases if phrase in seen)

    def rule_of(rule: PhraseRule) -> PhraseRule:
        return replace(
            rule, phrases=known(rule.phrases), context=known(rule.context), unless=known(rule.unless)
        )

    return tuple(
        replace(
            topic,
            rules=tuple(
                rule_of(rule)
                for rule in topic.rules
                if known(rule.phrases) and (not rule.context or known(rule.context))
            ),
            ignore=known(topic.ignore),
            context=known(topic.context) or topic.context,
            unless=known(topic.unless),
        )
        for topic in topics
    )


@dataclass(slots=True)
class TrainingSet:
    """Examples with their phrases and terms, which are read once."""

    examples: Sequence[TrainingExample]
    topics: Sequence[TopicRules]
    papers: list[PaperReading] = field(init=False)
    titles: list[set[str]] = field(init=False)
    terms: list[set[str]] = field(init=False)
    phrases: list[set[str]] = field(init=False)  # of any rule, by paper
    groups: list[int] = field(init=False)  # group number by paper; similar papers share one

    def __post_init__(self) -> None:
        _sklearn()  # before any work
        reader = RuleSet(self.topics)
        self.papers = [
            reader.read(example.title, example.abstract, example.categories) for example in self.examples
        ]
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
        self.groups = _similar_groups(self.terms)

    def label(self, example: int, topic: int) -> bool | None:
        return self.examples[example].labels.get(self.topics[topic].topic)

    def has_enough_examples(self, topic: int) -> bool:
        """Whether at least MIN_EXAMPLES papers are judged, for the topic, and against it."""
        known = [(self.label(i, topic), example.judged) for i, example in enumerate(self.examples)]
        labels = [label for label, _ in known if label is not None]
        judged = sum(by_people and label is not None for label, by_people in known)
        return min(judged, labels.count(True), labels.count(False)) >= MIN_EXAMPLES

    def folds(self, members: Sequence[int], count: int, seed: int) -> dict[int, int]:
        """A fold for each member: groups stay together, labels and sources spread evenly."""
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
        """The score of each paper by weights and rules that were made without it, by kind of weights.

        IN_FORCE, the present weights, also use rules made without the paper: else they would have an
        advantage on papers from which the rules were written.
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
                    example = self.examples[i]
                    paper = reader.read(example.title, example.abstract, example.categories)
                    for kind, model in models.items():
                        found = model.scores(paper)
                        scores[kind][i] = {self.topics[n].topic: found[n] for n in topics}
        return scores

    def _reader_without(self, seen_in: Iterable[int]) -> RuleSet:
        seen = set().union(*(self.phrases[i] for i in seen_in))
        return RuleSet(without_unseen(self.topics, seen))

    def _points_by_other_folds(self, members: Sequence[int], fold: Mapping[int, int]) -> list[list[float]]:
        """Each member's points, counting only phrases that occur in other folds."""
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
        """Weights of these topics, learned from these examples: with words, and by points alone."""
        import numpy as np

        if not members:
            return {}
        fold = self.folds(members, FOLDS, seed)
        folds = np.array([fold[i] for i in members])
        points = np.array(self._points_by_other_folds(members, fold))
        terms, idf, matrix = self._matrix(members)
        categories, in_category = _categories([self.examples[i].categories for i in members])
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
                    coef, bias = _logistic(matrix[rest], y[rest], weight[rest], TERM_STRENGTH)
                    margin[held] = matrix[held] @ coef + bias
            coef, bias = _logistic(matrix[known], y[known], weight[known], TERM_STRENGTH)
            columns = [points[:, n], np.minimum(points[:, n], 1.0)]
            before = base.topics.get(self.topics[n].topic) if base else None
            positives = sum(1 for i in members if self.examples[i].judged and self.label(i, n))
            if before is not None and positives < ENOUGH_POSITIVES:
                columns.append(np.array([_weighed(self.papers[i], before) for i in members]))
            else:
                before = None
            learned[n] = {}
            for kind, more in ((BY_WORDS, [margin]), (BY_RULES, [])):
                figures = np.column_stack([*columns, *more])
                top, over = _logistic(figures[known], y[known], weight[known], TOP_STRENGTH)
                listed = known & in_category.any(axis=1)
                corrected = _corrections(
                    figures[listed] @ top + over, in_category[listed], y[listed], weight[listed]
                )
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
                    terms={term: w for term, w in folded.items() if abs(w) >= MIN_WEIGHT},
                    categories={name: w for name, w in zip(categories, corrected, strict=True) if w},
                )
        return learned

    def _matrix(self, members: Sequence[int]) -> tuple[list[str], Any, Any]:
        import numpy as np
        from scipy.sparse import csr_matrix

        count = Counter(term for i in members for term in self.terms[i])
        kept = sorted(t for t, papers in count.items() if MIN_PAPERS <= papers <= MAX_SHARE * len(members))
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


def _weighed(paper: PaperReading, weights: TopicWeights) -> float:
    title = terms_of(paper.title)
    weighed = sum(
        weights.terms.get(term, 0.0) * (2 if term in title else 1)
        for term in title | terms_of(paper.abstract)
    )
    return weighed / length_of(paper)


def _categories(papers: Sequence[Sequence[str]]) -> tuple[list[str], Any]:
    """The categories that enough papers have, and which paper has which."""
    import numpy as np

    count = Counter(name for categories in papers for name in set(categories))
    kept = sorted(name for name, of in count.items() if of >= MIN_CATEGORY_PAPERS)
    has = [[name in categories for name in kept] for categories in papers]
    return kept, np.array(has, dtype=bool).reshape(len(papers), len(kept))


def _corrections(logit: Any, has: Any, y: Any, weight: Any) -> list[float]:
    """Ridge-penalised weights of columns that correct a given logit, by Newton's method; small ones are 0."""
    import numpy as np

    columns = has.astype(float)
    found = np.zeros(columns.shape[1])
    logit = np.clip(logit, -8, 8)
    for _ in range(20):
        p = 1 / (1 + np.exp(-(logit + columns @ found)))
        gradient = columns.T @ (weight * (p - y)) + CATEGORY_PENALTY * found
        curvature = (columns * (weight * p * (1 - p))[:, None]).T @ columns
        found -= np.linalg.solve(curvature + CATEGORY_PENALTY * np.eye(len(found)), gradient)
    return [float(w) if abs(w) >= MIN_CATEGORY_WEIGHT else 0.0 for w in found]


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


def _similar_groups(terms: Sequence[set[str]]) -> list[int]:
    """A group number for each paper; those that share more than SIMILAR_SHARE of their terms get the same."""
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
        if both > SIMILAR_SHARE * (size[one] + size[two] - both)
    ]
    links = csr_matrix(
        ([1] * len(near), tuple(zip(*near, strict=True)) or ([], [])), shape=(len(terms), len(terms))
    )
    return [int(number) for number in connected_components(links, directed=False)[1]]
