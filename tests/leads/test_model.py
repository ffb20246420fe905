"""The weights that ship, and how they score."""

from __future__ import annotations

import gzip
import json
from importlib import resources

from newsletter.leads.features import features_of
from newsletter.leads.model import SHIPPED_FILE, SentenceScorer, dump_weights, shipped_scorer

LARGEST_FILE = 200_000  # octets
SENTENCES = (
    "Lamps are everywhere.",
    "We need light.",
    "Many rooms (of 3) are dark: all of them.",
    "we propose LampNet, a network of lamps.",
    "LampNet burns.",
    *("It burns well." for _ in range(5)),
)


def test_shipped_file_is_small_and_is_what_training_writes() -> None:
    data = (resources.files("newsletter.leads") / SHIPPED_FILE).read_bytes()
    assert len(data) <= LARGEST_FILE
    weights = json.loads(gzip.decompress(data))["weights"]
    assert dump_weights({name: weight / 1000 for name, weight in weights.items()}) == data


def test_score_is_the_sum_of_known_features() -> None:
    scorer = SentenceScorer({"lamp": 2, "<we": 5, "dark": -3})
    assert scorer.score({"lamp", "<we", "unknown"}) == 7
    assert scorer.score(set()) == 0


def test_sentences_before_a_claim_that_speak_of_others_and_late_ones_are_not_described() -> None:
    opened = [place == 3 for place in range(len(SENTENCES))]
    described = features_of("LampNet: Lamps", SENTENCES, opened)
    assert sorted(described) == [1, 3, 4, 5, 6, 7]
    assert {"we", "propose", "=", "=first", "!0", "!=", "^", "<we", "@3"} <= described[3]
    assert {"=in", "!1", "<="} <= described[4]
    assert {"!before", "@1", "<we"} <= described[1]


def test_all_sentences_are_described_where_none_claims() -> None:
    described = features_of("", SENTENCES[:3], [False] * 3)
    assert sorted(described) == [0, 1, 2]
    assert {"(", ":", "!none", "@/3"} <= described[2]


def test_words_of_the_shipped_weights_prefer_claims() -> None:
    scorer = shipped_scorer()
    described = features_of("Lamps", [f"We {verb} a lamp." for verb in ("propose", "thank")], [False, False])
    assert scorer.score(described[0]) > scorer.score(described[1])
