"""JSON lines in, objects out, line for line."""

from __future__ import annotations

import json
from typing import Any

import pytest

from newsletter.topics.classify import classify_lines
from newsletter.topics.definitions import load_topics
from newsletter.topics.matcher import Matcher

MATCHER = Matcher(load_topics())  # by rules alone: round figures
NOTHING = dict.fromkeys(MATCHER.slugs, 0.0)
GOOD = json.dumps({"id": "a", "title": "Spiking neural networks", "abstract": "One qubit."})
PLAIN = {"topics": [], "maybe": [], "scores": NOTHING, "evidence": {}}


def answers(*lines: str | bytes) -> list[dict[str, Any]]:
    return list(classify_lines(lines, MATCHER))


def test_answer_has_strong_topics_maybes_scores_and_evidence() -> None:
    assert answers(GOOD) == [
        {
            "id": "a",
            "topics": ["neuromorphic"],
            "maybe": ["quantum"],
            "scores": {**NOTHING, "quantum": 0.4257, "neuromorphic": 0.6701},
            "evidence": {"neuromorphic": ["Spiking neural networks"], "quantum": ["qubit"]},
        }
    ]


def test_abstract_and_id_may_be_missing() -> None:
    assert answers('{"title": "Bread"}', '{"id": 7, "title": "", "abstract": null}') == [
        {"id": None, **PLAIN},
        {"id": 7, **PLAIN},
    ]


@pytest.mark.parametrize(
    ("line", "name", "reason"),
    [
        ("{", None, "not JSON"),
        ("[]", None, "not an object but list"),
        ('{"id": 3}', 3, "`title` is missing"),
        ('{"id": 3, "title": ["x"]}', 3, "`title` is missing or no text"),
        ('{"id": 3, "title": "x", "abstract": 5}', 3, "`abstract` is no text"),
        ('{"title": "x", "categories": "quant-ph"}', None, "`categories` is no list of texts"),
        ('{"title": "x", "categories": {"quant-ph": 1}}', None, "`categories` is no list of texts"),
        ('{"title": "x", "categories": [["quant-ph"]]}', None, "`categories` is no list of texts"),
        ('{"title": "x", "categories": [null]}', None, "`categories` is no list of texts"),
        (b'{"title": "\xff"}', None, "not UTF-8: byte 12"),
        ("[" * 100_000, None, "not usable JSON"),
        ("", None, "the line is blank"),
    ],
)
def test_bad_line_is_answered_in_its_place_and_others_follow(
    line: str | bytes, name: object, reason: str
) -> None:
    before, refused, after = answers(GOOD, line, GOOD)
    assert before == after == answers(GOOD)[0]
    assert reason in refused.pop("error")
    assert refused == {"id": name, "line": 2, "topics": []}


@pytest.mark.parametrize("categories", ["null", "[]", '["quant-ph", "cs.LG"]', '["none such"]'])
def test_categories_may_be_given_and_rules_do_not_read_them(categories: str) -> None:
    assert answers(f'{{"title": "Bread", "categories": {categories}}}') == [{"id": None, **PLAIN}]


def test_blank_lines_at_the_end_are_no_lines() -> None:
    assert answers(GOOD + "\n", "\n", "  \n") == answers(GOOD)


def test_bytes_with_a_byte_order_mark_are_read() -> None:
    assert answers(b"\xef\xbb\xbf" + GOOD.encode()) == answers(GOOD)
