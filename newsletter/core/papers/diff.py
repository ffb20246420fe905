"""Decides how a listing changes a known paper: revision, filled gap, older text, or nothing.

Stores nothing and does not decide which paper an entry is (`newsletter.core.papers.identity` does).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from newsletter.core.papers.identity import keys_of, rendering_key
from newsletter.core.papers.listing import Entry

_REPLACED = ("author_count", "author_names", "organization", "code_url", "url", "project_url", "categories")
_COLUMN_OF_SCHEME = {"arxiv": "arxiv_id", "doi": "doi"}
CUT_MARKS = ("…", "...")  # how sources end an abstract that they shortened


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperText:
    """The words of a paper."""

    title: str
    abstract: str  # may be empty


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownPaper:
    """A paper as it is stored. The fields after `text` are named like their columns."""

    text: PaperText
    author_count: int | None = None
    author_names: tuple[str, ...] = ()
    organization: str | None = None
    published_on: date | None = None
    comments: int | None = None
    code_url: str | None = None
    url: str | None = None
    project_url: str | None = None
    categories: tuple[str, ...] = ()
    upvotes: int | None = None
    upvotes_on: date | None = None  # the day on which they were seen
    arxiv_id: str | None = None
    doi: str | None = None
    printed_year: bool = False  # some listing printed `published_on` with its year
    newest_on: date | None = None  # the date of its newest listing in an ingested dump


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperChange:
    """The new values of a known paper."""

    revision: PaperText | None = None  # the new current text; the old one stays in the history
    older: PaperText | None = None  # another text, from an older listing: history only
    filled: PaperText | None = None  # the current text with a gap filled or a misreading mended: no revision
    fields: Mapping[str, Any] = field(default_factory=dict)  # columns to set

    @property
    def text(self) -> PaperText | None:
        """The new current text, or None when it stays."""
        return self.revision or self.filled


def decide(
    known: KnownPaper,
    entry: Entry,
    *,
    published_on: date | None,
    listed_on: date,
    seen_on: date | None = None,
    repeated: bool = False,
    rereading: bool = False,
) -> PaperChange:
    """Compare an entry with the stored paper.

    published_on: the entry's printed date with its year. listed_on: the date of its listing; the text of the
    newest listing is the current one. seen_on: the day on which its
    votes were seen. repeated: the same dump listed the paper before, so the entry only
    fills gaps. rereading: the current text came from the same bytes; a difference comes from a changed parser
    and is no revision.
    """
    newer = known.newest_on is None or listed_on >= known.newest_on
    said = PaperText(title=entry.title, abstract=_fuller(known.text.abstract, entry.abstract))
    fields = _fields(known, entry, newer=newer)
    if entry.upvotes is not None and (
        known.upvotes_on is None or (seen_on is not None and seen_on >= known.upvotes_on)
    ):
        fields |= {"upvotes": entry.upvotes, "upvotes_on": seen_on}
    for scheme, value in keys_of(entry).identifiers:
        if scheme in _COLUMN_OF_SCHEME and getattr(known, _COLUMN_OF_SCHEME[scheme]) is None:
            fields[_COLUMN_OF_SCHEME[scheme]] = value
    if published_on is not None and published_on != known.published_on:
        has_year = entry.printed is not None and entry.printed.year is not None
        if known.published_on is None or (has_year and (newer or not known.printed_year)):
            fields["published_on"] = published_on
    if rereading:
        return PaperChange(filled=said if said != known.text else None, fields=fields)
    if _is_filled(known.text.abstract, said.abstract):
        filled = replace(known.text, abstract=said.abstract)
        return PaperChange(filled=filled, fields=fields)
    changed = PaperText(
        title=_unless_rendering(known.text.title, said.title),
        abstract=_unless_rendering(known.text.abstract, said.abstract),
    )
    if repeated or changed == known.text:
        return PaperChange(fields=fields)
    return (
        PaperChange(revision=changed, fields=fields) if newer else PaperChange(older=changed, fields=fields)
    )


def after(known: KnownPaper, change: PaperChange, *, listed_on: date) -> KnownPaper:
    """The paper with the change applied."""
    newest = listed_on if known.newest_on is None else max(known.newest_on, listed_on)
    return replace(known, text=change.text or known.text, newest_on=newest, **change.fields)


def same_rendering(one: str, other: str) -> bool:
    """Whether two texts differ at most in white space, LaTeX, punctuation marks or letter case."""
    return one == other or rendering_key(one) == rendering_key(other)


def _fields(known: KnownPaper, entry: Entry, *, newer: bool) -> dict[str, Any]:
    """Gaps that the entry fills, and values that a newer listing replaces."""
    fields: dict[str, Any] = {}
    for name in _REPLACED:
        before, said = getattr(known, name), getattr(entry, name)
        if said in (None, "", ()) or said == before:
            continue
        if before in (None, "", ()) or newer:
            fields[name] = said
    if entry.comments is not None and (known.comments is None or entry.comments > known.comments):
        fields["comments"] = entry.comments  # counts grow: the largest is the newest, in any order of dumps
    return fields


def _unless_rendering(before: str, said: str) -> str:
    return before if same_rendering(before, said) else said


def _fuller(before: str, said: str) -> str:
    """The abstract to compare: an empty one, or a cut beginning of the known one, is not new."""
    if not said.strip():
        return before
    return before if _is_cut_of(said, before) else said


def _is_filled(before: str, said: str) -> bool:
    return bool(said.strip()) and (not before.strip() or (before != said and _is_cut_of(before, said)))


def _is_cut_of(short: str, long: str) -> bool:
    short = short.rstrip()
    mark = next((mark for mark in CUT_MARKS if short.endswith(mark)), None)
    if mark is None or len(short) > len(long):
        return False
    return rendering_key(long).startswith(rendering_key(short.removesuffix(mark)))
