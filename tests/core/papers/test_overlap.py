"""Bands find similar abstracts, the exact index confirms them, and unrelated abstracts share nothing."""

from __future__ import annotations

import json
import random
from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from newsletter.core.papers.identity import title_key
from newsletter.core.papers.overlap import BANDS, MIN_TRIPLES, bands, jaccard, may_overlap, overlaps, triples
from tests.shared_data import SHARED, needs_shared

VOCABULARY = [f"word{number}" for number in range(500)]


def text_of(seed: int, length: int = 200) -> str:
    rng = random.Random(seed)
    return " ".join(rng.choice(VOCABULARY) for _ in range(length))


def test_bands_are_the_same_on_every_machine_and_in_every_run() -> None:
    assert bands(triples(text_of(1))) == (
        9030805691315718214,
        875375371711373929,
        2555792985315445574,
        2379770693240681741,
        8277094980491945269,
        5657681664336339794,
    )


@given(st.text())
def test_bands_fit_a_signed_column_and_are_many_or_none(text: str) -> None:
    found = triples(text)
    keys = bands(found)
    assert len(keys) == (BANDS if len(found) >= MIN_TRIPLES else 0)
    assert all(0 <= key < 2**63 for key in keys)


def test_triples_ignore_latex_and_common_phrases() -> None:
    plain = triples("In this paper we propose a new method. The α lattice of spikes fires.")
    assert plain == triples(
        r"In this paper, we propose a new method. The $\alpha$ \textbf{lattice} of spikes fires."
    )
    assert triples("in this paper we propose a new method") == frozenset()


def test_bands_of_short_texts_are_filled_up() -> None:
    found = triples(text_of(2, length=MIN_TRIPLES + 2))
    assert len(set(bands(found))) == BANDS


def test_overlaps_says_how_much_or_none() -> None:
    one = triples(text_of(1))
    grown = triples(text_of(1) + " " + text_of(9, length=250))
    assert overlaps(one, one) == 1.0
    assert overlaps(one, triples(text_of(2))) is None
    index = overlaps(one, grown)  # the longer text holds all of the shorter one
    assert index is not None
    assert index == jaccard(one, grown)
    assert overlaps(frozenset([1, 2]), frozenset([1, 2])) is None  # too short to compare


def test_bands_find_similar_texts_as_often_as_computed() -> None:
    found = {0.3: 0, 0.5: 0, 0.7: 0}
    for index in found:
        for seed in range(200):
            rng = random.Random(seed)
            shared = round(300 * 2 * index / (1 + index) / 2)
            values = [rng.getrandbits(32) for _ in range(600)]
            one = frozenset(values[:150])
            other = frozenset(values[150 - shared : 300 - shared])
            found[index] += not set(bands(one)).isdisjoint(bands(other))
    assert found[0.3] > 65
    assert found[0.5] > 150
    assert found[0.7] > 188


@needs_shared
def test_bands_and_overlap_on_the_real_pairs() -> None:
    lines = (SHARED / "topics" / "identity.jsonl").read_text(encoding="utf-8").splitlines()
    strong = reached = false = 0
    for pair in map(json.loads, lines):
        if title_key(pair["title_a"]) == title_key(pair["title_b"]):
            continue
        one, other = triples(pair["abstract_a"]), triples(pair["abstract_b"])
        near = not set(bands(one)).isdisjoint(bands(other))
        if pair["same_paper"]:
            strong += overlaps(one, other) is not None
            reached += near and overlaps(one, other) is not None
        elif pair["kind"] == "near_title_different_paper":
            false += near or overlaps(one, other) is not None
    assert (strong, reached, false) == (24, 24, 0)


@needs_shared
def test_overlap_of_unrelated_real_abstracts_is_never_strong() -> None:
    lines = (SHARED / "topics" / "dev.jsonl").read_text(encoding="utf-8").splitlines()
    sets = [triples(abstract) for abstract in {json.loads(line)["abstract"] for line in lines}]
    assert [pair for pair in combinations(sets, 2) if overlaps(*pair) is not None] == []


def test_may_overlap_accepts_all_overlaps() -> None:
    one = text_of(1)
    assert may_overlap(frozenset(one.split()), one)
    assert may_overlap(frozenset(one.split()), one + " " + text_of(9, length=250))
    assert may_overlap(frozenset((one + " " + text_of(9, length=250)).split()), one)
    assert not may_overlap(frozenset(one.split()), text_of(2).replace("word", "other"))


@needs_shared
def test_may_overlap_hides_no_real_overlap() -> None:
    for line in (SHARED / "topics" / "identity.jsonl").read_text(encoding="utf-8").splitlines():
        pair = json.loads(line)
        if overlaps(triples(pair["abstract_a"]), triples(pair["abstract_b"])) is not None:
            assert may_overlap(frozenset(pair["abstract_a"].split()), pair["abstract_b"]), pair["id"]
