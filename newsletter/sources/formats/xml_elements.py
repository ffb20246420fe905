"""Reads children of XML elements by their local names: the prefixes in arXiv's feeds changed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime
from email.utils import parsedate_to_datetime
from itertools import pairwise
from typing import Any

from lxml import etree

from newsletter.sources.text.cleaning import had_room

_NESTED = ("{*}title", "{*}summary", "{*}description", "{*}link", "{*}guid", "{*}category", "{*}pubDate")
_BLANK_LINE = re.compile(r"\n[ \t\r]*\n")


def local_name(element: Any) -> str:
    """The name of an element without its namespace; empty for a comment or a processing instruction."""
    return etree.QName(element).localname if isinstance(element.tag, str) else ""


def children(element: Any, name: str) -> Iterator[Any]:
    """The children of this name, in order."""
    return iter(element.iterchildren(f"{{*}}{name}"))


def text_of(element: Any, *names: str) -> str:
    """The text of the first child that has one of these names; empty when none has, or it holds fields."""
    for name in names:
        for child in children(element, name):
            if next(child.iterdescendants(*_NESTED), None) is not None:
                return ""  # a tag was lost: the rest of the record is in this element
            return "".join(child.itertext()).strip()
    return ""


def title_of(element: Any) -> str:
    """The title of an element; empty when it has blank lines or short lines in it, as no title has."""
    text = text_of(element, "title")
    return "" if _BLANK_LINE.search(text) or _has_short_line(text) else text


def _has_short_line(text: str) -> bool:
    """Whether a line within a folded text has room for the word after it: then it is of another text.

    The first line may be shorter, for the tag before it.
    """
    lines = [line.strip() for line in text.split("\n")]
    width = max(map(len, lines)) + 1
    return any(had_room(line, following, width) for line, following in pairwise(lines[1:]))


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
