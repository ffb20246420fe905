"""Classifies papers given as JSON lines: one object with topics for each line.

It opens no files and stores nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from newsletter.topics.json_lines import BadLineError, paper_of
from newsletter.topics.matcher import Matcher


def classify_lines(lines: Iterable[str | bytes], matcher: Matcher) -> Iterator[dict[str, Any]]:
    """Yield one JSON-ready object for each line, in order, as soon as the line is read.

    A line holds `{"id", "title", "abstract", "categories"}`. id: anything. The abstract may be missing,
    null or empty, and so may be the categories of arXiv.
    Its answer is `{"id", "topics", "maybe", "scores", "evidence"}`: slugs best first, `topics` the strong
    ones only; `scores` of every topic that has rules; `evidence` for those in `topics` and `maybe`.
    The answer to an unreadable line is `{"id", "line", "error", "topics": []}` (`line` counts from 1), so the
    numbers of lines and answers are equal. Blank lines at the end do not count.
    """
    blank: list[int] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            blank.append(number)
            continue
        for missed in blank:
            yield _refused(None, missed, "the line is blank")
        blank.clear()
        yield _answer(number, line, matcher)


def _answer(number: int, line: str | bytes, matcher: Matcher) -> dict[str, Any]:
    try:
        paper = paper_of(line)
    except BadLineError as error:
        return _refused(error.id, number, str(error))
    scores, matches = matcher.read(paper["title"], paper.get("abstract") or "", paper.get("categories") or ())
    return {
        "id": paper.get("id"),
        "topics": [match.topic for match in matches if match.strength == "strong"],
        "maybe": [match.topic for match in matches if match.strength == "maybe"],
        "scores": scores,
        "evidence": {match.topic: list(match.evidence) for match in matches},
    }


def _refused(name: object, number: int, reason: str) -> dict[str, Any]:
    return {"id": name, "line": number, "error": reason, "topics": []}
