"""Scores sentences with learned weights, which it reads from a small file that ships. It learns nothing."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from functools import cache
from importlib import resources

FILE_FORMAT = 1  # version of the file; another one is refused
SHIPPED_FILE = "weights.json.gz"


class SentenceScorer:
    """A linear model of the features of sentences."""

    def __init__(self, weights: Mapping[str, int]) -> None:
        """weights: of each feature, in thousandths; a feature without weight counts 0."""
        self._weights = dict(weights)
        self._known = frozenset(weights)  # the intersection of sets is faster than a look-up of each feature

    def score(self, features: set[str]) -> int:
        """How well a sentence with these features serves as a lead; higher is better."""
        return sum(map(self._weights.__getitem__, self._known & features))


def dump_weights(weights: Mapping[str, float]) -> bytes:
    """The file of these weights; equal weights make equal bytes. Weights that round to 0 are left out."""
    rounded = {name: round(weight * 1000) for name, weight in sorted(weights.items())}
    stored = {"format": FILE_FORMAT, "weights": {name: weight for name, weight in rounded.items() if weight}}
    return gzip.compress(json.dumps(stored, separators=(",", ":")).encode(), mtime=0)


@cache
def shipped_scorer() -> SentenceScorer:
    """The scorer with the weights that ship."""
    stored = json.loads(gzip.decompress((resources.files("newsletter.leads") / SHIPPED_FILE).read_bytes()))
    assert stored["format"] == FILE_FORMAT
    return SentenceScorer(stored["weights"])
