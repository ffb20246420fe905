"""Writes the public part of the archive as files, for any web server and for a disk without one.

A page is made anew when something that it shows has changed (`StaticInputs`). Related papers are those of the
day on which a page was made, until one of them has no page any more or another title.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property, partial
from itertools import groupby
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, select

from newsletter import __version__
from newsletter.core.debts.digest_plan import EVERYTHING
from newsletter.db.engine import reading
from newsletter.db.schema import editions
from newsletter.papers import known_topics
from newsletter.papers.related import RelatedAmong
from newsletter.papers.visibility import Visibility
from newsletter.pipeline.archive import lists, selections
from newsletter.pipeline.archive.edition_page import edition_links, edition_page
from newsletter.pipeline.archive.feeds import ENTRIES, topic_feed
from newsletter.pipeline.archive.paper_page import PaperNeighbours, PaperPlace, paper_page
from newsletter.pipeline.archive.references import load_references
from newsletter.pipeline.archive.render import Page, page_html
from newsletter.pipeline.archive.scope import ArchiveScope
from newsletter.pipeline.archive.static_folder import StaticFolder, fingerprint
from newsletter.pipeline.archive.static_inputs import StaticInputs
from newsletter.pipeline.archive.static_search import (
    PAPERS_PER_SHARD,
    WORDS,
    StaticHit,
    papers_shard,
    weights_of,
    words_files,
)
from newsletter.pipeline.archive.values import PageNumbers, PaperPage
from newsletter.render import exports, feeds
from newsletter.render.archive_links import (
    ALL,
    FEEDS,
    StaticLinks,
    edition_path,
    file_of,
    month_path,
    paper_path,
    topic_path,
)
from newsletter.render.page_renderer import ASSETS, PageRenderer
from newsletter.topics.definitions import Topic

MOST_TOPIC_PAGES = 10  # of a topic; all of them would change with each new paper. Months hold the rest
FEW_PAGES = 200  # of papers; for more, all words are read once instead of looked up for each
NAMES_SHOWN = 3  # authors of a result of the search


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildReport:
    """What a build did."""

    pages: int  # files in the folder
    changed: int  # written or removed
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StaticSite:
    """What a static copy is made from, besides the database."""

    pages: PageRenderer
    topics: Mapping[str, Topic]
    newsletter: str  # its name
    language: str
    site_url: str  # of the server with the sign-up page, without a slash at the end
    base_url: str = ""  # where the folder will be found; empty: pages name the server's addresses


def build_archive(engine: Engine, out: Path, site: StaticSite, *, now: datetime) -> BuildReport:
    """Bring the folder `out` up to date. Raises NewsletterError when it is not ours or cannot be written."""
    started = time.perf_counter()
    known = known_topics.remember(engine, {slug: topic.public for slug, topic in site.topics.items()})
    with StaticFolder.opened(out) as folder, reading(engine) as connection:
        visibility = Visibility.public(known, now=now)

        def scope(file: str) -> ArchiveScope:
            links = StaticLinks(page=file, base_url=site.base_url, site_url=site.site_url)
            return ArchiveScope(connection=connection, visibility=visibility, topics=site.topics, links=links)

        build = _Build(site=site, folder=folder, scope=scope)
        build.assets()
        build.papers()
        build.editions()
        build.lists()
        build.feeds()
        build.search()
        files = folder.finish()
    return BuildReport(pages=files, changed=folder.changed, seconds=time.perf_counter() - started)


@dataclass(kw_only=True)
class _Build:
    site: StaticSite
    folder: StaticFolder
    scope: Callable[[str], ArchiveScope]  # of a file: links are relative to it
    related: dict[str, dict[str, str]] = field(default_factory=dict)  # titles of near papers, by ids

    @cached_property
    def inputs(self) -> StaticInputs:
        return StaticInputs(self.scope("index.html"))

    @cached_property
    def made_by(self) -> str:
        """What every page depends on."""
        site = self.site
        topics = [(slug, topic.title, topic.description, topic.public) for slug, topic in site.topics.items()]
        return fingerprint(
            __version__,
            site.pages.version,
            site.pages.templates_hash,
            site.pages.brand,
            topics,
            site.newsletter,
            site.language,
            site.site_url,
            site.base_url,
        )

    def assets(self) -> None:
        for name in ASSETS:
            data = self.site.pages.assets[name]
            self.folder.keep(f"assets/{name}", None, partial(bytes, data))

    def papers(self) -> None:
        shown = [PaperPlace(id=row.id, title=row.title) for row in self.inputs.shown]
        made_from = {}
        for number, at in enumerate(shown):
            around = [(near.id, near.title) for near in shown[max(0, number - 1) : number + 2]]
            made_from[at.id] = fingerprint(self.made_by, self.inputs.of_paper[at.id], around)
        self.recall_related(shown)
        missing = sum(not self.folder.has(file_of(at.path), made_from[at.id]) for at in shown)
        among = RelatedAmong(self.inputs.shown) if missing > FEW_PAGES else None
        for number, at in enumerate(shown):
            near = None if among is None else partial(_neighbours, among, shown, number)
            self.page(at.path, made_from[at.id], partial(self.paper, place=at, near=near))
            self.exports(f"/papers/{at.id}", made_from[at.id], partial(_itself, paper_id=at.id))

    def recall_related(self, shown: Sequence[PaperPlace]) -> None:
        """Have those pages made again that name a paper as near which is gone or has another title now."""
        present = {at.id: fingerprint(at.title) for at in shown}
        before = self.folder.recalled("related")
        for at in shown:
            named: dict[str, str] | None = before.get(str(at.id))
            if named is None or any(present.get(int(near)) != title for near, title in named.items()):
                self.folder.make_again(file_of(at.path))
            else:
                self.related[str(at.id)] = named
        self.folder.remember("related", self.related)

    def paper(
        self, scope: ArchiveScope, place: PaperPlace, near: Callable[[], PaperNeighbours] | None
    ) -> PaperPage:
        """The page of a paper; keeps in mind which papers it names as near."""
        page = paper_page(scope, place, near)
        self.related[str(place.id)] = {str(each.id): fingerprint(each.title) for each in page.related}
        return page

    def editions(self) -> None:
        scope = self.scope("index.html")
        known = edition_links(scope, select(editions).order_by(editions.c.number))
        for place, edition in enumerate(known):
            around = [near.number for near in known[max(0, place - 1) : place + 2]]
            made_from = fingerprint(self.made_by, self.inputs.of_edition.get(edition.number), around)
            path = edition_path(edition.number)
            self.page(path, made_from, partial(edition_page, number=edition.number))
            self.exports(path, made_from, partial(selections.of_edition, number=edition.number))

    def lists(self) -> None:
        self.page("/archive", None, lists.archive_page)
        held = self.inputs.editions_by_month
        by_month = groupby(self.inputs.shown, key=lambda row: row.first_listed_on.replace(day=1))
        listed = {month: [row.id for row in rows] for month, rows in by_month}
        months = sorted({*listed, *held})
        for place, month in enumerate(months):
            ids = listed.get(month, [])
            around = months[max(0, place - 1) : place + 2]
            made_from = fingerprint(self.made_by, self.inputs.of_papers(ids), around, held.get(month))
            for number in _page_numbers(len(ids)):
                self.page(
                    month_path(f"{month:%Y-%m}"),
                    made_from,
                    partial(lists.month_page, month=month, page=number),
                    number,
                )
        for slug in self.scope("index.html").visible_topics():
            self.topic(slug)

    def topic(self, slug: str) -> None:
        """The newest pages of a topic; of one that holds every paper the first: months have the same."""
        scope = self.scope("index.html")
        most = 1 if self.site.topics[slug].holds_all else MOST_TOPIC_PAGES
        ids = selections.latest(scope, slug, limit=most * lists.PAPERS_PER_PAGE)
        total = lists.count_of_topic(scope, slug)
        made_from = fingerprint(self.made_by, self.inputs.of_papers(ids), total)
        path = topic_path(slug)
        for number in _page_numbers(len(ids)):

            def page(scope: ArchiveScope, number: int = number) -> Page:
                found = lists.topic_page(scope, slug, number)
                return replace(found, numbers=_up_to(found.numbers, most))

            self.page(path, made_from, page, number)
        self.exports(path, made_from, partial(selections.latest, slug=slug, limit=len(ids) or 1))

    def feeds(self) -> None:
        scope = self.scope("index.html")
        for slug in (ALL, *scope.visible_topics()):
            ids = selections.latest(scope, EVERYTHING if slug == ALL else slug, limit=ENTRIES)
            made_from = fingerprint(self.made_by, self.inputs.of_papers(ids))
            for suffix in FEEDS:
                file = file_of(f"/feeds/{slug}.{suffix}")
                self.folder.keep(file, made_from, partial(self.feed, slug, suffix, ids))

    def feed(self, slug: str, suffix: str, ids: list[int]) -> bytes:
        """A feed of a topic, or of all."""
        path = f"/feeds/{slug}.{suffix}"
        scope = self.scope(file_of(path))
        feed = topic_feed(
            scope, slug, ids, suffix=suffix, newsletter=self.site.newsletter, language=self.site.language
        )
        return feeds.FORMATS[suffix].write(feed)

    def search(self) -> None:
        links = self.scope("search.html").links
        html = self.site.pages.html("archive/static-search", links=links)
        self.folder.keep("search.html", None, partial(bytes, html.encode()))
        shown = self.inputs.shown
        for start in range(0, len(shown), PAPERS_PER_SHARD):
            ids = [row.id for row in shown[start : start + PAPERS_PER_SHARD]]
            made_from = fingerprint(self.made_by, self.inputs.of_papers(ids))
            number = start // PAPERS_PER_SHARD
            self.folder.keep(
                f"search/papers-{number}.js",
                made_from,
                partial(self.papers_shard, number, ids),
            )
        made_from = fingerprint(self.made_by, self.inputs.of_papers([row.id for row in shown]))
        if not self.folder.keep_all(WORDS, made_from):
            for name, data in words_files(self.words()):
                self.folder.keep(name, made_from, partial(bytes, data))

    def papers_shard(self, number: int, ids: list[int]) -> bytes:
        """The script with some papers, as results of the search."""
        hits = [
            StaticHit(
                title=each.title,
                file=file_of(paper_path(each.id, each.title)),
                about=_about(each.authors, each.listed_on.isoformat()),
                lead=each.lead,
            )
            for each in load_references(self.scope("search.html"), ids)
        ]
        return papers_shard(number, hits)

    def words(self) -> list[Mapping[str, int]]:
        """The words of every paper; of those that did not change, as the build before found them."""
        before = self.folder.recalled("words")
        kept: dict[str, tuple[str, Mapping[str, int]]] = {}
        for row in self.inputs.shown:
            text = fingerprint(__version__, row.title, row.author_names, row.abstract)
            known = before.get(str(row.id))
            if known is None or known[0] != text:
                names = [str(name) for name in row.author_names or ()]
                known = (text, weights_of(row.title, names, row.abstract))
            kept[str(row.id)] = (known[0], known[1])
        self.folder.remember("words", kept)
        return [words for _, words in kept.values()]

    def page(
        self, path: str, made_from: str | None, make: Callable[[ArchiveScope], Page], number: int = 1
    ) -> None:
        file = file_of(path, {"page": number})

        def html() -> bytes:
            scope = self.scope(file)
            page = make(scope)
            return page_html(self.site.pages, page, scope.links, newsletter=self.site.newsletter).encode()

        self.folder.keep(file, made_from, html)

    def exports(self, path: str, made_from: str, chosen: Callable[[ArchiveScope], list[int]]) -> None:
        references: list[Any] = []
        for suffix, form in exports.BY_SUFFIX.items():

            def write(form: exports.ExportFormat = form) -> bytes:
                if not references:
                    scope = self.scope("index.html")
                    references.extend(load_references(scope, chosen(scope)))
                return form.write(references).encode()

            self.folder.keep(file_of(f"{path}.{suffix}"), made_from, write)


def _neighbours(among: RelatedAmong, shown: Sequence[PaperPlace], number: int) -> PaperNeighbours:
    return PaperNeighbours(
        previous=shown[number - 1] if number else None,
        next=shown[number + 1] if number + 1 < len(shown) else None,
        related=among.related_papers(shown[number].id),
    )


def _itself(_scope: ArchiveScope, paper_id: int) -> list[int]:
    return [paper_id]


def _page_numbers(count: int) -> Iterator[int]:
    yield from range(1, max(1, -(-count // lists.PAPERS_PER_PAGE)) + 1)


def _up_to(numbers: PageNumbers, most: int) -> PageNumbers:
    """Without the pages that a static copy does not have."""
    return replace(
        numbers,
        pages=min(numbers.pages, most),
        next=numbers.next if numbers.page < most else None,
        links=tuple((number, link) for number, link in numbers.links if number <= most),
    )


def _about(names: tuple[str, ...], listed_on: str) -> str:
    more = f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
    return " · ".join(filter(None, (", ".join(names[:NAMES_SHOWN]) + more, listed_on)))
