"""Makes the weights that ship, from the abstracts of ../shared whose papers a model summarized.

    python -m tests.leads.ship_weights [FILE]

The weights are those with which a choice by chance, in proportion to the exponential of the scores, has the
highest ROUGE-L on average; large weights count against it. Papers of held-out months are not read.

It takes some minutes and writes `newsletter/leads/weights.json.gz`, or the file that it is given.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import optimize, sparse

import newsletter.leads
from newsletter.leads.candidates import candidates_of
from newsletter.leads.features import features_of
from newsletter.leads.model import SHIPPED_FILE, dump_weights
from tests.leads.archive import SummarizedPaper, papers

LEAST_SEEN = 25  # sentences that a feature must occur in
SHARPNESS = 100.0  # weight of the mean ROUGE-L against that of small weights
PENALTY, PENALTY_OF_WORDS = 0.01, 0.04
ROUNDS = 80


@dataclass(frozen=True, slots=True)
class RankedAbstract:
    """The candidates of one abstract: what they look like, and how good they are."""

    features: list[set[str]]
    rouge: list[float]


def main() -> None:
    seen = seen_papers()
    weights = fit([ranked(paper) for paper in seen])
    sys.stderr.write(f"{len(seen)} papers, {len(weights)} features\n")
    default = Path(newsletter.leads.__file__).with_name(SHIPPED_FILE)
    (Path(sys.argv[1]) if len(sys.argv) > 1 else default).write_bytes(dump_weights(weights))


def seen_papers() -> list[SummarizedPaper]:
    """The papers of months that are not held out."""
    return [paper for paper in papers() if not paper.held_out]


def ranked(paper: SummarizedPaper) -> RankedAbstract:
    """The candidates of a paper with their ROUGE-L."""
    found = candidates_of(paper.abstract)
    texts = [paper.abstract[one.start : one.end] for one in found]
    described = features_of(paper.title, texts, [one.opened for one in found])
    return RankedAbstract(list(described.values()), [paper.rouge(texts[place]) for place in described])


def fit(abstracts: Sequence[RankedAbstract]) -> dict[str, float]:
    """The weight of each feature that is not rare."""
    rows = [features for abstract in abstracts for features in abstract.features]
    often = Counter(feature for features in rows for feature in features)
    names = sorted(feature for feature, number in often.items() if number >= LEAST_SEEN)
    columns = {name: column for column, name in enumerate(names)}
    found = [sorted(columns[name] for name in features if name in columns) for features in rows]
    matrix = sparse.csr_matrix(
        (
            np.ones(sum(map(len, found))),
            [column for row in found for column in row],
            np.cumsum([0, *map(len, found)]),
        ),
        shape=(len(rows), len(names)),
    )
    sizes = [len(abstract.rouge) for abstract in abstracts]
    first = np.cumsum([0, *sizes[:-1]])
    abstract_of = np.repeat(np.arange(len(sizes)), sizes)
    rouge = np.array([value for abstract in abstracts for value in abstract.rouge])
    rouge -= (np.add.reduceat(rouge, first) / sizes)[abstract_of]
    penalty = np.array([PENALTY_OF_WORDS if name[0].isalnum() else PENALTY for name in names])

    def loss(weights):  # type: ignore[no-untyped-def]
        scores = matrix @ weights
        chances = np.exp(scores - np.maximum.reduceat(scores, first)[abstract_of])
        chances /= np.add.reduceat(chances, first)[abstract_of]
        expected = np.add.reduceat(chances * rouge, first)
        slope = chances * (rouge - expected[abstract_of]) * (SHARPNESS / len(sizes))
        return (
            (penalty * weights**2).sum() / 2 - expected.mean() * SHARPNESS,
            penalty * weights - matrix.T @ slope,
        )

    best = optimize.minimize(
        loss, np.zeros(len(names)), jac=True, method="L-BFGS-B", options={"maxiter": ROUNDS}
    )
    return {name: float(weight) for name, weight in zip(names, best.x, strict=True)}


if __name__ == "__main__":
    main()
