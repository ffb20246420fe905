"""Reads papers from JSON lines: one line in, its object out, or an error in words for people.

It opens no files and checks title, abstract and categories only.
"""

from __future__ import annotations

import json
from typing import Any


class BadLineError(ValueError):
    """A line that holds no paper, with the reason. `id`: the id in the line, when it can be read."""

    def __init__(self, reason: str, *, id: object = None) -> None:
        super().__init__(reason)
        self.id = id


def paper_of(line: str | bytes) -> dict[str, Any]:
    """The object of one line. Raises BadLineError.

    `title` is a text, `abstract` a text, null or missing, `categories` a list of texts, null or missing.
    """
    try:
        text = line.decode("utf-8-sig") if isinstance(line, bytes) else line.removeprefix("\ufeff")
        paper = json.loads(text)
    except UnicodeDecodeError as error:
        raise BadLineError(f"not UTF-8: byte {error.start + 1} of the line") from None
    except json.JSONDecodeError as error:
        raise BadLineError(f"not JSON: {error.msg} at character {error.pos + 1}") from None
    except (RecursionError, ValueError) as error:  # nested a thousand deep; a number of 5,000 digits
        raise BadLineError(f"not usable JSON: {error}") from None
    if not isinstance(paper, dict):
        raise BadLineError(f"not an object but {type(paper).__name__}")
    if not isinstance(paper.get("title"), str):
        raise BadLineError("`title` is missing or no text", id=paper.get("id"))
    if not isinstance(paper.get("abstract"), str | None):
        raise BadLineError("`abstract` is no text", id=paper.get("id"))
    categories = paper.get("categories")
    if categories is not None and not (
        isinstance(categories, list) and all(isinstance(name, str) for name in categories)
    ):
        raise BadLineError("`categories` is no list of texts", id=paper.get("id"))
    return paper
