"""Matching stored papers: the matcher sees the categories that a source gave."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pytest

from newsletter.core.papers.listing import Entry
from newsletter.core.topics.topic_match import TopicMatch
from newsletter.db.engine import writing
from newsletter.papers.topic_matches import rematch
from tests.pipeline.intake.scenario import DumpScenario, WordMatcher, abstract_of


class CategoryMatcher(WordMatcher):
    """Finds quantum by the category alone."""

    def match(self, title: str, abstract: str, categories: Sequence[str] = ()) -> tuple[TopicMatch, ...]:
        if "quant-ph" not in categories:
            return ()
        return (TopicMatch(topic="quantum", score=0.9, strength="strong", evidence=("word",)),)


@pytest.mark.parametrize(
    ("categories", "topics"),
    [(("quant-ph",), ["quantum"]), (("cs.IT", "quant-ph"), ["quantum"]), (("cs.IT",), []), ((), [])],
)
def test_matcher_sees_the_categories_of_a_paper(
    tmp_path: Path, categories: tuple[str, ...], topics: list[str]
) -> None:
    scenario = DumpScenario(tmp_path)
    scenario.matcher = CategoryMatcher()
    entry = Entry(position=0, line=1, title="Lattices", abstract=abstract_of(1), categories=categories)
    scenario.list_entries(entry, on=date(2026, 3, 3))
    assert [found["topic"] for found in scenario.papers()[0]["topics"]] == topics
    with writing(scenario.engine) as connection:
        assert rematch(connection, scenario.matcher) == 1
    assert [found["topic"] for found in scenario.papers()[0]["topics"]] == topics
