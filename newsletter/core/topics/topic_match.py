"""Defines the answer of a topic matcher, and the interface of matchers.

Matches nothing: the rules are read in `newsletter.core.topics.matching`, the shipped matcher is
`newsletter.topics.matcher.Matcher`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

STRONG, MAYBE = "strong", "maybe"  # a paper's strength in a topic: in the section; doubtful


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicMatch:
    """A paper belongs to a topic, surely or perhaps."""

    topic: str  # slug
    score: float  # 0 to 1, comparable among topics
    strength: str  # STRONG or MAYBE
    evidence: tuple[str, ...]  # matched phrases as readable text, strongest first


class TopicMatcher(Protocol):
    """Says which topics a paper belongs to. For rooms that may not import `newsletter.topics`."""

    def match(self, title: str, abstract: str, categories: Sequence[str] = ()) -> Sequence[TopicMatch]:
        """The topics of a paper, strong and maybe, best score first. categories: of arXiv, where known."""
