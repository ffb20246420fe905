"""Labelled papers as people hand them in."""

from __future__ import annotations

import json

import pytest

from newsletter.core.errors import UsageError
from newsletter.topics.labels import Labelled, read_labels


def test_labels_are_read_and_missing_abstracts_looked_up() -> None:
    known = {"Known": "As stored."}
    lines = [
        json.dumps({"title": "Whole", "abstract": "Text.", "topics": ["quantum"], "borderline": True}),
        "",
        json.dumps({"id": 3, "title": "Known", "topics": []}).encode(),
        json.dumps({"title": "Unknown", "topics": []}),
    ]
    assert read_labels(lines, source="x.jsonl", abstract_of=known.get) == [
        Labelled(
            title="Whole", abstract="Text.", topics=frozenset({"quantum"}), borderline=True, source="x.jsonl"
        ),
        Labelled(title="Known", abstract="As stored.", topics=frozenset(), source="x.jsonl"),
        Labelled(title="Unknown", abstract="", topics=frozenset(), source="x.jsonl"),
    ]


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "[]",
        "3",
        b"\xff",
        '{"title": "x"}',
        '{"topics": []}',
        '{"title": 3, "topics": []}',
        '{"title": "x", "topics": 3}',
        '{"title": "x", "topics": [3]}',
        '{"title": "x", "topics": [], "abstract": 3}',
    ],
)
def test_a_wrong_line_is_named(line: str | bytes) -> None:
    with pytest.raises(UsageError, match=r"labels\.jsonl, line 2: no labelled paper"):
        read_labels(["\n", line], source="labels.jsonl", abstract_of={}.get)
