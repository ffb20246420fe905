"""Files of labelled papers."""

from __future__ import annotations

import json

import pytest

from newsletter.core.errors import UsageError
from newsletter.topics.labels import LabelledPaper, read_labels

KNOWN = ("circuits", "quantum")
NAMES = ", ".join(KNOWN)


def test_labels_are_read_and_missing_abstracts_looked_up() -> None:
    known = {"Known": "As stored."}
    lines = [
        json.dumps({"title": "Whole", "abstract": "Text.", "topics": ["quantum"], "borderline": True}),
        "",
        json.dumps({"id": 3, "title": "Known", "topics": []}).encode(),
        json.dumps({"title": "Unknown", "topics": []}),
    ]
    assert read_labels(lines, source="x.jsonl", abstract_of=known.get, known_topics=KNOWN) == [
        LabelledPaper(
            title="Whole", abstract="Text.", topics=frozenset({"quantum"}), borderline=True, source="x.jsonl"
        ),
        LabelledPaper(title="Known", abstract="As stored.", topics=frozenset(), source="x.jsonl"),
        LabelledPaper(title="Unknown", abstract="", topics=frozenset(), source="x.jsonl"),
    ]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "not JSON: Expecting property name enclosed in double quotes at character 2"),
        ("[]", "not an object but list"),
        ("3", "not an object but int"),
        (b"\xff", "not UTF-8: byte 1 of the line"),
        ('{"title": "x"}', "`topics` is missing or no list of slugs"),
        ('{"topics": []}', "`title` is missing or no text"),
        ('{"title": 3, "topics": []}', "`title` is missing or no text"),
        ('{"title": "x", "topics": 3}', "`topics` is missing or no list of slugs"),
        ('{"title": "x", "topics": [3]}', "`topics` is missing or no list of slugs"),
        ('{"title": "x", "topics": "quantum"}', "`topics` is missing or no list of slugs"),
        ('{"title": "x", "topics": ["circuits", "quantun"]}', f"there is no topic 'quantun'; known: {NAMES}"),
        ('{"title": "x", "topics": [], "abstract": 3}', "`abstract` is no text"),
        ("[" * 100_000, "not usable JSON: maximum recursion depth exceeded while decoding a JSON array"),
    ],
)
def test_a_wrong_line_is_named_with_its_fault(line: str | bytes, reason: str) -> None:
    with pytest.raises(UsageError) as refused:
        read_labels(["\n", line], source="labels.jsonl", abstract_of={}.get, known_topics=KNOWN)
    assert refused.value.message.startswith(f"labels.jsonl, line 2: {reason}")


@pytest.mark.parametrize("lines", [[], ["\n", " \n"]])
def test_a_file_without_papers_is_refused(lines: list[str]) -> None:
    with pytest.raises(UsageError, match=r"labels\.jsonl holds no labelled paper"):
        read_labels(lines, source="labels.jsonl", abstract_of={}.get, known_topics=KNOWN)
