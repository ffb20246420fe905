"""Floors under the quality of the shipped topics: on our own sample, and on the real papers where they are.

These are regression floors. The rules were tuned on these very papers (first on the even half alone: the odd
half then stood at a macro-F1 of .895), so papers that nobody has looked at will do somewhat worse.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from newsletter.sources.registry import read_listing
from newsletter.topics.definitions import load_topics
from newsletter.topics.evaluation import Evaluation, Judged, evaluate
from newsletter.topics.matcher import Matcher
from newsletter.topics.model import LinearModel, load_weights
from tests.shared_data import SHARED, needs_shared

MATCHER = Matcher(load_topics(), LinearModel(load_weights()))
SAMPLE = Path(__file__).with_name("sample.jsonl")  # real titles, abstracts in our own words


def rows_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def figures_of(rows: Iterable[Mapping[str, Any]]) -> Evaluation:
    return evaluate(
        (
            Judged(
                given={
                    match.topic
                    for match in MATCHER.match(row["title"], row["abstract"])
                    if match.strength == "strong"
                },
                labels=set(row["topics"]),
                borderline=row.get("borderline", False),
            )
            for row in rows
        ),
        MATCHER.slugs,
    )


def test_own_sample_stays_above_its_floor() -> None:
    figures = figures_of(rows_of(SAMPLE))
    assert figures.papers >= 40
    assert figures.macro_f1 >= 0.95
    assert figures.false_alarms <= 1
    assert min(topic.f1 for topic in figures.topics) >= 0.9


@needs_shared
@pytest.mark.parametrize("half", [0, 1], ids=["even", "odd"])
def test_either_half_of_the_real_papers_stays_above_the_floor(half: int) -> None:
    figures = figures_of(rows_of(SHARED / "topics" / "dev.jsonl")[half::2])
    assert figures.macro_f1 >= 0.9
    assert min(topic.f1 for topic in figures.topics) >= 0.85


@needs_shared
def test_real_listings_stay_above_the_floor() -> None:
    abstracts = {
        entry.title: entry.abstract
        for dump in sorted((SHARED / "dumps").iterdir())
        for entry in read_listing(dump.read_bytes(), name=dump.name).entries
    }
    rows = rows_of(SHARED / "topics" / "listings.jsonl")
    figures = figures_of({**row, "abstract": abstracts[row["title"]]} for row in rows)
    assert figures.papers == 118
    assert figures.macro_f1 >= 0.94
    assert figures.false_alarms <= 2


@needs_shared
def test_daily_papers_raise_few_false_alarms() -> None:
    figures = figures_of(rows_of(SHARED / "topics" / "background.jsonl"))
    assert figures.papers == 522
    assert figures.false_alarms <= 2
