"""The matcher's answers, and the use of another scorer."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.core.topics.matching import PaperReading, PhraseHit
from newsletter.core.topics.phrases import MAX_CHARS
from newsletter.core.topics.topic_match import TopicMatch
from newsletter.topics.definitions import load_topics
from newsletter.topics.matcher import Explanation, Matcher
from newsletter.topics.model import LinearModel, load_weights
from tests.growth import assert_linear
from tests.marks import examples

OWN = {
    "lamps": {"title": "Lamps", "description": "Light.", "phrases": ["lamp", "bulb"]},
    "ships": {
        "title": "Ships",
        "description": "Boats.",
        "strong": ["ship"],
        "weak": ["sea"],
        "rules": [{"phrases": ["deck"], "unless": ["cards"]}],
    },
}
OFF = {
    slug: {"enabled": False}
    for slug in ("circuits", "quantum", "neuromorphic", "interpretability", "everything")
}
SMALL = Matcher(load_topics({**OFF, **OWN}))
SHIPPED = Matcher(load_topics(), LinearModel(load_weights()))


def test_matches_come_best_first_with_strength_and_evidence() -> None:
    assert SMALL.match("A ship", "One lamp lights the ship at sea.") == (
        TopicMatch(topic="ships", score=0.8351, strength="strong", evidence=("ship", "sea")),
        TopicMatch(topic="lamps", score=0.2929, strength="maybe", evidence=("lamp",)),
    )


def test_scores_name_every_topic_with_rules_and_never_everything() -> None:
    assert SMALL.scores("Bread", "") == {"lamps": 0.0, "ships": 0.0}
    assert SHIPPED.slugs == ("circuits", "quantum", "neuromorphic", "interpretability")


def test_explanation_shows_what_counted_and_what_was_set_aside() -> None:
    lamps, ships = SMALL.explain("Lamps", "A deck of cards by the sea")
    assert lamps == Explanation(
        topic="lamps",
        score=0.5,
        strength="strong",
        points=2.0,
        strong_at=2.0,
        counted=(PhraseHit(phrase="Lamps", in_title=1, in_abstract=0, points=2.0),),
        set_aside=(),
    )
    assert ships == Explanation(
        topic="ships",
        score=0.0,
        strength=None,
        points=0.0,
        strong_at=2.0,
        counted=(),
        set_aside=(
            PhraseHit(phrase="deck", in_title=0, in_abstract=1, points=0.0, set_aside="not beside cards"),
            PhraseHit(phrase="sea", in_title=0, in_abstract=1, points=0.0, set_aside="needs ship"),
        ),
    )


def test_another_scorer_replaces_the_rules() -> None:
    class ByLength:
        def scores(self, paper: PaperReading) -> list[float]:
            return [
                0.9 if topic.topic == "lamps" and len(paper.title) == 2 else 0.0 for topic in paper.topics
            ]

        def words(self, paper: PaperReading, topic: str) -> tuple[str, ...]:
            return paper.title

    matcher = Matcher(load_topics({**OFF, **OWN}), ByLength())
    assert matcher.match("Two words", "a ship, a ship") == (
        TopicMatch(topic="lamps", score=0.9, strength="strong", evidence=("Two", "words")),
    )


ANYTHING = st.characters(exclude_categories=())  # NUL and lone surrogates, too


@given(st.text(ANYTHING, max_size=200), st.text(ANYTHING, max_size=2000))
@settings(max_examples=examples(60))
def test_any_text_gets_an_answer(title: str, abstract: str) -> None:
    scores, matches = SHIPPED.read(title, abstract)
    assert all(0.0 <= score <= 1.0 for score in scores.values())
    assert [match.score for match in matches] == sorted((m.score for m in matches), reverse=True)


def test_other_languages_markup_and_signs_do_no_harm() -> None:
    for abstract in (
        "",
        "脉冲神经网络用于事件相机",
        "Нейроморфные вычисления",
        "<p>&nbsp;</p>",
        "🧠⚡" * 99,
        "\x00\ud800",
    ):
        assert SHIPPED.match("", abstract) == ()
    (match,) = SHIPPED.match("🧠 <b>Spiking</b> neural networks", "")
    assert match.topic == "neuromorphic"


def test_a_megabyte_is_read_as_far_as_an_abstract_may_go() -> None:
    text = "quantum circuit "
    assert SHIPPED.read("", text * 62_500) == SHIPPED.read("", text * (MAX_CHARS // len(text)))


@pytest.mark.parametrize(
    "piece",
    [
        "quantum ",
        "spiking neural ",
        "<a",
        "a-",
        "'s ",
        "ﷺ",
        "&#9",
        "\x00",
        "\ud800",
        "👩\u200d🔬",
        "量子",
        "a. ",
    ],
)
def test_pathological_text_costs_no_more_per_character(piece: str) -> None:
    """Text after MAX_CHARS costs nothing."""

    def read(text: str) -> None:
        SHIPPED.read(text, text)
        SHIPPED.explain(text, text)

    assert_linear(read, piece * (MAX_CHARS // 8 // len(piece)), piece * (1_000_000 // len(piece)))
