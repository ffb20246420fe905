"""Builds the entries of a listing from the raw strings of a format: cleaned, readable, with code links.

It knows no format and judges no entry: `newsletter.sources.gate` does.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from itertools import islice
from typing import Any

from newsletter.core.papers.listing import Entry, PartialDate
from newsletter.sources.code_links import code_link
from newsletter.sources.limits import LONGEST_NAME, LONGEST_TEXT, LONGEST_TITLE, MOST_AUTHORS
from newsletter.sources.text.cleaning import one_line
from newsletter.sources.text.latex import readable
from newsletter.sources.text.lost_tex import without_lost_tex
from newsletter.sources.text.markup import without_markup


def clean_text(raw: str) -> str:
    """A title, name or abstract as one readable line: markup, misread bytes and TeX are undone."""
    text = readable(one_line(without_markup(raw)))
    return one_line(without_lost_tex(text))


def _short(raw: str, longest: int) -> str:
    """The readable text. What is too long is cut just above the limit: the gate refuses it."""
    if len(raw) > longest:
        raw = one_line(raw)
    return clean_text(raw) if len(raw) <= longest else raw[: longest + 1]


def full_date(day: date | None) -> PartialDate | None:
    """A date that is known with its year, as an entry or a listing holds it."""
    return None if day is None else PartialDate(month=day.month, day=day.day, year=day.year)


def make_entry(
    *,
    position: int,
    line: int,
    title: str,
    abstract: str = "",
    authors: Iterable[str] = (),
    published: PartialDate | date | None = None,
    arxiv_id: str | None = None,
    doi: str | None = None,
    **more: Any,
) -> Entry:
    """An entry from raw strings.

    position: from 1. line: where the entry begins, or the number of its record, from 1. published: the day on
    which the paper came out. more: other fields of `Entry`; their texts lose what no database can hold.
    """
    words = _short(abstract, LONGEST_TEXT)
    named_authors = (clean_text(author[:LONGEST_NAME]) for author in islice(authors, MOST_AUTHORS + 1))
    names = tuple(name for name in named_authors if name)
    named = (("arxiv", arxiv_id), ("doi", doi))
    more |= {name: one_line(value) or None for name, value in more.items() if isinstance(value, str)}
    more["categories"] = tuple(filter(None, map(one_line, more.get("categories", ()))))
    if organization := more.get("organization"):
        more["organization"] = clean_text(organization[:LONGEST_NAME]) or None
    more.setdefault("author_count", len(names) or None)
    more["code_url"] = more.get("code_url") or code_link(words)
    return Entry(
        position=position,
        line=line,
        title=_short(title, LONGEST_TITLE),
        abstract=words,
        printed=full_date(published) if isinstance(published, date) else published,
        author_names=names,
        identifiers=tuple((scheme, text) for scheme, value in named if value and (text := one_line(value))),
        **more,
    )
