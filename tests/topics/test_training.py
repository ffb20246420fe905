"""Training: learned and kept weights, and figures from papers that it did not use."""

from __future__ import annotations

import random
from dataclasses import replace
from importlib.util import find_spec

import pytest

from newsletter.core.topics.matching import PhraseRule, RuleSet, TopicRules
from newsletter.topics.model import LinearModel, TopicWeights, Weights, dump_weights
from newsletter.topics.training import train
from newsletter.topics.training_set import TrainingExample, TrainingSet, without_unseen

pytestmark = pytest.mark.skipif(find_spec("sklearn") is None, reason="scikit-learn is not installed")

FILL = [
    f"{one}{two}"
    for one in ("ka", "lo", "mi", "nu", "ra", "se")
    for two in ("bex", "dor", "fin", "gol", "hup")
]
FILL += [one + two for one in FILL for two in ("man", "ter", "kin")]
LAMPS = TopicRules(topic="lamps", rules=(PhraseRule(phrases=("lamp", "lantern")),))
SHIPS = TopicRules(topic="ships", rules=(PhraseRule(phrases=("ship",)),))


def paper(number: int, word: str, *, lamps: bool | None, **values: object) -> TrainingExample:
    chance = random.Random(number)
    text = " ".join(chance.choices(FILL, k=40)) + f" {word} " + " ".join(chance.choices(FILL, k=20))
    labels = {} if lamps is None else {"lamps": lamps}
    return TrainingExample(title=f"On {number}", abstract=text, labels=labels, **values)  # type: ignore[arg-type]


def bulbs(count: int, **values: object) -> list[TrainingExample]:
    """Papers about lamps that contain bulb and never lamp, and others."""
    own = [paper(n, "bulb socket", lamps=True, **values) for n in range(count)]
    return own + [paper(1000 + n, "wheel", lamps=False, **values) for n in range(2 * count)]


def test_a_word_that_no_rule_knows_is_learned_and_the_rest_stays() -> None:
    trained = train(bulbs(30), [LAMPS, SHIPS], folds=3)
    lamps, ships = trained.topics
    assert (lamps.outcome, lamps.positives, lamps.judged) == ("learned", 30, 90)
    assert lamps.loss_after is not None
    assert lamps.loss_before is not None
    assert lamps.loss_after < 0.6 < 2 < lamps.loss_before
    assert (ships.outcome, ships.loss_after) == ("too few labels", None)
    assert set(trained.weights.topics) == {"lamps"}
    weights = trained.weights.topics["lamps"]
    assert max(weights.terms, key=lambda term: weights.terms[term]) in {"bulb", "socket", "bulb socket"}
    assert [least for least, _ in weights.precision][:2] == [0.25, 0.5]
    model = LinearModel(trained.weights)
    unseen = paper(5000, "bulb socket", lamps=None)
    assert model.scores(RuleSet([LAMPS]).read(unseen.title, unseen.abstract))[0] > 0.5


def test_equal_examples_make_equal_bytes() -> None:
    first, second = (train(bulbs(12), [LAMPS], folds=3).weights for _ in range(2))
    assert dump_weights(first) == dump_weights(second)


def test_better_present_weights_stay_in_force() -> None:
    knows = Weights(
        topics={"lamps": TopicWeights(bias=-6.0, rules=0.0, reached=0.0, terms={"bulb": 150.0}, positives=99)}
    )
    noise = [replace(example, labels={"lamps": n % 2 == 0}) for n, example in enumerate(bulbs(10))]
    trained = train([*bulbs(30), *noise[:2]], [LAMPS], base=knows, folds=3)
    assert trained.weights.topics.keys() == {"lamps"}
    assert trained.topics[0].outcome in ("kept", "learned")
    perfect = train(bulbs(6), [LAMPS], base=knows, folds=3)
    assert perfect.topics[0].outcome == "kept"
    assert perfect.weights.topics["lamps"] == knows.topics["lamps"]


def test_a_few_corrections_teach_a_new_topic() -> None:
    corrected = [paper(n, "bulb socket", lamps=True, weight=3.0) for n in range(6)]
    others = [paper(100 + n, "wheel", lamps=False, weight=0.3, judged=False) for n in range(60)]
    trained = train([*corrected, *others], [LAMPS], folds=3)
    assert trained.topics[0].outcome == "learned"
    reader, model = RuleSet([LAMPS]), LinearModel(trained.weights)
    unseen = [paper(900, "bulb socket", lamps=None), paper(901, "wheel", lamps=None)]
    own, other = (model.scores(reader.read(each.title, each.abstract))[0] for each in unseen)
    assert other < 0.2 < own


def test_a_category_that_tells_what_words_do_not_gets_a_weight() -> None:
    one = [paper(n, "bulb", lamps=n % 8 != 0, categories=("phys.light",)) for n in range(80)]
    two = [paper(100 + n, "bulb", lamps=n % 8 == 0, categories=("cs.SE", "math.AG")) for n in range(80)]
    rare = [paper(900 + n, "wheel", lamps=False, categories=("hep-th",)) for n in range(9)]
    weights = train([*one, *two, *rare], [LAMPS], folds=3).weights.topics["lamps"].categories
    assert set(weights) == {"phys.light", "cs.SE", "math.AG"}
    assert weights["phys.light"] > 0.5
    assert weights["cs.SE"] < -0.2
    assert train(bulbs(30), [LAMPS], folds=3).weights.topics["lamps"].categories == {}


def test_held_out_scores_know_nothing_of_the_paper() -> None:
    alone = paper(77, "lantern", lamps=True)  # the only paper with this word, which stands in a rule
    trained = train([*bulbs(12), alone], [LAMPS], folds=3)
    assert trained.scores[-1]["lamps"] < 0.5
    full = LinearModel(trained.weights).scores(RuleSet([LAMPS]).read(alone.title, alone.abstract))[0]
    assert full > trained.scores[-1]["lamps"]


def test_rules_without_unseen_phrases_keep_the_others() -> None:
    topic = TopicRules(
        topic="lamps",
        rules=(
            PhraseRule(phrases=("lamp", "lantern")),
            PhraseRule(phrases=("arc",), context=("light",)),
            PhraseRule(phrases=("glow",), context=("light", "dark"), unless=("worm",)),
        ),
        ignore=("lamp post",),
    )
    assert without_unseen([topic], {"lamp", "arc", "glow", "dark"}) == (
        TopicRules(
            topic="lamps",
            rules=(PhraseRule(phrases=("lamp",)), PhraseRule(phrases=("glow",), context=("dark",))),
        ),
    )


def test_similar_papers_stay_in_one_fold() -> None:
    examples = bulbs(10)
    twin = replace(examples[0], title="On 0 again")
    corpus = TrainingSet([*examples, twin], [LAMPS])
    fold = corpus.folds(range(len(examples) + 1), 5, seed=1)
    assert fold[0] == fold[len(examples)]
    assert sorted(set(fold.values())) == [0, 1, 2, 3, 4]
