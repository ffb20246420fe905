"""Makes weights to ship, from the labelled real papers of ../shared.

    python -m tests.topics.ship_weights [FILE]

1. A first model learns from papers that people labelled: listings, dev and background, and those of
   `archive.jsonl` whose draw is `train`.
2. Where that model, the rules and the categories of arXiv agree about another paper of the archive, this is a
   weak label. Weak labels count less, and there are at most as many as WEAK_POSITIVES and WEAK_NEGATIVES say.
3. The model that ships learns from both. Papers of held-out days are used in neither step.

It takes some minutes and writes `newsletter/topics/weights.json.gz`, or the file that it is given.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import newsletter.topics
from newsletter.core.topics.matching import TopicRules
from newsletter.topics.definitions import load_topics
from newsletter.topics.matcher import Matcher
from newsletter.topics.model import SHIPPED_FILE, LinearModel, Weights, dump_weights
from newsletter.topics.training import train
from newsletter.topics.training_set import BY_WORDS, TrainingExample, TrainingSet
from tests.topics.archive import ArchivePaper, labels, papers
from tests.topics.test_quality import real

FOLDS = 4
WEAK_POSITIVES, POSITIVE_WEIGHT = 900, 0.5
WEAK_NEGATIVES, NEGATIVE_WEIGHT = 3_000, 0.3
SURE, SURELY_NOT = 0.9, 0.05  # scores of the first model
RULES_SAY_NO = 0.4  # score of the rules
EXPECTED = {"quantum": {"quant-ph"}, "circuits": {"cs.AR", "cs.ET", "eess.SY", "eess.SP", "physics.app-ph"}}
WITHOUT_CATEGORY = "interpretability"  # arXiv has none for it, and cross-validation found no gain in others
MAIN = {"circuits": "cs.AR"}  # nearly all of its papers belong to the topic


def main() -> None:
    topics = load_topics()
    rules = [topic.rules for topic in topics.values() if not topic.holds_all]
    by_hand = labelled(rules)
    fitted = TrainingSet(by_hand, rules).fit(range(len(by_hand)), range(len(rules)), base=None, seed=0)
    first = Weights(topics={rules[n].topic: kinds[BY_WORDS] for n, kinds in fitted.items()})
    weak = weakly_labelled(Matcher(topics, LinearModel(first)), Matcher(topics))
    sys.stderr.write(f"{len(by_hand)} labelled papers, {len(weak)} weakly labelled ones\n")
    trained = train([*by_hand, *weak], rules, folds=FOLDS)
    for result in trained.topics:
        sys.stderr.write(f"{result}\n")
    learned = dict(trained.weights.topics)
    learned[WITHOUT_CATEGORY] = replace(learned[WITHOUT_CATEGORY], categories={})
    default = Path(newsletter.topics.__file__).with_name(SHIPPED_FILE)
    (Path(sys.argv[1]) if len(sys.argv) > 1 else default).write_bytes(
        dump_weights(replace(trained.weights, topics=learned))
    )


def labelled(rules: list[TopicRules]) -> list[TrainingExample]:
    """The papers that people labelled, those of held-out days excepted."""
    archive = papers()
    slugs = [topic.topic for topic in rules]
    found = [
        TrainingExample(
            title=row["title"],
            abstract=row["abstract"],
            labels={slug: slug in row["topics"] for slug in slugs},
            source=source,
        )
        for source in ("listings", "dev", "background")
        for row in real(source)
    ]
    for label in labels():
        if label.draw == "train":
            paper = archive[label.id]
            found.append(
                TrainingExample(
                    title=paper.title,
                    abstract=paper.abstract,
                    labels={slug: slug in label.topics for slug in slugs},
                    source="archive",
                    categories=paper.categories,
                )
            )
    return found


def weakly_labelled(model: Matcher, rules: Matcher) -> list[TrainingExample]:
    """Papers of the archive about which model, rules and categories agree; topics of others are left open."""
    known = {label.id for label in labels()}
    judged = {row["title"] for source in ("listings", "dev", "background") for row in real(source)}
    pool = [
        paper
        for paper in papers().values()
        if not paper.held_out and paper.id not in known and paper.title not in judged
    ]
    random.Random(1).shuffle(pool)
    room = {True: WEAK_POSITIVES, False: WEAK_NEGATIVES}
    found = []
    for paper in pool:
        agreed = _agreed(
            paper, model.scores(paper.title, paper.abstract), rules.scores(paper.title, paper.abstract)
        )
        positive = any(agreed.values())
        if not agreed or not room[positive]:
            continue
        room[positive] -= 1
        found.append(
            TrainingExample(
                title=paper.title,
                abstract=paper.abstract,
                labels=agreed,
                weight=POSITIVE_WEIGHT if positive else NEGATIVE_WEIGHT,
                judged=False,
                source="weak",
                categories=paper.categories,
            )
        )
    return found


def _agreed(paper: ArchivePaper, model: Mapping[str, float], rules: Mapping[str, float]) -> dict[str, bool]:
    """The topics on which all agree. A category of a topic is a reason to doubt that a paper is not of it."""
    categories = set(paper.categories)
    agreed = {}
    for topic, score in model.items():
        expected = EXPECTED.get(topic, set())
        if score >= SURE and rules[topic] >= 0.5:
            if not expected or not categories or categories & expected:
                agreed[topic] = True
        elif score < SURELY_NOT and rules[topic] < RULES_SAY_NO and MAIN.get(topic) not in categories:
            agreed[topic] = False
    return agreed


if __name__ == "__main__":
    main()
