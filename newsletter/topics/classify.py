"""Answer papers given as JSON lines with their topics, line for line.

Opens no files and stores nothing: lines come in, objects go out; the command line does the rest.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from newsletter.topics.matcher import Matcher


def classify_lines(lines: Iterable[str | bytes], matcher: Matcher) -> Iterator[dict[str, Any]]:
    """Yield one JSON-ready object for each line, in order and as soon as the line is read.

    A line holds `{"id", "title", "abstract"}` (id: anything; the abstract may be missing, null or empty).
    Its answer is `{"id", "topics", "maybe", "scores", "evidence"}`: slugs best first, `topics` the strong
    ones only; `scores` of every topic that has rules; `evidence` for those in `topics` and `maybe`.
    A line that cannot be read is answered with `{"id", "line", "error", "topics": []}` (`line` counts from
    1), so that answers stay level with questions. Blank lines at the very end are no lines.
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
        text = line.decode("utf-8-sig") if isinstance(line, bytes) else line.removeprefix("\ufeff")
        paper = json.loads(text)
    except UnicodeDecodeError as error:
        return _refused(None, number, f"not UTF-8: byte {error.start + 1} of the line")
    except json.JSONDecodeError as error:
        return _refused(None, number, f"not JSON: {error.msg} at character {error.pos + 1}")
    except (RecursionError, ValueError) as error:  # nested a thousand deep; a number of 5,000 digits
        return _refused(None, number, f"not usable JSON: {error}")
    if not isinstance(paper, dict):
        return _refused(None, number, f"not an object but {type(paper).__name__}")
    title, abstract = paper.get("title"), paper.get("abstract")
    if not isinstance(title, str):
        return _refused(paper.get("id"), number, "`title` is missing or no text")
    if not isinstance(abstract, str | None):
        return _refused(paper.get("id"), number, "`abstract` is no text")
    scores, matches = matcher.read(title, abstract or "")
    return {
        "id": paper.get("id"),
        "topics": [match.topic for match in matches if match.strength == "strong"],
        "maybe": [match.topic for match in matches if match.strength == "maybe"],
        "scores": scores,
        "evidence": {match.topic: list(match.evidence) for match in matches},
    }


def _refused(name: object, number: int, reason: str) -> dict[str, Any]:
    return {"id": name, "line": number, "error": reason, "topics": []}
