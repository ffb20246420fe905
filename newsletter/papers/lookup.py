"""Fetches the stored papers that a listing may mean, in a fixed number of statements.

It only reads, and decides nothing: `newsletter.core.papers` does.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, TypeVar

from sqlalchemy import Connection, Row, and_, or_, select

from newsletter.core.papers.diff import KnownPaper, PaperText
from newsletter.core.papers.identity import TITLE, PaperKeys
from newsletter.core.states import DumpStatus
from newsletter.db.schema import dumps, listed_entries, paper_keys, paper_revisions, papers

IN_LIST_SIZE = 5_000  # values; SQLite takes 32,766 parameters, PostgreSQL 65,535
LENGTH_WITH_YEAR = len("2024-04-10")  # characters; a stored date without year is "04-10"

BIBLIOGRAPHIC = (
    *("author_count", "organization", "published_on", "comments", "code_url", "url", "project_url"),
    *("upvotes", "upvotes_on", "arxiv_id", "doi"),
)

_Value = TypeVar("_Value")


def in_chunks(values: Collection[_Value]) -> Iterator[list[_Value]]:
    """The values in lists of IN_LIST_SIZE, short enough for one statement."""
    rest = list(values)
    for start in range(0, len(rest), IN_LIST_SIZE):
        yield rest[start : start + IN_LIST_SIZE]


@dataclass(slots=True, kw_only=True)
class StoredPaper:
    """A paper as it is stored, and the source of its current text."""

    id: int  # below 0 until it is stored
    canonical: int  # the paper it was merged into, or itself
    known: KnownPaper
    revision: int = 1  # number of the current text
    text_dump_id: int | None = None  # dump of the current text
    first_text_dump_id: int | None = None  # dump of the first text
    first_listing: tuple[date, int, int] | None = None  # date, dump id, position
    printed_on: list[date] = field(default_factory=list)  # publication dates that listings print with a year
    is_listed: bool = True  # an ingested dump lists it
    backfill: bool = False  # a new paper that is known, not news


@dataclass(slots=True, kw_only=True)
class KnownPapers:
    """The stored papers that a listing may mean, by key."""

    holders: dict[tuple[str, str], list[int]] = field(default_factory=dict)
    identifiers: dict[int, set[tuple[str, str]]] = field(default_factory=dict)  # merged papers share theirs
    papers: dict[int, StoredPaper] = field(default_factory=dict)  # with those that they were merged into

    def add(self, paper: StoredPaper, keys: PaperKeys) -> None:
        """Add a paper that the listing adds."""
        self.papers[paper.id] = paper
        self.add_keys(paper.id, keys)

    def add_keys(self, paper_id: int, keys: PaperKeys) -> list[tuple[str, str]]:
        """Add the keys of an entry to its paper; returns those that are new for the paper."""
        fresh = [
            key
            for key in ((TITLE, keys.title), *keys.identifiers)
            if paper_id not in self.holders.setdefault(key, [])
        ]
        for key in fresh:
            self.holders[key].append(paper_id)
        if keys.identifiers:
            self.identifiers.setdefault(paper_id, set()).update(keys.identifiers)
        return fresh


def fetch_known_papers(
    connection: Connection, keys: Sequence[PaperKeys], *, dump_id: int, also: Iterable[int] = ()
) -> KnownPapers:
    """The stored papers that entries with these keys may mean.

    dump_id: the dump that is read; its own earlier listing does not count. also: ids of further papers.
    """
    holders = _holders(connection, keys)
    ids = {paper_id for found in holders.values() for paper_id in found} | set(also)
    known_papers = KnownPapers(holders=holders, papers=fetch_papers(connection, ids, dump_id=dump_id))
    if ids and any(key.identifiers for key in keys):
        known_papers.identifiers = _identifiers(connection, known_papers.papers)
    return known_papers


def _holders(connection: Connection, keys: Sequence[PaperKeys]) -> dict[tuple[str, str], list[int]]:
    titles = {key.title for key in keys}
    identifiers = {identifier for key in keys for identifier in key.identifiers}
    columns = select(paper_keys.c.scheme, paper_keys.c.key, paper_keys.c.paper_id)
    found: dict[tuple[str, str], list[int]] = {}
    for chunk in in_chunks(titles):
        chosen = columns.where(paper_keys.c.scheme == TITLE, paper_keys.c.key.in_(chunk))
        for scheme, key, paper_id in connection.execute(chosen):
            found.setdefault((scheme, key), []).append(paper_id)
    for scheme in {scheme for scheme, _ in identifiers}:
        for chunk in in_chunks([key for named, key in identifiers if named == scheme]):
            chosen = columns.where(paper_keys.c.scheme == scheme, paper_keys.c.key.in_(chunk))
            for name, key, paper_id in connection.execute(chosen):
                found.setdefault((name, key), []).append(paper_id)
    return found


def fetch_papers(
    connection: Connection, ids: Collection[int], *, dump_id: int | None = None
) -> dict[int, StoredPaper]:
    """The papers of these ids and those that they were merged into, with dates from their listings.

    dump_id: a dump whose listing does not count.
    """
    found: dict[int, StoredPaper] = {}
    wanted = set(ids)
    while wanted:
        for chunk in in_chunks(wanted):
            found |= {
                row.id: _stored(row) for row in connection.execute(_PAPERS.where(papers.c.id.in_(chunk)))
            }
        wanted = {paper.canonical for paper in found.values()} - found.keys()
    for chunk in in_chunks(found):
        listings = (
            select(listed_entries.c.paper_id, listed_entries.c.printed, dumps.c.listed_on)
            .join(dumps, dumps.c.id == listed_entries.c.dump_id)
            .where(listed_entries.c.paper_id.in_(chunk), dumps.c.status == DumpStatus.INGESTED)
        )
        if dump_id is not None:
            listings = listings.where(dumps.c.id != dump_id)
        for paper_id, printed, listed_on in connection.execute(listings):
            _note_listing(found[paper_id], printed, listed_on)
    return found


_FIRST = paper_revisions.alias("first_revision")
_PAPERS = (
    select(
        papers,
        paper_revisions.c.dump_id.label("text_dump_id"),
        _FIRST.c.dump_id.label("first_text_dump_id"),
    )
    .outerjoin(
        paper_revisions,
        and_(paper_revisions.c.paper_id == papers.c.id, paper_revisions.c.number == papers.c.revision),
    )
    .outerjoin(_FIRST, and_(_FIRST.c.paper_id == papers.c.id, _FIRST.c.number == 1))
)


def _stored(row: Row[Any]) -> StoredPaper:
    return StoredPaper(
        id=row.id,
        canonical=row.merged_into or row.id,
        revision=row.revision,
        text_dump_id=row.text_dump_id,
        first_text_dump_id=row.first_text_dump_id,
        first_listing=(row.first_listed_on, row.first_dump_id, row.first_position),
        is_listed=False,
        known=KnownPaper(text=PaperText(title=row.title, abstract=row.abstract), **bibliographic_fields(row)),
    )


def bibliographic_fields(row: Row[Any]) -> dict[str, Any]:
    """Authors, organization, date and links from a row of `papers`, by the names that `KnownPaper` uses."""
    fields: dict[str, Any] = {name: getattr(row, name) for name in BIBLIOGRAPHIC}
    return {
        **fields,
        "author_names": tuple(row.author_names or ()),
        "categories": tuple(row.categories or ()),
    }


def _note_listing(paper: StoredPaper, printed: str | None, listed_on: date) -> None:
    paper.is_listed = True
    known = paper.known
    has_year = printed is not None and len(printed) == LENGTH_WITH_YEAR
    if printed is not None and has_year:
        paper.printed_on.append(date.fromisoformat(printed))
    paper.known = replace(
        known,
        newest_on=listed_on if known.newest_on is None else max(listed_on, known.newest_on),
        printed_year=known.printed_year or has_year,
    )


def _identifiers(connection: Connection, found: dict[int, StoredPaper]) -> dict[int, set[tuple[str, str]]]:
    """The identifiers of each paper, with those of all papers merged with it."""
    groups: dict[int, set[tuple[str, str]]] = {}
    for chunk in in_chunks({paper.canonical for paper in found.values()}):
        chosen = (
            select(papers.c.id, papers.c.merged_into, paper_keys.c.scheme, paper_keys.c.key)
            .join(paper_keys, paper_keys.c.paper_id == papers.c.id)
            .where(or_(papers.c.id.in_(chunk), papers.c.merged_into.in_(chunk)), paper_keys.c.scheme != TITLE)
        )
        for paper_id, merged_into, scheme, key in connection.execute(chosen):
            groups.setdefault(merged_into or paper_id, set()).add((scheme, key))
    return {paper.id: groups.setdefault(paper.canonical, set()) for paper in found.values()}
