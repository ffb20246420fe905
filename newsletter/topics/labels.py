"""Labelled papers as people hand them in: JSON lines with title, abstract, topics, perhaps borderline.

Looks nothing up itself: a line without an abstract takes it from the texts that the caller hands in.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from newsletter.core.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """One paper and what a careful reader says of it."""

    title: str
    abstract: str
    topics: frozenset[str]  # slugs
    borderline: bool = False  # the reader was in doubt
    source: str = ""  # the file's name


def read_labels(
    lines: Iterable[str | bytes], *, source: str, abstract_of: Callable[[str], str | None]
) -> list[Labelled]:
    """Read one file's lines. abstract_of: the abstract of a known title, for lines that have none.

    Raises UsageError that names the line.
    """
    found: list[Labelled] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            text = line.decode("utf-8-sig") if isinstance(line, bytes) else line
            row = json.loads(text)
            title, topics = row["title"], row["topics"]
            if not isinstance(title, str) or not all(isinstance(topic, str) for topic in topics):
                raise TypeError("title is a text, topics a list of slugs")
            abstract = row.get("abstract")
            if not isinstance(abstract, str | None):
                raise TypeError("abstract is a text")
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            raise UsageError(
                f"{source}, line {number}: no labelled paper ({error})",
                hint='A line is {"title": …, "abstract": …, "topics": [slugs], "borderline": true or false}.',
            ) from error
        found.append(
            Labelled(
                title=title,
                abstract=abstract if abstract is not None else abstract_of(title) or "",
                topics=frozenset(topics),
                borderline=bool(row.get("borderline")),
                source=source,
            )
        )
    return found
