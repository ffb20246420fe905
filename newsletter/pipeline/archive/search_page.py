"""Makes the page of search results: papers and editions with the words that fit marked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from newsletter.papers.search import PaperHit, SearchQuery, Snippet, parse_query, search
from newsletter.pipeline.archive.lists import page_numbers
from newsletter.pipeline.archive.scope import ArchiveScope
from newsletter.pipeline.archive.values import EditionLink, NamedLink, PageNumbers, TopicLink
from newsletter.render.archive_links import ALL, EXPORTS, FEEDS
from newsletter.render.view_models import byline_of

HITS_PER_PAGE = 20
FIELDS = ("q", "topic", "author", "organization", "from", "to")  # of the form, in its order

Marked = tuple[tuple[str, bool], ...]  # pieces of a text, and whether each is marked


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundPaper:
    """A paper that fits."""

    title: Marked
    link: str
    byline: str
    listed_on: str  # in words
    snippet: Marked  # with ellipses; may be empty
    topics: tuple[TopicLink, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundEdition:
    """An edition that fits."""

    edition: EditionLink
    note: Marked  # may be empty


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchResults:
    """The search page; without a query the form alone."""

    query: Mapping[str, str]  # what was typed, by name of FIELDS
    is_asked: bool
    total: int
    has_more: bool  # more fit than are counted
    papers: tuple[FoundPaper, ...]
    editions: tuple[FoundEdition, ...]
    notices: tuple[str, ...]
    numbers: PageNumbers
    topics: tuple[TopicLink, ...]  # to choose among
    exports: tuple[NamedLink, ...]
    feeds: tuple[NamedLink, ...]
    address: str = ""  # search engines list no search


def search_page(
    scope: ArchiveScope, fields: Mapping[str, str], page: int = 1, *, is_typing: bool = False
) -> SearchResults:
    """The results for what a form holds, whatever that is. is_typing: the last word may be half typed."""
    query = typed(fields)
    asked = {name: value for name, value in query.items() if value}
    parsed = query_of(fields, is_typing=is_typing)
    found = search(
        scope.connection,
        parsed,
        view=scope.visibility,
        limit=HITS_PER_PAGE,
        offset=(page - 1) * HITS_PER_PAGE,
    )
    links = scope.links
    return SearchResults(
        query=query,
        is_asked=bool(asked),
        total=found.total,
        has_more=found.has_more,
        papers=tuple(_paper(scope, hit) for hit in found.hits),
        editions=tuple(
            FoundEdition(
                edition=EditionLink(number=hit.number, date=hit.date, link=links.edition(hit.number)),
                note=_snippet(hit.note) if hit.note else (),
            )
            for hit in found.editions
        ),
        notices=found.notices if asked else (),
        numbers=page_numbers(
            page, found.total, lambda number: links.search(asked | {"page": number}), HITS_PER_PAGE
        ),
        topics=tuple(scope.topic_link(slug) for slug in scope.visible_topics()),
        exports=tuple(
            NamedLink(title=title, link=links.export("/search", suffix, asked))
            for suffix, title in EXPORTS.items()
        ),
        feeds=tuple(
            NamedLink(title=title, link=links.to(f"/search.{suffix}", asked))
            for suffix, title in FEEDS.items()
        )
        if asked
        else tuple(NamedLink(title=title, link=links.feed(ALL, suffix)) for suffix, title in FEEDS.items()),
    )


def typed(fields: Mapping[str, str]) -> dict[str, str]:
    """What a form holds, by name of FIELDS."""
    return {name: fields.get(name, "").strip() for name in FIELDS}


def query_of(fields: Mapping[str, str], *, is_typing: bool = False) -> SearchQuery:
    """The query of a form, whatever that holds."""
    query = typed(fields)
    return parse_query(
        query["q"],
        topic=query["topic"],
        author=query["author"],
        organization=query["organization"],
        since=query["from"],
        until=query["to"],
        is_typing=is_typing,
    )


def _paper(scope: ArchiveScope, hit: PaperHit) -> FoundPaper:
    listed = hit.first_listed_on
    return FoundPaper(
        title=marked(hit.title, hit.title_marks),
        link=scope.links.paper(hit.paper_id, hit.title),
        byline=byline_of(hit.author_names, hit.author_count, hit.organization),
        listed_on=f"{listed.day} {listed:%B %Y}",
        snippet=_snippet(hit.snippet),
        topics=tuple(scope.topic_link(slug) for slug in hit.topics if slug in scope.topics),
    )


def _snippet(snippet: Snippet) -> Marked:
    pieces = marked(snippet.text, snippet.marks)
    before = (("… ", False),) if snippet.is_cut_before else ()
    after = ((" …", False),) if snippet.is_cut_after else ()
    return (*before, *pieces, *after) if pieces else ()


def marked(text: str, marks: Iterable[tuple[int, int]]) -> Marked:
    """A text in pieces. marks: where the marked pieces start and end, in order."""
    pieces: list[tuple[str, bool]] = []
    at = 0
    for start, end in marks:
        pieces += [(text[at:start], False), (text[start:end], True)]
        at = end
    return tuple(piece for piece in (*pieces, (text[at:], False)) if piece[0])
