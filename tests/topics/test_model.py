"""The trained model: its file, its scores and its words, with the terms of the training."""

from __future__ import annotations

import gzip
import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.core.errors import NewsletterError
from newsletter.core.topics.matching import PhraseRule, RuleSet, TopicRules, score_of
from newsletter.core.topics.topic_match import TopicMatch
from newsletter.topics.definitions import load_topics
from newsletter.topics.features import terms_of
from newsletter.topics.matcher import Matcher
from newsletter.topics.model import (
    MAX_POINTS,
    MIN_POINTS,
    SHORT_PAPER,
    LinearModel,
    TopicWeights,
    Weights,
    dump_weights,
    length_of,
    load_weights,
    points_of,
)
from tests.marks import examples

SHIPPED = load_weights()
LAMPS = TopicRules(topic="lamps", rules=(PhraseRule(phrases=("lamp",)),))
SHIPS = TopicRules(topic="ships", rules=(PhraseRule(phrases=("ship",)),))
READER = RuleSet([LAMPS, SHIPS])
WEIGHTS = Weights(
    topics={
        "lamps": TopicWeights(
            bias=-2.0,
            rules=1.0,
            reached=1.5,
            terms={"bulb": 9.0, "light bulb": 6.0, "sea": -12.0},
            categories={"phys.light": 1.5, "phys.sea": -0.5},
            positives=7,
            precision=[(0.5, 0.9)],
        )
    },
    about={"papers": 12},
)
MODEL = LinearModel(WEIGHTS)


def by_hand(title: str, abstract: str) -> float:
    """The score of lamps by the formula, from the terms of the training."""
    paper = READER.read(title, abstract)
    weights = WEIGHTS.topics["lamps"]
    in_title = terms_of(paper.title)
    said = sum(
        weights.terms.get(term, 0.0) * (2 if term in in_title else 1)
        for term in terms_of(paper.abstract) | in_title
    )
    points = points_of(paper.topics[0])
    logit = weights.bias + weights.rules * points + weights.reached * min(points, 1.0)
    score = 1 / (1 + math.exp(-(logit + said / length_of(paper))))
    short = len(paper.title) + len(paper.abstract) < SHORT_PAPER
    return max(score, score_of(paper.topics[0].points, LAMPS.strong_at)) if short else score


@pytest.mark.parametrize(
    ("title", "abstract"),
    [
        ("", ""),
        ("Light bulbs", "A light bulb, a lamp. Bulbs!"),
        ("Lamps at sea", "The sea; the light, bulb"),
        ("lamp " * 40, "bulb " * 400),
        ("A lamp", "The stone is heavy. " * 20),
    ],
)
def test_score_is_that_of_the_formula(title: str, abstract: str) -> None:
    score, _ = MODEL.scores(READER.read(title, abstract))
    assert score == pytest.approx(by_hand(title, abstract), abs=1e-4)


WORDS = ["bulb", "bulbs", "light", "sea", "lamp", "a", ".", ",", "of", "7", "Ünder", "ship"]


@given(st.lists(st.sampled_from(WORDS)))
@settings(max_examples=examples(60))
def test_score_is_that_of_the_formula_for_any_words(words: list[str]) -> None:
    text = " ".join(words)
    score, _ = MODEL.scores(READER.read(text[:20], text))
    assert score == pytest.approx(by_hand(text[:20], text), abs=1e-4)


@pytest.mark.parametrize(
    ("categories", "change"),
    [
        ((), 0.0),
        (("phys.light",), 1.5),
        (("phys.light", "phys.light"), 1.5),
        (("phys.sea", "phys.light"), 1.0),
        (("math.AG", ""), 0.0),
    ],
)
def test_categories_of_arxiv_shift_the_score_where_a_source_has_them(
    categories: tuple[str, ...], change: float
) -> None:
    def logit(score: float) -> float:
        return math.log(score / (1 - score))

    text = "The light bulb. " + "A stone is heavy. " * 20
    without, _ = MODEL.scores(READER.read("On light", text))
    score, ships = MODEL.scores(READER.read("On light", text, categories))
    assert logit(score) - logit(without) == pytest.approx(change, abs=5e-3)
    assert ships == 0.0


def test_topic_without_weights_is_scored_by_its_rules() -> None:
    assert MODEL.scores(READER.read("A ship", "A ship"))[1] == pytest.approx(1 - 0.5**1.5, abs=1e-4)
    assert MODEL.words(READER.read("A ship", ""), "ships") == ()
    assert LinearModel(WEIGHTS.only({"ships"})).scores(READER.read("Bulbs", "")) == [0.0, 0.0]


def test_points_are_bounded() -> None:
    most, least = READER.read("lamp ship", "lamp " * 9).topics[0], READER.read("", "").topics[0]
    assert points_of(most) == pytest.approx(2.0, abs=0.01)
    assert points_of(least) == 0.0
    assert MIN_POINTS < points_of(least) < MAX_POINTS


def test_words_are_those_that_raise_the_score_and_no_part_of_a_longer_one() -> None:
    paper = READER.read("Light bulbs at sea", "The bulb.")
    assert MODEL.words(paper, "lamps") == ("light bulb",)
    assert MODEL.words(READER.read("Bulbs", "in the light"), "lamps") == ("bulb",)


def test_weights_are_read_back_from_their_file(tmp_path: Path) -> None:
    file = tmp_path / "weights"
    file.write_bytes(dump_weights(WEIGHTS))
    assert dump_weights(load_weights(file)) == file.read_bytes() == dump_weights(WEIGHTS)
    assert load_weights(file).topics == WEIGHTS.topics


def test_weights_of_an_earlier_version_have_no_categories(tmp_path: Path) -> None:
    stored = json.loads(gzip.decompress(dump_weights(WEIGHTS)))
    del stored["topics"]["lamps"]["categories"]
    file = tmp_path / "weights"
    file.write_bytes(gzip.compress(json.dumps(stored).encode()))
    assert load_weights(file).topics["lamps"] == replace(WEIGHTS.topics["lamps"], categories={})


@pytest.mark.parametrize(
    ("text", "packed"),
    [
        ("", False),
        ("nonsense", False),
        ("{", True),
        ("[]", True),
        ('{"format": 99}', True),
        ('{"format": 1, "about": {}, "topics": {"x": {}}}', True),
    ],
)
def test_file_without_weights_is_refused_with_a_hint(tmp_path: Path, text: str, packed: bool) -> None:
    file = tmp_path / "weights"
    file.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    with pytest.raises(NewsletterError, match="holds no weights of topics") as refusal:
        load_weights(file)
    assert "topics train" in refusal.value.hint


def test_shipped_weights_are_small_and_quote_nobody() -> None:
    assert len(dump_weights(SHIPPED)) < 400_000
    terms = {term for topic in SHIPPED.topics.values() for term in topic.terms}
    assert max(len(term.split()) for term in terms) == 2
    assert set(SHIPPED.topics) <= {topic.slug for topic in load_topics().values() if not topic.holds_all}


def test_evidence_adds_words_of_the_model_where_the_rules_alone_do_not_match() -> None:
    topics = {"lamps": {"title": "L", "description": "L.", "phrases": ["lamp"]}}
    off = {slug: {"enabled": False} for slug in load_topics()}
    matcher = Matcher(load_topics({**off, **topics}), MODEL)
    (by_words,) = matcher.match("Light bulbs and bulbs", "Light bulbs shine, one lamp, a bulb.")
    assert by_words == TopicMatch(
        topic="lamps", score=by_words.score, strength="strong", evidence=("lamp", "Light bulbs")
    )
    (by_rules,) = matcher.match("Lamps and light bulbs", "A lamp.")
    assert by_rules.evidence == ("Lamps",)
    (explained,) = matcher.explain("Lamps and light bulbs", "A lamp.")
    assert explained.words == ("light bulbs",)


def test_section_at_moves_the_threshold_and_learned_false_uses_the_rules_alone() -> None:
    def strength(**table: object) -> str | None:
        topics = load_topics({"quantum": table})
        weights = SHIPPED.only({slug for slug, topic in topics.items() if topic.learned})
        matches = Matcher(topics, LinearModel(weights)).match("", "We run it on a qubit once.")
        return next((match.strength for match in matches if match.topic == "quantum"), None)

    assert strength(learned=False) == "maybe"
    assert strength(learned=False, section_at=0.3) == "strong"
    assert strength(learned=False, section_at=0.9) is None
