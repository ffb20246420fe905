"""Reads children of XML elements by their local names: the prefixes in arXiv's feeds changed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from lxml import etree


def local_name(element: Any) -> str:
    """The name of an element without its namespace; empty for a comment or a processing instruction."""
    return etree.QName(element).localname if isinstance(element.tag, str) else ""


def children(element: Any, name: str) -> Iterator[Any]:
    """The children of this name, in order."""
    return (child for child in element if local_name(child) == name)


def text_of(element: Any, *names: str) -> str:
    """The text of the first child that has one of these names; empty when there is none."""
    for name in names:
        for child in children(element, name):
            return "".join(child.itertext()).strip()
    return ""


def day_of(text: str) -> date | None:
    """The day of an RFC 3339 or RFC 5322 date and time, in its own zone; None when it is neither."""
    try:
        return datetime.fromisoformat(text).date()
    except ValueError:
        pass
    try:
        return parsedate_to_datetime(text).date()
    except ValueError:
        return None
