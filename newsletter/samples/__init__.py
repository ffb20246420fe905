"""Finds the shipped sample dumps of five days, for `newsletter demo` and for tests. It does not read them.

Titles, identifiers, dates and authors are those of published papers; we wrote the abstracts. The name of each
file begins with the day that it lists.
"""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable


def dumps() -> list[Traversable]:
    """Return the Daily Papers of each day as text, oldest first: objects with `name` and `read_bytes()`."""
    return [item for item in listings() if item.name.endswith(".txt")]


def listings() -> list[Traversable]:
    """Return all samples by day: `dumps`, and after that of the same day a mail of arXiv or JSON."""
    found = (item for item in files(__name__).iterdir() if item.name[:1].isdigit())
    return sorted(found, key=lambda item: (item.name[:10], not item.name.endswith(".txt"), item.name))
