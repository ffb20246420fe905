"""Makes the page of an edition: its papers by topic, each once, in the order of the mails."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import Select, func, select

from newsletter.core.debts.digest_plan import EVERYTHING, OwedPair, arrange
from newsletter.core.errors import NotFoundError
from newsletter.db.schema import edition_papers, editions, papers
from newsletter.papers.editions import PAIR_COUNTS
from newsletter.pipeline.archive.rows import export_links, feed_links, load_rows
from newsletter.pipeline.archive.scope import ArchiveScope
from newsletter.pipeline.archive.values import EditionLink, EditionPage, NamedLink, TopicSection
from newsletter.render import editor_note
from newsletter.render.archive_links import edition_path
from newsletter.render.layout import EVERYTHING_ELSE_TITLE

TITLES_SHOWN = 3  # of an edition in a list

_held = papers.alias("held")  # as an edition froze them; `papers` are the kept ones


def edition_page(scope: ArchiveScope, number: int) -> EditionPage:
    """The page of an edition.

    Raises NotFoundError for one that did not go out, or of which the visitor may see nothing.
    """
    chosen = select(editions).where(editions.c.number == number, scope.visibility.edition_is_visible())
    row = scope.connection.execute(chosen).first()
    sections = () if row is None else _sections(scope, number, row.ready_at)
    if row is None or not sections:
        raise NotFoundError(f"there is no edition {number}")
    links = scope.links
    path = edition_path(number)
    note = editor_note.rendered(row.note) if row.note else None
    month = f"{row.date:%Y-%m}"
    return EditionPage(
        number=number,
        date=row.date,
        address=links.permanent(path),
        path=path,
        # Mail has its styles in its elements; the policy of our pages forbids that.
        note_html=note.html.replace(f' style="{editor_note.LINK_STYLE}"', "") if note else "",
        note_text=note.text if note else "",
        papers=sum(len(section.papers) for section in sections),
        sections=sections,
        exports=export_links(scope, path),
        feeds=feed_links(scope),
        month=NamedLink(title=f"{row.date:%B %Y}", link=links.month(month)),
        previous=_neighbour(scope, number, later=False),
        next=_neighbour(scope, number, later=True),
    )


def _sections(scope: ArchiveScope, number: int, ready_at: datetime) -> tuple[TopicSection, ...]:
    """Each paper in its strongest topic that the visitor may see."""
    chosen = (
        select(papers.c.id, edition_papers.c.topic, edition_papers.c.score, edition_papers.c.place)
        .select_from(edition_papers)
        .join(_held, _held.c.id == edition_papers.c.paper_id)
        .join(papers, papers.c.id == func.coalesce(_held.c.merged_into, _held.c.id))
        .where(
            edition_papers.c.edition == number,
            edition_papers.c.topic.in_([EVERYTHING, *scope.visible_topics()]),
            PAIR_COUNTS,
            scope.shown(),
        )
    )
    pairs = [
        OwedPair(
            paper_id=row.id,
            topic=row.topic,
            score=row.score,
            edition=number,
            place=row.place,
            ready_at=ready_at,
        )
        for row in scope.connection.execute(chosen)
    ]
    order = {slug: rank for rank, slug in enumerate(scope.topics)}
    planned = arrange(pairs, topic_order=order)
    rows = load_rows(scope, [paper.paper_id for paper in planned])
    sections: list[TopicSection] = []
    for slug, cards in groupby(planned, key=lambda card: card.topic):
        topic = scope.topic_link(slug)
        if slug == EVERYTHING and sections:
            topic = replace(topic, title=EVERYTHING_ELSE_TITLE)
        sections.append(TopicSection(topic=topic, papers=tuple(rows[card.paper_id] for card in cards)))
    return tuple(sections)


def edition_links(scope: ArchiveScope, chosen: Select[Any], *, titles: bool = False) -> list[EditionLink]:
    """The editions of a selection of `editions` of which the visitor may see something.

    titles: with the number of papers and the first titles, which take another statement.
    """
    found = scope.connection.execute(
        chosen.with_only_columns(editions.c.number, editions.c.date).where(
            scope.visibility.edition_is_visible(), _shown_papers(scope).exists()
        )
    )
    links = [
        EditionLink(number=row.number, date=row.date, link=scope.links.edition(row.number)) for row in found
    ]
    return _with_titles(scope, links) if titles else links


def _with_titles(scope: ArchiveScope, found: list[EditionLink]) -> list[EditionLink]:
    """The editions with the number of their papers and the first titles."""
    held = _shown_papers(scope, [edition.number for edition in found]).add_columns(edition_papers.c.edition)
    titles: dict[int, list[str]] = {}
    for row in scope.connection.execute(held.order_by(edition_papers.c.edition, edition_papers.c.place)):
        titles.setdefault(row.edition, []).append(row.title)
    return [
        replace(edition, papers=len(of_it := titles[edition.number]), titles=tuple(of_it[:TITLES_SHOWN]))
        for edition in found
    ]


def _shown_papers(scope: ArchiveScope, numbers: Sequence[int] | None = None) -> Select[Any]:
    """The papers of editions that the visitor may see; without numbers, of the edition of the outer row."""
    return (
        select(papers.c.title)
        .select_from(edition_papers)
        .join(_held, _held.c.id == edition_papers.c.paper_id)
        .join(papers, papers.c.id == func.coalesce(_held.c.merged_into, _held.c.id))
        .where(
            edition_papers.c.edition == editions.c.number
            if numbers is None
            else edition_papers.c.edition.in_(numbers),
            edition_papers.c.topic == EVERYTHING,
            PAIR_COUNTS,
            scope.shown(),
        )
        .correlate(*([editions] if numbers is None else []))
    )


def _neighbour(scope: ArchiveScope, number: int, *, later: bool) -> EditionLink | None:
    chosen = select(editions).order_by(editions.c.number.asc() if later else editions.c.number.desc())
    beyond = editions.c.number > number if later else editions.c.number < number
    return next(iter(edition_links(scope, chosen.where(beyond).limit(1))), None)
