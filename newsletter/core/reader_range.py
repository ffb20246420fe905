"""Names a range of readers: a share of the work that can be done in one place."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ReaderRange:
    """The readers whose ids are from `first` to `last`, both included. last None: no upper end."""

    first: int = 1
    last: int | None = None


EVERY_READER = ReaderRange()
