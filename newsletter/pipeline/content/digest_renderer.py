"""Renders digest plans from stored papers into contents. Decides nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import fields, replace
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Row, select

from newsletter.core.debts.digest_plan import EVERYTHING, DigestPlan, NewVersion, PlannedPaper
from newsletter.core.debts.fit_to_size import FROM_LONG_TO_SHORT
from newsletter.core.mail.values import Content
from newsletter.core.states import Role
from newsletter.db.schema import paper_topics, papers
from newsletter.leads import Lead, lead_of
from newsletter.papers.lookup import bibliographic_fields
from newsletter.papers.visibility import Visibility
from newsletter.render.archive_links import ArchiveLinks, paper_path
from newsletter.render.assembly import assemble, budget, size_of_versions
from newsletter.render.environment import MailEnvironment
from newsletter.render.layout import Layout, key_of
from newsletter.render.topic_colors import assign, shades_of
from newsletter.render.view_models import Brand, PaperView, TopicView
from newsletter.topics.definitions import Topic

CACHED_PAPERS = 2_000  # rendered papers, about 30 MB; a process that runs for months sees far more
PAPERS_PER_STATEMENT = 400  # far below any database's limit of parameters


class DigestRenderer:
    """Renders each paper once for all its readers, and joins the papers of a plan."""

    def __init__(
        self,
        environment: MailEnvironment,
        *,
        brand: Brand,
        topics: Sequence[Topic],
        links: ArchiveLinks | None = None,
        known_topics: Mapping[str, bool] | None = None,
        cache_size: int = CACHED_PAPERS,
    ) -> None:
        """topics: in reading order. links: to the pages of papers; None: there are none. known_topics: by
        slug whether they are public, with those of former settings. cache_size: papers; a full cache is
        emptied."""
        views = topic_views(topics)
        self.topic_order: Mapping[str, int] = {slug: rank for rank, slug in enumerate(views)}
        self._layout = Layout(environment, brand=brand, topics=views)
        self._papers: dict[int, PaperView] = {}
        self._cards: list[PlannedPaper] = []  # prepared last
        self._links = links
        known = {**(known_topics or {}), **{topic.slug: topic.public for topic in topics}}
        self._public = frozenset(slug for slug, public in known.items() if public)
        self._private = frozenset(known).difference(self._public)
        self._cache_size = cache_size

    def prepare(
        self,
        connection: Connection,
        cards: Iterable[PlannedPaper],
        *,
        maybe: Iterable[PlannedPaper] = (),
        new_versions: Iterable[NewVersion] = (),
    ) -> None:
        """Render the pieces of these papers, each in the form that it has; again where a paper changed.

        maybe: papers to render as doubtful ones.
        """
        wanted, doubtful = list(dict.fromkeys(cards)), list(dict.fromkeys(maybe))
        lines = list(dict.fromkeys(new_versions))
        ids = {card.paper_id for card in (*wanted, *doubtful)} | {line.paper_id for line in lines}
        views = load_views(
            connection, sorted(ids), links=self._links, private=self._private_among(connection, ids)
        )
        if len(self._papers) > self._cache_size:
            self._papers = {}
        changed = {id_ for id_, view in views.items() if self._papers.get(id_) != view}
        self._papers |= views
        self._layout.keep_only(set(self._papers) - changed)
        self._cards = [card for card in wanted if card.role is not Role.RECAP]
        self._layout.prepare(wanted, self._papers, maybe=doubtful, new_versions=lines)

    def _private_among(self, connection: Connection, ids: Collection[int]) -> Collection[int]:
        """Those of the papers whose pages only readers of their topics may see."""
        if self._links is None or not self._private:
            return ()
        visibility = Visibility(now=None, shown=self._public, hidden=self._private)
        allowed = select(papers.c.id).where(papers.c.id.in_(list(ids)), visibility.topics_allow(papers))
        return set(ids).difference(connection.execute(allowed).scalars())

    def size(self, card: PlannedPaper, *, maybe: bool = False) -> int:
        """Bytes of HTML that a prepared paper takes in its form, which may be shorter than it was prepared.

        maybe: among the doubtful ones.
        """
        key = key_of(card, maybe=maybe)
        if key not in self._layout.pieces:
            # The other cards will be shortened as well: one document renders them all.
            longer = FROM_LONG_TO_SHORT[: FROM_LONG_TO_SHORT.index(card.form)]
            shorter = (replace(each, form=card.form) for each in self._cards if each.form in longer)
            self._layout.prepare((card, *shorter), self._papers)
        return self._layout.pieces[key].size

    def size_of_versions(self, lines: Sequence[NewVersion]) -> int | None:
        """Bytes of HTML of the section with these prepared lines; None where the templates have none."""
        return size_of_versions(self._layout, lines)

    def budget(self, recaps: Sequence[PlannedPaper], note: str) -> int:
        """Bytes of HTML that the papers of one digest may take."""
        return budget(self._layout, recaps, note)

    def content(self, plan: DigestPlan, *, composed_at: datetime) -> Content:
        """Join the pieces of a plan whose papers are prepared."""
        return assemble(self._layout, plan, self._papers, composed_at=composed_at)


def topic_views(topics: Sequence[Topic]) -> dict[str, TopicView]:
    """Topics as sections, by slug, each with its accent."""
    accents = assign([(topic.slug, topic.accent) for topic in topics], everything=EVERYTHING)
    return {
        topic.slug: TopicView(
            slug=topic.slug,
            title=topic.title,
            shades=shades_of(accents[topic.slug]),
            is_public=topic.public,
        )
        for topic in topics
    }


def load_views(
    connection: Connection,
    ids: Sequence[int],
    *,
    links: ArchiveLinks | None = None,
    private: Collection[int] = (),
) -> dict[int, PaperView]:
    """The papers as cards show them, by id. links: to their pages. private: whose pages are for readers."""
    views: dict[int, PaperView] = {}
    for start in range(0, len(ids), PAPERS_PER_STATEMENT):
        some = ids[start : start + PAPERS_PER_STATEMENT]
        evidence: dict[int, dict[str, tuple[str, ...]]] = {}
        for row in connection.execute(
            select(paper_topics.c.paper_id, paper_topics.c.topic, paper_topics.c.evidence).where(
                paper_topics.c.paper_id.in_(some)
            )
        ):
            evidence.setdefault(row.paper_id, {})[row.topic] = tuple(row.evidence)
        for found in connection.execute(select(papers).where(papers.c.id.in_(some))).all():
            page = links.permanent(_path_of(found.id, found.title)) if links is not None else ""
            views[found.id] = _view(
                found, evidence.get(found.id, {}), page=page, is_private=found.id in private
            )
    return views


_SHOWN = frozenset(each.name for each in fields(PaperView))


def _view(
    row: Row[Any], evidence: Mapping[str, tuple[str, ...]], *, page: str, is_private: bool
) -> PaperView:
    lead = _lead_of(row.title, row.abstract)
    return PaperView(
        id=row.id,
        title=row.title,
        abstract=row.abstract,
        first_listed_on=row.first_listed_on,
        lead=lead.text if lead is not None else "",
        lead_span=(lead.start, lead.end) if lead is not None else (0, 0),
        evidence=evidence,
        page=page,
        is_private=is_private,
        **{name: value for name, value in bibliographic_fields(row).items() if name in _SHOWN},
    )


@lru_cache(maxsize=CACHED_PAPERS)
def _path_of(paper_id: int, title: str) -> str:
    return paper_path(paper_id, title)


@lru_cache(maxsize=CACHED_PAPERS)
def _lead_of(title: str, abstract: str) -> Lead | None:
    return lead_of(title, abstract)
