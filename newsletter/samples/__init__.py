"""Finds the shipped sample dumps of five days, for `newsletter demo` and for tests. It does not read them.

Titles, dates and counts of authors are those of published papers; we wrote the abstracts. The files have the
format `daily-papers`, and each is named after the day that it lists.
"""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable


def dumps() -> list[Traversable]:
    """Return the sample dumps, oldest first: path-like objects with `name` and `read_bytes()`."""
    found = (item for item in files(__name__).iterdir() if item.name.endswith(".txt"))
    return sorted(found, key=lambda item: item.name)
