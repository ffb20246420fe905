"""Defines what a search returns: plain values with places to mark; pages escape and mark the texts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

Marks = tuple[tuple[int, int], ...]  # start and end of each match in a text, in order, never overlapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Snippet:
    """A part of an abstract around what was found."""

    text: str
    marks: Marks = ()
    is_cut_before: bool = False  # text of the abstract was left out before it
    is_cut_after: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperHit:
    """A paper that fits a query."""

    paper_id: int
    title: str
    title_marks: Marks
    author_names: tuple[str, ...]
    author_count: int | None
    organization: str | None
    first_listed_on: date
    edition: int | None  # that held it first; None: an archive brought it
    arxiv_id: str | None
    doi: str | None
    url: str | None
    snippet: Snippet
    topics: tuple[str, ...]  # slugs of its strong topics that may be shown
    matched: tuple[str, ...]  # where: identifier, title, authors, organization, abstract


@dataclass(frozen=True, slots=True, kw_only=True)
class EditionHit:
    """An edition that fits a query."""

    number: int
    date: date
    note: Snippet | None  # where its note fits
    matched: str  # number, date, note or topic


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchPage:
    """A part of what fits a query, the best first."""

    hits: tuple[PaperHit, ...] = ()
    total: int = 0  # papers that fit
    has_more: bool = False  # so many fit that the newest `total` of them were ranked
    editions: tuple[EditionHit, ...] = ()
    notices: tuple[str, ...] = ()  # what was read otherwise than typed, or why nothing was found
