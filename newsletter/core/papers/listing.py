"""Defines the listing that a dump holds, and its entries. Parses nothing: `newsletter.sources` does."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum


@dataclass(frozen=True, slots=True, kw_only=True)
class PartialDate:
    """A printed date whose year may be missing ("Dec 12")."""

    month: int  # 1 to 12
    day: int  # 1 to 31
    year: int | None = None


class Announcement(StrEnum):
    """How arXiv announces a paper in a listing."""

    NEW = "new"
    CROSS = "cross"  # listed in a further category
    REPLACE = "replace"  # a new version
    REPLACE_CROSS = "replace-cross"

    @property
    def is_revision(self) -> bool:
        """Whether the listing announces a new version: it makes no paper news."""
        return self in (Announcement.REPLACE, Announcement.REPLACE_CROSS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One paper in one listing."""

    position: int  # 1 for the first entry of the listing
    line: int  # of the dump, where the entry starts, or the number of its record; 1-based
    title: str  # readable Unicode, one line
    abstract: str  # readable Unicode, one paragraph; may be empty
    printed: PartialDate | None = None  # the publication date as printed
    comments: int | None = None
    author_count: int | None = None
    author_names: tuple[str, ...] = ()
    organization: str | None = None
    url: str | None = None  # of the paper's page
    code_url: str | None = None
    project_url: str | None = None
    categories: tuple[str, ...] = ()  # of arXiv, the primary one first: "cs.LG", "quant-ph"
    upvotes: int | None = None
    announcement: Announcement | None = None
    identifiers: tuple[tuple[str, str], ...] = ()  # (scheme, value): ("arxiv", "2401.01234"), ("doi", …)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """A line (or record) of a dump that belongs to no entry and to no header."""

    line: int  # 1-based; the number of a record where `Listing.unit` is "record"
    reason: str
    text: str  # of the line or record, cut to 200 characters


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """The contents of a dump."""

    format: str  # the name of the source module's format
    printed: PartialDate | None  # the listing's own date as printed
    entries: tuple[Entry, ...]
    unread: tuple[Unread, ...] = ()
    nonblank_lines: int = 0  # or records, where `unit` says so
    header_lines: tuple[str, ...] = ()  # lines of the page around the papers
    unit: str = "line"  # what `nonblank_lines` counts: "line", or "record" of a structured file
    stated: int | None = None  # how many papers the file itself says that it holds
    empty_because: str | None = None  # why a listing without entries is right: a holiday, no result
    irregular: int = 0  # papers whose parts are not in the order of the format, as far as it can tell
    doubt: str | None = None  # why a person must look at it first


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedOn:
    """The listing's date and how it was found: option, known-papers, filename, contents or clock."""

    date: date
    source: str
    guess: bool = False  # the clock alone decided


USUAL_RANK = 0.7  # share of the entries with a shorter abstract; not half, since noise makes short entries
STUB_SHARE = 0.15  # of the usual abstract's length; the shortest in the real dumps has 0.4 of it
STUB_LENGTH = 200  # characters; an entry with a longer abstract is no stub, whatever is usual


def stubs(listing: Listing) -> tuple[Entry, ...]:
    """Entries with hardly more than a title where others have an abstract: most likely noise.

    An entry with an identifier is none: stray lines have no identifier.
    """
    lengths = sorted(len(entry.abstract) for entry in listing.entries)
    usual = lengths[int(USUAL_RANK * len(lengths))] if lengths else 0
    least = min(STUB_LENGTH, STUB_SHARE * usual)
    return tuple(entry for entry in listing.entries if len(entry.abstract) < least and not entry.identifiers)
