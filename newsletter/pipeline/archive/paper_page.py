"""Makes the page of a paper: its words, topics with reasons, listings, editions, and what stands near it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import ColumnElement, Row, func, select, tuple_

from newsletter.core.debts.digest_plan import EVERYTHING
from newsletter.core.errors import NotFoundError
from newsletter.core.papers.links import paper_link
from newsletter.core.states import DumpStatus
from newsletter.core.topics.topic_match import STRONG
from newsletter.db.schema import dumps, edition_papers, editions, listed_entries, paper_topics, papers
from newsletter.papers.editions import PAIR_COUNTS
from newsletter.papers.related import RelatedPaper, related_papers
from newsletter.papers.topic_matches import ADDED_EVIDENCE, BY_ADMIN
from newsletter.pipeline.archive.rows import export_links, known_lead
from newsletter.pipeline.archive.scope import ORDER, ArchiveScope, month_after
from newsletter.pipeline.archive.values import (
    EditionLink,
    NamedLink,
    NearPaper,
    PaperListing,
    PaperPage,
    PaperTopicMatch,
)
from newsletter.render.archive_links import paper_path
from newsletter.render.view_models import web_address
from newsletter.sources.origins import origin_of

MOST_CITED = 10  # authors named in a citation; of more, the first three
_HOSTS = {"arxiv.org": "arXiv", "huggingface.co": "Hugging Face", "doi.org": "DOI", "github.com": "GitHub"}


class TakenBackError(NotFoundError):
    """The paper went out once, and its editors took it back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperPlace:
    """Where the page of a paper is: a merged paper has that of the kept one."""

    id: int
    title: str

    @property
    def path(self) -> str:
        """Its permanent path."""
        return paper_path(self.id, self.title)


def place_of(scope: ArchiveScope, paper_id: int) -> PaperPlace:
    """Find the page of a paper that the visitor may see.

    Raises TakenBackError for one that was taken back, and NotFoundError for one that is unknown, did not go
    out yet, or is not for this visitor: nobody can tell these apart.
    """
    kept = select(func.coalesce(papers.c.merged_into, papers.c.id)).where(papers.c.id == paper_id)
    chosen = select(papers.c.id, papers.c.title, scope.shown().label("shown")).where(
        papers.c.id == kept.scalar_subquery(), scope.visibility.topics_allow(papers)
    )
    row = scope.connection.execute(chosen).first()
    if row is not None and row.shown:
        return PaperPlace(id=row.id, title=row.title)
    if row is not None and _went_out(scope, row.id):
        raise TakenBackError(f"paper {row.id} was taken back")
    raise NotFoundError(f"there is no paper {paper_id}")


def _went_out(scope: ArchiveScope, paper_id: int) -> bool:
    """Whether an edition with the paper went out before it was taken back."""
    taken_at = func.coalesce(edition_papers.c.dropped_at, edition_papers.c.withdrawn_at)
    chosen = (
        select(editions.c.number)
        .join(edition_papers, edition_papers.c.edition == editions.c.number)
        .where(
            edition_papers.c.paper_id == paper_id,
            scope.visibility.edition_is_visible(),
            taken_at > editions.c.ready_at,
        )
    )
    return scope.connection.execute(chosen.limit(1)).first() is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperNeighbours:
    """What is near a paper, where somebody has it for many papers at once."""

    previous: PaperPlace | None
    next: PaperPlace | None
    related: Sequence[RelatedPaper]


def paper_page(
    scope: ArchiveScope, place: PaperPlace, near: Callable[[], PaperNeighbours] | None = None
) -> PaperPage:
    """The page of a paper, found by `place_of`. near: asked instead of the database."""
    around = near() if near is not None else _neighbours(scope, place)
    connection, links = scope.connection, scope.links
    row = connection.execute(select(papers).where(papers.c.id == place.id)).one()
    group = [
        row.id,
        *connection.execute(select(papers.c.id).where(papers.c.merged_into == row.id)).scalars(),
    ]
    lead = known_lead(row.title, row.abstract)
    start, end = (lead.start, lead.end) if lead is not None else (0, 0)
    authors = tuple(str(name) for name in row.author_names or ())

    return PaperPage(
        id=row.id,
        title=row.title,
        address=links.permanent(place.path),
        path=place.path,
        before_lead=row.abstract[:start],
        lead=row.abstract[start:end],
        after_lead=row.abstract[end:],
        authors=authors,
        author_count=row.author_count if row.author_count is not None else len(authors) or None,
        organization=row.organization,
        published_on=row.published_on,
        listed_on=row.first_listed_on,
        read=_read(row),
        code=_code(row),
        arxiv_id=row.arxiv_id,
        doi=row.doi,
        identifiers=_identifiers(row),
        categories=tuple(str(name) for name in row.categories or ()),
        topics=_matches(scope, row.id),
        listings=_listings(scope, group),
        upvotes=row.upvotes,
        upvotes_on=row.upvotes_on,
        comments=row.comments,
        editions=_editions(scope, group),
        month=NamedLink(
            title=f"{row.first_listed_on:%B %Y}", link=links.month(f"{row.first_listed_on:%Y-%m}")
        ),
        related=tuple(
            NearPaper(
                id=other.paper_id,
                title=other.title,
                link=links.paper(other.paper_id, other.title),
                shares=other.shared,
            )
            for other in around.related
        ),
        exports=export_links(scope, f"/papers/{row.id}"),
        citation=_citation(row, authors),
        previous=_named_paper(scope, around.previous),
        next=_named_paper(scope, around.next),
    )


def _read(row: Row[Any]) -> tuple[NamedLink, ...]:
    """Where the paper itself is; each address once."""
    itself = paper_link(arxiv_id=row.arxiv_id, doi=row.doi, url=row.url)
    found = {"": itself}
    if itself is not None and itself.startswith("https://arxiv.org/abs/"):
        found["PDF"] = itself.replace("/abs/", "/pdf/", 1)
    if row.doi:
        found["DOI"] = paper_link(arxiv_id=None, doi=row.doi, url=None)
    found["page"] = row.url
    return _named(found)


def _code(row: Row[Any]) -> tuple[NamedLink, ...]:
    return _named({"": row.code_url, "project page": row.project_url})


def _named(found: dict[str, str | None]) -> tuple[NamedLink, ...]:
    """Links that are web addresses; "" and "page" take the name of their host."""
    named: dict[str, str] = {}
    for title, url in found.items():
        link = web_address(url)
        if link is not None and link not in named:
            host = (urlsplit(link).hostname or link).removeprefix("www.")
            named[link] = title if title not in ("", "page") else _HOSTS.get(host, host)
    return tuple(NamedLink(title=title, link=link) for link, title in named.items())


def _identifiers(row: Row[Any]) -> tuple[str, ...]:
    arxiv = (f"arXiv:{row.arxiv_id}",) if row.arxiv_id else ()
    return (*arxiv, *((f"doi:{row.doi}",) if row.doi else ()))


def _matches(scope: ArchiveScope, paper_id: int) -> tuple[PaperTopicMatch, ...]:
    chosen = (
        select(paper_topics)
        .where(paper_topics.c.paper_id == paper_id)
        .order_by(paper_topics.c.strength != STRONG, paper_topics.c.score.desc(), paper_topics.c.topic)
    )
    known = set(scope.visible_topics())
    return tuple(
        PaperTopicMatch(
            topic=scope.topic_link(row.topic),
            words=() if tuple(row.evidence) == ADDED_EVIDENCE else tuple(str(word) for word in row.evidence),
            doubtful=row.strength != STRONG,
            by_hand=row.by == BY_ADMIN,
        )
        for row in scope.connection.execute(chosen)
        if row.topic in known
    )


def _listings(scope: ArchiveScope, group: Sequence[int]) -> tuple[PaperListing, ...]:
    """Each listing once, the first one first."""
    chosen = (
        select(
            dumps.c.format,
            dumps.c.listed_on,
            dumps.c.entries,
            listed_entries.c.position,
            listed_entries.c.upvotes,
        )
        .join(dumps, dumps.c.id == listed_entries.c.dump_id)
        .where(listed_entries.c.paper_id.in_(group), dumps.c.status == DumpStatus.INGESTED)
        .order_by(dumps.c.listed_on, dumps.c.id, listed_entries.c.position)
    )
    listings = [row for row in scope.connection.execute(chosen) if row.listed_on is not None]
    links = _month_links(scope, (row.listed_on.replace(day=1) for row in listings))
    return tuple(
        PaperListing(
            where=origin_of(row.format or "") or "",
            on=row.listed_on,
            position=row.position,
            of=row.entries,
            upvotes=row.upvotes,
            month_link=links.get(row.listed_on.replace(day=1), ""),
        )
        for row in listings
    )


def _month_links(scope: ArchiveScope, months: Iterable[date]) -> dict[date, str]:
    """The pages of those months (first days) that have one: papers were first listed then."""
    found = {}
    for month in set(months):
        first = papers.c.first_listed_on
        within = (first >= month, first < month_after(month))
        chosen = select(papers.c.id).where(*within, scope.shown()).limit(1)
        if scope.connection.execute(chosen).first() is not None:
            found[month] = scope.links.month(f"{month:%Y-%m}")
    return found


def _editions(scope: ArchiveScope, group: Sequence[int]) -> tuple[EditionLink, ...]:
    chosen = (
        select(editions.c.number, editions.c.date)
        .where(
            scope.visibility.edition_is_visible(),
            select(edition_papers.c.paper_id)
            .where(
                edition_papers.c.edition == editions.c.number,
                edition_papers.c.paper_id.in_(group),
                edition_papers.c.topic.in_([EVERYTHING, *scope.visible_topics()]),
                PAIR_COUNTS,
            )
            .exists(),
        )
        .order_by(editions.c.number)
    )
    return tuple(
        EditionLink(number=row.number, date=row.date, link=scope.links.edition(row.number))
        for row in scope.connection.execute(chosen)
    )


def _neighbours(scope: ArchiveScope, place: PaperPlace) -> PaperNeighbours:
    row = scope.connection.execute(select(papers).where(papers.c.id == place.id)).one()
    return PaperNeighbours(
        previous=_neighbour(scope, row, later=False),
        next=_neighbour(scope, row, later=True),
        related=related_papers(scope.connection, place.id, view=scope.visibility),
    )


def _neighbour(scope: ArchiveScope, row: Row[Any], *, later: bool) -> PaperPlace | None:
    """The paper before or after this one in the order of the archive."""
    place = tuple_(*(column for column in ORDER))
    here = tuple_(*(getattr(row, column.name) for column in ORDER))
    beyond: ColumnElement[bool] = place > here if later else place < here
    order = [column.asc() if later else column.desc() for column in ORDER]
    chosen = select(papers.c.id, papers.c.title).where(beyond, scope.shown()).order_by(*order).limit(1)
    found = scope.connection.execute(chosen).first()
    return None if found is None else PaperPlace(id=found.id, title=found.title)


def _named_paper(scope: ArchiveScope, place: PaperPlace | None) -> NamedLink | None:
    return None if place is None else NamedLink(title=place.title, link=scope.links.to(place.path))


def _citation(row: Row[Any], authors: Sequence[str]) -> str:
    """One line: authors, title, identifier, year."""
    named = list(authors) if len(authors) <= MOST_CITED else [*authors[:3], "et al."]
    who = ", ".join(named) or row.organization or ""
    where = ", ".join((*_identifiers(row), *([str(row.published_on.year)] if row.published_on else [])))
    parts = (part.rstrip(".") for part in (who, row.title, where) if part)
    return ". ".join(parts) + "."
