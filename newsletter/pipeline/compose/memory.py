"""Remembers what became of a group, from one turn to the next: most groups have readers in many turns.

It holds as long as the candidates do not change. Groups with debts of their own are not remembered: their
keys name rows of one turn.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from newsletter.pipeline.compose.edition_debts import Candidates

MOST = 50_000  # groups that are remembered, some 30 MB


class TurnMemory:
    """What became of the groups of a run."""

    def __init__(self) -> None:
        self._candidates: Mapping[tuple[bool, bool], Candidates] = {}
        self._outcomes: dict[str, dict[str, Any]] = {}

    def current(
        self, candidates: dict[tuple[bool, bool], Candidates]
    ) -> Mapping[tuple[bool, bool], Candidates]:
        """The same candidates, as the turn before had them if they are equal; else all is forgotten."""
        if candidates != self._candidates:
            self._candidates = candidates
            self._outcomes.clear()
        return self._candidates

    def recall(self, text: str) -> dict[str, Any] | None:
        """What became of the group with this key, as `keep` was told."""
        return self._outcomes.get(text)

    def keep(self, text: str, outcome: dict[str, Any]) -> None:
        """Remember what became of a group."""
        if len(self._outcomes) < MOST:
            self._outcomes[text] = outcome
