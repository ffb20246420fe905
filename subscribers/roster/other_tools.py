"""Translates names, tags and zones of other tools' exports. Reads and stores nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from email.errors import HeaderParseError
from email.header import decode_header, make_header

from subscribers.roster.readings import folded


def full_name(cells: Mapping[str, str]) -> str:
    """The name in a row, from one column or two. Mailman encodes names that are not ASCII (RFC 2047)."""
    name = cells.get("name") or f"{cells.get('first_name', '')} {cells.get('last_name', '')}"
    return decoded(name) if "=?" in name else name


def decoded(name: str) -> str:
    """A name with its encoded words decoded (RFC 2047)."""
    try:
        return str(make_header(decode_header(name)))
    except (HeaderParseError, LookupError, ValueError):  # not decodable: keep the text
        return name


def titles(names: Mapping[str, str]) -> dict[str, str]:
    """Slugs of topics by what a list or tag may call them. names: titles by slug."""
    return {folded(title): slug for slug, title in names.items()} | {folded(slug): slug for slug in names}


def tagged(cell: str, topic_names: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Each name in a cell of tags or lists, with the slug of its topic, or "" where there is none.

    Reads `a;b`, `a,b`, Mailchimp's `"a","b"` and JSON's `["a", "b"]`. topic_names: of `titles`.
    """
    if slug := topic_names.get(folded(cell)):
        yield cell, slug
        return
    for part in re.split(r"[;,|\n]", cell.strip("[]{}")):
        if name := part.strip(" \"'"):
            yield name, topic_names.get(folded(name), "")
