"""Topics in TOML: the built-in ones, changes by the settings, and errors with their names."""

from __future__ import annotations

from typing import Any

import pytest

from newsletter.core.errors import ConfigurationError
from newsletter.topics.definitions import load_topics
from newsletter.topics.matcher import Matcher

SHIPPED = ["circuits", "quantum", "neuromorphic", "interpretability", "everything"]
ROBOTS: dict[str, Any] = {"title": "Robotics", "description": "Machines that move.", "phrases": ["robot"]}


def test_shipped_topics_come_in_reading_order_and_only_everything_holds_all() -> None:
    topics = load_topics()
    assert list(topics) == SHIPPED
    assert [slug for slug, topic in topics.items() if topic.holds_all] == ["everything"]
    assert all(topic.title and topic.description and topic.accent for topic in topics.values())


def test_settings_add_topics_after_the_shipped_ones_in_their_order() -> None:
    assert list(load_topics({"zebras": ROBOTS, "apes": ROBOTS})) == [*SHIPPED, "zebras", "apes"]
    assert list(load_topics({"apes": {**ROBOTS, "position": 0}})) == ["apes", *SHIPPED]


def test_settings_remove_a_shipped_topic_or_change_one_key() -> None:
    changed = load_topics({"quantum": {"enabled": False}, "circuits": {"title": "Chips"}})
    assert list(changed) == [slug for slug in SHIPPED if slug != "quantum"]
    assert changed["circuits"].title == "Chips"
    assert changed["circuits"].rules == load_topics()["circuits"].rules


def test_add_appends_where_a_plain_key_replaces() -> None:
    replaced = load_topics({"quantum": {"phrases": ["qutip"]}})["quantum"].rules
    phrases = {rule.phrases for rule in replaced.rules}
    assert ("qutip",) in phrases
    shipped = load_topics()["quantum"].rules
    added = load_topics({"quantum": {"add": {"strong": ["qutip"]}}})["quantum"].rules
    assert added.rules[0].phrases == (*shipped.rules[0].phrases, "qutip")


def test_topic_of_title_description_and_phrases_works() -> None:
    matcher = Matcher(load_topics({"robotics": ROBOTS}))
    (match,) = matcher.match("A robot that walks", "Our robots walk on sand.")
    assert (match.topic, match.strength, match.evidence) == ("robotics", "strong", ("robot",))


@pytest.mark.parametrize(
    ("slug", "table", "named"),
    [
        ("robotics", {**ROBOTS, "phrase": ["x"]}, "topics.robotics.phrase is unknown"),
        ("robotics", {**ROBOTS, "phrases": "robot"}, "topics.robotics.phrases must be a list"),
        ("robotics", {**ROBOTS, "phrases": []}, "topics.robotics.phrases is missing or empty"),
        ("robotics", {**ROBOTS, "phrases": [" "]}, "topics.robotics.phrases holds an unusable phrase"),
        ("robotics", {**ROBOTS, "phrases": [3]}, "topics.robotics.phrases holds 3"),
        ("robotics", {**ROBOTS, "weak": ["r*"]}, "topics.robotics.weak holds an unusable phrase"),
        ("robotics", {"title": "R", "phrases": ["robot"]}, "topics.robotics.description is missing"),
        ("robotics", {**ROBOTS, "title": ""}, "topics.robotics.title is missing"),
        ("robotics", {**ROBOTS, "title": 7}, "topics.robotics.title must be a text"),
        ("robotics", {**ROBOTS, "accent": "red"}, "topics.robotics.accent is no colour"),
        ("robotics", {**ROBOTS, "enabled": "no"}, "topics.robotics.enabled must be true or false"),
        ("robotics", {**ROBOTS, "position": True}, "topics.robotics.position must be a whole number"),
        ("robotics", {**ROBOTS, "strong_at": 0}, "topics.robotics.strong_at is out of range"),
        ("robotics", {**ROBOTS, "holds_all": True}, "topics.robotics.holds_all and phrases exclude"),
        ("robotics", {**ROBOTS, "rules": [{"weight": 1}]}, "topics.robotics.rules[1].phrases is missing"),
        ("robotics", {**ROBOTS, "rules": ["x"]}, "topics.robotics.rules[1] is not a table"),
        (
            "robotics",
            {**ROBOTS, "rules": [{"phrases": ["x"], "weight": 0}]},
            "topics.robotics.rules[1].weight is out",
        ),
        ("robotics", {**ROBOTS, "add": {"title": "x"}}, "topics.robotics.add.title is unknown"),
        ("Robotics", ROBOTS, "topics.Robotics is no good name"),
        ("a b", ROBOTS, "topics.a b is no good name"),
        ("all", ROBOTS, "topics.all is a name of the archive's own"),
        ("robotics", "robot", "topics.robotics is not a table"),
        ("circuits", {"phrases": ["x"], "unles": []}, "topics.circuits.unles is unknown"),
    ],
)
def test_a_wrong_table_is_refused_by_topic_and_key(slug: str, table: Any, named: str) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        load_topics({slug: table})
    assert refusal.value.message.startswith(named)
    assert refusal.value.hint
