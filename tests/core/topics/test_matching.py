"""Rules with context: phrases that count, their points, and reasons why others do not count."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.core.topics.matching import (
    PaperQuotes,
    PhraseHit,
    PhraseRule,
    RuleSet,
    TopicReading,
    TopicRules,
    evidence_of,
    score_of,
    strength_of,
)
from newsletter.core.topics.phrases import words_of

BRAINS = TopicRules(
    topic="brains",
    rules=(
        PhraseRule(phrases=("neuron", "neural circuit"), weight=1.0),
        PhraseRule(phrases=("VQA",), weight=2.0, context=("quantum",)),
        PhraseRule(phrases=("spike",), weight=1.0, unless=("loss spike",)),
        PhraseRule(phrases=("mouse",), weight=-1.0),
    ),
    ignore=("artificial neuron", "post-quantum"),
)


def read(title: str, abstract: str, topic: TopicRules = BRAINS) -> TopicReading:
    (reading,) = RuleSet([topic]).read(title, abstract).topics
    return reading


def hit(phrase: str, in_title: int, in_abstract: int, points: float, set_aside: str = "") -> PhraseHit:
    return PhraseHit(
        phrase=phrase, in_title=in_title, in_abstract=in_abstract, points=points, set_aside=set_aside
    )


@pytest.mark.parametrize(
    ("title", "abstract", "hits"),
    [
        ("", "a neuron", (hit("neuron", 0, 1, 1.0),)),
        ("", "a neuron, neurons", (hit("neuron", 0, 2, 1.5),)),
        ("neurons", "", (hit("neurons", 1, 0, 2.0),)),
        ("neurons and neurons", "neuron", (hit("neurons", 2, 1, 3.0),)),
        ("neuron", "a mouse", (hit("neuron", 1, 0, 2.0), hit("mouse", 0, 1, -1.0))),
        ("", "an artificial neuron", ()),
        ("", "VQA", (hit("VQA", 0, 1, 0.0, "needs quantum"),)),
        ("", "VQA after post-quantum times", (hit("VQA", 0, 1, 0.0, "needs quantum"),)),
        ("", "quantum VQA", (hit("VQA", 0, 1, 2.0),)),
        ("", "a spike", (hit("spike", 0, 1, 1.0),)),
        ("", "a loss spike", (hit("spike", 0, 1, 0.0, "not beside loss spike"),)),
        ("", "", ()),
    ],
)
def test_reading_counts_phrases_in_their_context(
    title: str, abstract: str, hits: tuple[PhraseHit, ...]
) -> None:
    points = sum(one.points for one in hits)
    assert read(title, abstract) == TopicReading(topic="brains", strong_at=2.0, points=points, hits=hits)


def test_mentions_saturate_below_the_title_and_its_double() -> None:
    assert read("", "neuron " * 1000).points == 2.0
    assert read("neuron", "neuron " * 1000).points == 4.0


def test_ignored_phrase_still_forbids() -> None:
    topic = TopicRules(
        topic="t", rules=(PhraseRule(phrases=("circuit",), unless=("quantum",)),), ignore=("quantum circuit",)
    )
    assert read("", "a circuit", topic).points == 1.0
    assert read("", "a circuit and a quantum circuit", topic).points == 0.0


def test_topic_wide_context_sets_all_aside() -> None:
    topic = TopicRules(topic="t", rules=(PhraseRule(phrases=("arm",)),), context=("robot",), unless=("fire",))
    assert read("arm", "", topic).hits == (hit("arm", 1, 0, 0.0, "needs robot"),)
    assert read("robot arm", "", topic).points == 2.0
    assert read("robot fire arm", "", topic).hits == (hit("arm", 1, 0, 0.0, "not beside fire"),)


def test_phrase_of_two_rules_counts_by_the_heavier_one() -> None:
    topic = TopicRules(
        topic="t",
        rules=(PhraseRule(phrases=("arm",)), PhraseRule(phrases=("arm",), weight=3.0, context=("robot",))),
    )
    assert read("", "arm", topic).points == 1.0
    assert read("", "robot with an arm", topic).points == 3.0


@pytest.mark.parametrize(
    ("points", "score", "strength"),
    [(-3.0, 0.0, None), (0.0, 0.0, None), (0.5, 0.1591, None), (1.0, 0.2929, "maybe"), (2.0, 0.5, "strong")],
)
def test_score_is_half_at_strong_at(points: float, score: float, strength: str | None) -> None:
    assert score_of(points, 2.0) == score
    assert strength_of(score) == strength


@given(st.floats(0, 1e6), st.floats(0, 1e6), st.floats(0.01, 100))
def test_score_grows_with_points_and_stays_below_one(low: float, more: float, strong_at: float) -> None:
    assert 0.0 <= score_of(low, strong_at) <= score_of(low + more, strong_at) <= 1.0


def test_evidence_is_strongest_first_without_repetition_and_short() -> None:
    hits = [
        hit("quantum annealing", 1, 0, 4.0),
        hit("quantum", 0, 1, 1.0),
        hit("Quantum-annealing", 0, 1, 1.0),
    ]
    assert evidence_of(hits) == ("quantum annealing",)
    assert evidence_of([hit("late", 0, 1, 0.0, "needs x"), hit("against", 0, 1, -1.0)]) == ()
    assert evidence_of(hit(f"word{n}", 0, 1, 1.0) for n in range(20)) == tuple(f"word{n}" for n in range(6))


@pytest.mark.parametrize(
    ("phrase", "title", "abstract", "shown"),
    [
        ("analogue circuit", "", "An analog circuit is sized.", "analog circuit"),
        ("analog circuit", "", "Analogue circuits are sized.", "Analogue circuits"),
        ("optimization", "", "by optimisation", "optimisation"),
        ("colour centre", "", "a color center in diamond", "color center"),
        ("end-effector", "", "the endeffector of an arm", "endeffector"),
        ("end-effector", "", "the end effector", "end effector"),
        ("event camera", "Event-Cameras at night", "an event camera", "Event-Cameras"),
        ("event camera", "", "the event\u2010camera", "event\u2010camera"),
        ("memrist* array", "", "a Memristive array of NNs", "Memristive array"),
        ("SNN", "", "SNNs spike", "SNNs"),
        ("kirchhoff law", "", "Kirchhoff's law, by <i>him</i>", "Kirchhoff's law"),
        ("field effect", "", "the ﬁeld\n  eﬀect &amp; more", "field effect"),
        ("quantum annealing", "", "<b>Quantum</b> annealing", "Quantum annealing"),
    ],
)
def test_evidence_is_in_the_words_of_the_paper(phrase: str, title: str, abstract: str, shown: str) -> None:
    topic = TopicRules(topic="t", rules=(PhraseRule(phrases=(phrase,)),))
    assert [found.phrase for found in read(title, abstract, topic).hits] == [shown]


@given(st.text(max_size=300))
def test_each_word_is_quoted_from_where_it_stands(text: str) -> None:
    quotes = PaperQuotes((text, ""))
    assert [quotes.quote(0, n, n + 1) for n in range(len(words_of(text)))] == words_of(text)
