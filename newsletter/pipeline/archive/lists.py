"""Makes the lists of the archive: its months, the papers of a month, the papers of a topic."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import date
from itertools import groupby
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select

from newsletter.core.debts.digest_plan import EVERYTHING
from newsletter.core.errors import NotFoundError
from newsletter.core.topics.topic_match import STRONG
from newsletter.db.schema import editions, paper_topics, papers
from newsletter.pipeline.archive.edition_page import edition_links
from newsletter.pipeline.archive.rows import by_day, export_links, feed_links, load_rows
from newsletter.pipeline.archive.scope import ArchiveScope, month_after
from newsletter.pipeline.archive.values import (
    ArchivePage,
    DayOfPapers,
    MonthLink,
    MonthPage,
    PageNumbers,
    TopicPage,
)
from newsletter.render.archive_links import month_path, topic_path

PAPERS_PER_PAGE = 50  # with their leads some 60 kB of HTML
LATEST_EDITIONS = 3  # on the first page
AROUND = 1  # page numbers shown on either side of the present one


def archive_page(scope: ArchiveScope) -> ArchivePage:
    """The months of the archive, its topics and latest editions."""
    links = scope.links
    listed = _months(scope)
    frozen = Counter(edition.date.replace(day=1) for edition in edition_links(scope, select(editions)))
    months = [
        MonthLink(
            month=month,
            link=links.month(f"{month:%Y-%m}"),
            papers=listed[month],
            editions=frozen[month],
        )
        for month in sorted({*listed, *frozen}, reverse=True)
    ]
    latest = select(editions).order_by(editions.c.number.desc()).limit(LATEST_EDITIONS)
    return ArchivePage(
        address=links.permanent("/archive"),
        path="/archive",
        papers=listed.total(),
        editions=frozen.total(),
        years=tuple(
            (year, tuple(of_year)) for year, of_year in groupby(months, key=lambda month: month.month.year)
        ),
        topics=tuple(scope.topic_link(slug) for slug in scope.visible_topics()),
        latest=tuple(edition_links(scope, latest, titles=True)),
        search=links.search(),
        feeds=feed_links(scope),
    )


def month_page(scope: ArchiveScope, month: date, page: int = 1) -> MonthPage:
    """The papers that were first listed in a month (its first day), newest day first, and its editions.

    Raises NotFoundError for a month of which the visitor may see nothing, or without that page.
    """
    after = month_after(month)
    within = [papers.c.first_listed_on >= month, papers.c.first_listed_on < after]
    total, days = _page_of(scope, select(papers.c.id).where(*within), page)
    held = select(editions).where(editions.c.date >= month, editions.c.date < after)
    frozen = edition_links(scope, held.order_by(editions.c.number.desc()), titles=True) if page == 1 else []
    if not days and not frozen:
        raise NotFoundError(f"there is nothing of {month:%Y-%m}")
    name = f"{month:%Y-%m}"
    return MonthPage(
        month=month,
        address=scope.links.permanent(month_path(name), {"page": page} if page > 1 else None),
        path=month_path(name),
        papers=total,
        editions=tuple(frozen),
        days=days,
        numbers=page_numbers(page, total, lambda number: scope.links.month(name, number)),
        previous=_neighbour(scope, papers.c.first_listed_on < month, func.max(papers.c.first_listed_on)),
        next=_neighbour(scope, papers.c.first_listed_on >= after, func.min(papers.c.first_listed_on)),
    )


def topic_page(scope: ArchiveScope, slug: str, page: int = 1) -> TopicPage:
    """The papers of a topic, newest first. Raises NotFoundError for a topic that the visitor may not see."""
    visible = scope.visible_topics()
    if slug not in visible:
        raise NotFoundError(f"there is no topic {slug!r}")
    links = scope.links
    total, days = _page_of(scope, of_topic(scope, slug), page)
    if not days and page > 1:
        raise NotFoundError(f"there is no page {page} of {slug}")
    place = visible.index(slug)
    path = topic_path(slug)
    return TopicPage(
        topic=scope.topic_link(slug, total),
        description=scope.topics[slug].description,
        address=links.permanent(path, {"page": page} if page > 1 else None),
        path=path,
        days=days,
        numbers=page_numbers(page, total, lambda number: links.topic(slug, number)),
        exports=export_links(scope, path),
        feeds=feed_links(scope, slug),
        previous=scope.topic_link(visible[place - 1]) if place > 0 else None,
        next=scope.topic_link(visible[place + 1]) if place + 1 < len(visible) else None,
    )


def count_of_topic(scope: ArchiveScope, slug: str) -> int:
    """How many papers of a topic the visitor may see."""
    shown = of_topic(scope, slug).where(scope.shown())
    return int(scope.connection.execute(select(func.count()).select_from(shown.subquery())).scalar_one())


def of_topic(scope: ArchiveScope, slug: str) -> Select[Any]:
    """The ids of a topic's papers, whether or not the visitor may see them."""
    if slug == EVERYTHING or scope.topics[slug].holds_all:
        return select(papers.c.id)
    matched = select(paper_topics.c.paper_id).where(
        paper_topics.c.topic == slug, paper_topics.c.strength == STRONG
    )
    return select(papers.c.id).where(papers.c.id.in_(matched))


def page_numbers(
    page: int, total: int, link: Callable[[int], str], size: int = PAPERS_PER_PAGE
) -> PageNumbers:
    """Where page `page` of `total` papers stands. link: to a page. size: papers of a page."""
    pages = max(1, -(-total // size))
    shown = sorted({1, pages, *range(max(1, page - AROUND), min(pages, page + AROUND) + 1)})
    return PageNumbers(
        page=page,
        pages=pages,
        previous=link(page - 1) if page > 1 else None,
        next=link(page + 1) if page < pages else None,
        links=tuple((number, link(number)) for number in shown) if pages > 1 else (),
    )


def _page_of(scope: ArchiveScope, chosen: Select[Any], page: int) -> tuple[int, tuple[DayOfPapers, ...]]:
    """The number of chosen papers that the visitor may see, and one page of them, newest day first."""
    shown = chosen.where(scope.shown())
    total = scope.connection.execute(select(func.count()).select_from(shown.subquery())).scalar_one()
    ordered = shown.order_by(
        papers.c.first_listed_on.desc(), papers.c.first_dump_id, papers.c.first_position, papers.c.id
    )
    part = ordered.limit(PAPERS_PER_PAGE).offset((page - 1) * PAPERS_PER_PAGE)
    ids = list(scope.connection.execute(part).scalars())
    rows = load_rows(scope, ids)
    return total, by_day(rows[paper_id] for paper_id in ids)


def _months(scope: ArchiveScope) -> Counter[date]:
    """The number of papers by the first day of the month of their first listing."""
    counted = (
        select(papers.c.first_listed_on, func.count().label("papers"))
        .where(scope.shown())
        .group_by(papers.c.first_listed_on)
    )
    found: Counter[date] = Counter()
    for row in scope.connection.execute(counted):
        found[row.first_listed_on.replace(day=1)] += row.papers
    return found


def _neighbour(scope: ArchiveScope, beyond: ColumnElement[bool], day: Any) -> MonthLink | None:
    found = scope.connection.execute(select(day).where(beyond, scope.shown())).scalar_one()
    if found is None:
        return None
    month = found.replace(day=1)
    return MonthLink(month=month, link=scope.links.month(f"{month:%Y-%m}"), papers=0, editions=0)
