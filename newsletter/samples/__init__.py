"""Dumps of five days that ship with the product: for `newsletter demo`, and for tests anywhere.

Titles, dates and counts of authors are those of published papers; the abstracts are summaries of our own. The
files are in the format `daily-papers` and named after the day that they list. It does not read them.
"""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable


def dumps() -> list[Traversable]:
    """Return the sample dumps, oldest first: path-like objects with `name` and `read_bytes()`."""
    found = (item for item in files(__name__).iterdir() if item.name.endswith(".txt"))
    return sorted(found, key=lambda item: item.name)
