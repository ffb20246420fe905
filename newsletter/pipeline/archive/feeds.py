"""Makes the feeds of the archive: of all papers, of a topic, of a search, and of one reader."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import func, select

from newsletter.db.schema import editions, paper_revisions, papers
from newsletter.papers.lookup import in_chunks
from newsletter.pipeline.archive.references import load_references
from newsletter.pipeline.archive.scope import ArchiveScope
from newsletter.render.archive_links import ALL, paper_path, topic_path
from newsletter.render.feeds import Feed, FeedEntry

MINE = "/feeds/mine"  # below it a feed of each reader
ENTRIES = 50  # of a feed; readers' programs keep the older ones


def feed_of(
    scope: ArchiveScope,
    ids: Sequence[int],
    *,
    title: str,
    subtitle: str,
    path: str,
    home: str,
    query: Mapping[str, str | int] | None = None,
    language: str = "en",
) -> Feed:
    """A feed of these papers, newest first. path, home: of the feed and of its page below the base URL."""
    times = _times(scope, ids)
    # A feed with the token in its path needs it nowhere else.
    own = {} if path.startswith(f"{MINE}/") else scope.links.hidden_fields
    entries = []
    for reference in load_references(scope, ids):
        published, updated = times[reference.id]
        permanent = scope.links.permanent(f"/papers/{reference.id}")
        entries.append(
            FeedEntry(
                id=permanent,
                title=reference.title,
                link=scope.links.permanent(
                    paper_path(reference.id, reference.title), scope.links.hidden_fields
                ),
                paper_url=reference.url,
                lead=reference.lead,
                abstract=reference.abstract,
                authors=reference.authors,
                topics=reference.topics,
                published=published,
                updated=updated,
            )
        )
    return Feed(
        title=title,
        subtitle=subtitle,
        address=scope.links.permanent(path, {**(query or {}), **own}),
        home=scope.links.permanent(home, {**(query or {}), **scope.links.hidden_fields}),
        language=language,
        entries=tuple(entries),
    )


def topic_feed(
    scope: ArchiveScope, slug: str, ids: Sequence[int], *, suffix: str, newsletter: str, language: str
) -> Feed:
    """The feed of a topic, or of ALL. newsletter: its name."""
    about = "All topics" if slug == ALL else scope.topic_link(slug).title
    return feed_of(
        scope,
        ids,
        title=newsletter if slug == ALL else f"{newsletter}: {about}",
        subtitle=f"New research papers. {about}.",
        path=f"/feeds/{slug}.{suffix}",
        home="/archive" if slug == ALL else topic_path(slug),
        language=language,
    )


def _times(scope: ArchiveScope, ids: Sequence[int]) -> dict[int, tuple[datetime, datetime]]:
    """When each paper was published here, and when its text last changed: never before that."""
    changed = (
        select(func.max(paper_revisions.c.recorded_at))
        .where(paper_revisions.c.paper_id == papers.c.id)
        .scalar_subquery()
    )
    found: dict[int, tuple[datetime, datetime]] = {}
    for chunk in in_chunks(ids):
        chosen = (
            select(
                papers.c.id,
                func.coalesce(editions.c.ready_at, papers.c.ingested_at).label("published"),
                changed.label("changed"),
            )
            .join(editions, editions.c.number == papers.c.edition, isouter=True)
            .where(papers.c.id.in_(chunk))
        )
        for row in scope.connection.execute(chosen):
            found[row.id] = (row.published, max(row.published, row.changed or row.published))
    return found
