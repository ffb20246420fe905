"""Reads the block below a paper on a Daily Papers page: authors or organisation, a dot, a date, comments.

It reads short lines only, and no titles or abstracts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from newsletter.core.papers.listing import PartialDate
from newsletter.sources.printed_dates import read_count, read_date
from newsletter.sources.title_or_abstract import TYPICAL_TITLE

_AUTHORS = re.compile(r"(?P<mark>[^\w\s]{0,3}) ?(?P<count>\d{1,5}) authors?$", re.IGNORECASE)
_DOTS = frozenset("·•∙⋅‧・")
_INLINE = re.compile(r"(?P<credit>.{0,120}?) ?[·•∙⋅‧・] ?(?P<date>[^·•∙⋅‧・]{5,40})$")
_ORGANIZATION = re.compile(r"(?P<slug>[A-Za-z0-9][A-Za-z0-9._-]*) (?P<name>\S.*)$")
_COUNT = re.compile(r"(?P<count>\d{1,3}(?:,\d{3})+|\d+(?:\.\d+)?k|\d{1,6})(?: comments?)?$")
_ABBREVIATIONS = ("Inc.", "Ltd.", "Co.", "Corp.", "Univ.")
_LONGEST_ORGANIZATION = 100  # characters, slug and name


@dataclass(slots=True)
class TextLine:
    """A non-blank line."""

    line: int
    text: str
    apart: bool  # a blank line is before it


@dataclass(slots=True)
class AuthorBlock:
    """The author block of a paper."""

    rows: list[TextLine] = field(default_factory=list)
    undated: TextLine | None = None  # the row in the place of the date that holds none
    author_count: int | None = None
    organization: str | None = None
    printed: PartialDate | None = None
    comments: int | None = None


def block_at(rows: list[TextLine], number: int) -> AuthorBlock | None:
    """Read the author block that begins at this row; None when none begins there.

    The row of an organisation is before it: `take_organization` reads that one.
    """
    text = rows[number].text
    if len(text) > 2 * _LONGEST_ORGANIZATION:
        return None
    authors = _AUTHORS.match(text)
    if authors is None:
        if _is_dot(text):
            block = AuthorBlock()
            return block if _read_dated(rows, number, block) else None
        return _inline_block(rows[number])
    block = AuthorBlock(rows=[rows[number]], author_count=int(authors["count"]) or None)
    rest = rows[number + 1] if number + 1 < len(rows) else None
    if rest is None:
        return block if authors["mark"] else None
    if _is_dot(rest.text) and _read_dated(rows, number + 1, block):
        return block
    inline = _inline_block(rest)
    if inline is not None and inline.author_count is None and inline.organization is None:
        block.rows.append(rest)  # "· Apr 10, 2024"
        block.printed, block.comments = inline.printed, inline.comments
    elif not rest.apart and (found := read_date(rest.text)) is not None:
        block.rows.append(rest)
        block.printed, block.comments = found
    elif not authors["mark"]:
        return None  # "3 authors" in running text
    return block


def _is_dot(text: str) -> bool:
    """Whether a line is the dot between authors and date, or a sign that a bad encoding made of it."""
    return len(text) <= 2 and not any(char.isalnum() for char in text)


def _read_dated(rows: list[TextLine], number: int, block: AuthorBlock) -> bool:
    """Add the dot at this row, its date and comments to `block`; False when the row is no such dot."""
    following = rows[number + 1 : number + 3]
    found = read_date(following[0].text) if following else None
    if found is not None:
        block.rows += rows[number : number + 2]
        block.printed, block.comments = found
        count = _COUNT.match(following[1].text) if len(following) > 1 and not following[1].apart else None
        if count and block.comments is None:
            block.rows.append(following[1])
            block.comments = read_count(count["count"])
        return True
    if rows[number].text not in _DOTS:
        return False
    block.rows.append(rows[number])
    alone = len(following) == 1 or (len(following) == 2 and following[1].apart)
    if alone and not following[0].apart and len(following[0].text) <= 40:
        block.rows.append(following[0])
        block.undated = following[0]
    return True


def _inline_block(row: TextLine) -> AuthorBlock | None:
    """Read a block in one line: "• 5 authors · Apr 10, 2024 1"."""
    match = _INLINE.match(row.text)
    found = read_date(match["date"]) if match else None
    if match is None or found is None:
        return None
    block = AuthorBlock(rows=[row], printed=found[0], comments=found[1])
    credit = match["credit"].strip()
    if authors := _AUTHORS.match(credit):
        block.author_count = int(authors["count"]) or None
    elif organization := _ORGANIZATION.match(credit):
        block.organization = organization["name"]
    elif credit:
        return None
    return block


def take_organization(texts: list[TextLine], block: AuthorBlock) -> None:
    """Move the last of the rows before a block into it when it names an organisation ("openbmb OpenBMB")."""
    if len(texts) < 2 or block.author_count is not None or block.organization is not None:
        return  # a single line is the title
    row, before = texts[-1], texts[-2]
    match = _ORGANIZATION.match(row.text)
    if row.apart and len(row.text) <= TYPICAL_TITLE and block.rows and not block.rows[0].apart:
        block.rows.insert(0, texts.pop())  # a paragraph of its own with the dot and the date
        block.organization = match["name"] if match else row.text
        return
    if match is None or len(row.text) > _LONGEST_ORGANIZATION:
        return
    if row.text.endswith((".", "?", "!")) and not row.text.endswith(_ABBREVIATIONS):
        return
    if row.apart or len(before.text) > TYPICAL_TITLE or before.text.endswith((".", "?", "!", ")")):
        block.rows.insert(0, texts.pop())
        block.organization = match["name"]
