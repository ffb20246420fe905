"""The examples of the how-to page work as the page says."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from newsletter.topics import definitions
from newsletter.topics.definitions import load_topics
from newsletter.topics.matcher import Matcher

TEXT = (Path(__file__).parents[2] / "docs" / "how-to" / "add-a-topic.md").read_text("utf-8")
PLAIN, FULL, CHANGED = (
    tomllib.loads(block)["topics"] for block in re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)
)


def robotics(tables: dict[str, Any], title: str, abstract: str) -> tuple[str, tuple[str, ...]] | None:
    for match in Matcher(load_topics(tables)).match(title, abstract):
        if match.topic == "robotics":
            return match.strength, match.evidence
    return None


@pytest.mark.parametrize(
    ("title", "abstract", "outcome"),
    [
        ("Learning to walk: a quadruped robot on sand", "", ("strong", ("quadruped", "robot"))),
        ("A survey of large language models", "And a robot is one of their uses.", ("maybe", ("robot",))),
        ("Market manipulation in prediction markets", "", ("strong", ("manipulation",))),
    ],
)
def test_plain_example_works(title: str, abstract: str, outcome: tuple[str, tuple[str, ...]] | None) -> None:
    assert robotics(PLAIN, title, abstract) == outcome


@pytest.mark.parametrize(
    ("title", "abstract", "outcome"),
    [
        ("Learning to walk: a quadruped robot on sand", "", ("strong", ("quadruped", "robot"))),
        (
            "Grasping with a robotic arm",
            "The end effector",
            ("strong", ("robotic", "arm", "end effector", "Grasping")),
        ),
        ("Market manipulation in prediction markets", "", None),
        ("An arm of a multi-armed bandit", "", None),
        ("A robot reads the web", "The web crawler asks.", None),
    ],
)
def test_example_with_context_keeps_others_out(
    title: str, abstract: str, outcome: tuple[str, tuple[str, ...]] | None
) -> None:
    assert robotics(FULL, title, abstract) == outcome


def test_shipped_topics_are_changed_as_the_page_says() -> None:
    topics = load_topics(CHANGED)
    assert "neuromorphic" not in topics
    assert topics["quantum"].title == "Qubits"
    assert Matcher(topics).match("Ion shuttling", "")[0].evidence == ("Ion shuttling",)


def test_every_key_is_explained() -> None:
    explained = set(re.findall(r"`(\w+)`", TEXT))
    assert set(definitions.KEYS) - {"add"} <= explained
    assert set(definitions.RULE_KEYS) - {"weight"} <= {*explained, "only_with_strong"}
