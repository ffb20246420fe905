"""Reads labelled papers: JSON lines with title, abstract, topics and perhaps borderline and categories.

It looks up no abstract: for a line without one it calls the function that the caller hands in.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from newsletter.core.errors import UsageError
from newsletter.topics.json_lines import BadLineError, paper_of

LINE_FORMAT = 'A line is {"title": …, "abstract": …, "topics": [slugs], "borderline": true or false}.'


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledPaper:
    """One paper with the topics that a careful reader gave it."""

    title: str
    abstract: str
    topics: frozenset[str]  # slugs
    borderline: bool = False  # the reader was in doubt
    source: str = ""  # the file's name
    categories: tuple[str, ...] = ()  # of arXiv, where the line has them


def read_labels(
    lines: Iterable[str | bytes],
    *,
    source: str,
    abstract_of: Callable[[str], str | None],
    known_topics: Collection[str],
) -> list[LabelledPaper]:
    """Read one file's lines. abstract_of: the abstract of a known title, for lines that have none.

    Raises UsageError that names the file and the line, also for a topic that is not among `known_topics`;
    and for a file without any paper.
    """
    found: list[LabelledPaper] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = paper_of(line)
            topics = row.get("topics")
            if not isinstance(topics, list) or not all(isinstance(topic, str) for topic in topics):
                raise BadLineError("`topics` is missing or no list of slugs")
            if unknown := sorted(set(topics).difference(known_topics)):
                raise BadLineError(f"there is no topic {unknown[0]!r}; known: {', '.join(known_topics)}")
        except BadLineError as error:
            raise UsageError(f"{source}, line {number}: {error}", hint=LINE_FORMAT) from None
        abstract = row.get("abstract")
        found.append(
            LabelledPaper(
                title=row["title"],
                abstract=abstract if abstract is not None else abstract_of(row["title"]) or "",
                topics=frozenset(topics),
                borderline=bool(row.get("borderline")),
                source=source,
                categories=tuple(row.get("categories") or ()),
            )
        )
    if not found:
        raise UsageError(f"{source} holds no labelled paper", hint=LINE_FORMAT)
    return found
