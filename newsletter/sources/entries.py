"""Builds the entries of a listing from the raw strings of a format: cleaned, readable, with code links.

It knows no format and judges no entry: `newsletter.sources.gate` does.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from datetime import date
from itertools import islice
from typing import Any

import ftfy

from newsletter.core.papers.listing import Entry, PartialDate
from newsletter.sources.cleaning import one_line
from newsletter.sources.code_links import code_link
from newsletter.sources.latex import readable
from newsletter.sources.limits import LONGEST_NAME, LONGEST_TEXT, LONGEST_TITLE, MOST_AUTHORS

_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_TAG = re.compile(
    r"</?(?:p|br|i|b|em|strong|sub|sup|span|div|a|tt|code|u|jats:\w+)\b[^<>]{0,300}>", re.IGNORECASE
)
_MOJIBAKE = re.compile("[\u00c2\u00c3\u00e2\u00c5\u00ce\u00cf\u00d0\u00d1\u00e3][\u0080-\u00bf\u0152-\u2122]")
_QUOTED = re.compile(r"``([^`']{1,300}?)''")
_FIX = ftfy.TextFixerConfig(
    unescape_html=False, uncurl_quotes=False, fix_latin_ligatures=False, fix_character_width=False,
    remove_terminal_escapes=False, remove_control_chars=False, normalization=None,
)  # fmt: skip


def clean_text(raw: str) -> str:
    """A title, name or abstract as one readable line: entities, tags, misread bytes and LaTeX are undone."""
    text = raw
    if "&" in text:
        text = _ENTITY.sub(lambda found: html.unescape(found[0]), text)
    if "<" in text:
        text = _TAG.sub(" ", text)
    if not text.isascii() and _MOJIBAKE.search(text):
        text = ftfy.fix_text(text, _FIX)
    if "``" in text:
        text = _QUOTED.sub(r"“\1”", text)
    return one_line(readable(one_line(text)))


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
    which the paper came out. more: other fields of `Entry`, taken as they are.
    """
    words = _short(abstract, LONGEST_TEXT)
    named_authors = (clean_text(author[:LONGEST_NAME]) for author in islice(authors, MOST_AUTHORS + 1))
    names = tuple(name for name in named_authors if name)
    named = (("arxiv", arxiv_id), ("doi", doi))
    more.setdefault("author_count", len(names) or None)
    more["code_url"] = more.get("code_url") or code_link(words)
    return Entry(
        position=position,
        line=line,
        title=_short(title, LONGEST_TITLE),
        abstract=words,
        printed=full_date(published) if isinstance(published, date) else published,
        author_names=names,
        identifiers=tuple((scheme, value.strip()) for scheme, value in named if value and value.strip()),
        **more,
    )
