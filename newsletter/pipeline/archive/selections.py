"""Chooses the papers of an export or feed, by id: of a paper, an edition, a topic, a search, a mail."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, func, select

from newsletter.core.debts.digest_plan import EVERYTHING
from newsletter.core.errors import NotFoundError
from newsletter.core.states import DeliveryState, Form, MailKind
from newsletter.db.schema import deliveries, digest_maybes, digest_papers, papers
from newsletter.papers.lookup import in_chunks
from newsletter.papers.search.search import ids_of
from newsletter.pipeline.archive.edition_page import edition_page
from newsletter.pipeline.archive.lists import of_topic
from newsletter.pipeline.archive.paper_page import place_of
from newsletter.pipeline.archive.scope import ORDER, ArchiveScope
from newsletter.pipeline.archive.search_page import query_of

MOST_EXPORTED = 1_000  # papers in one file of the web pages, the newest; `papers export` has no bound


def of_paper(scope: ArchiveScope, paper_id: int) -> list[int]:
    """The paper, or the one that it was merged into. Raises NotFoundError."""
    return [place_of(scope, paper_id).id]


def of_edition(scope: ArchiveScope, number: int) -> list[int]:
    """The papers of an edition in the order of its page. Raises NotFoundError."""
    page = edition_page(scope, number)
    return [paper.id for section in page.sections for paper in section.papers]


def latest(scope: ArchiveScope, slug: str = EVERYTHING, *, limit: int = MOST_EXPORTED) -> list[int]:
    """The newest papers of a topic, or of all, newest first. Raises NotFoundError for an unknown topic."""
    if slug not in scope.visible_topics() and slug != EVERYTHING:
        raise NotFoundError(f"there is no topic {slug!r}")
    newest_first = [column.desc() for column in ORDER]
    chosen = of_topic(scope, slug).where(scope.shown()).order_by(*newest_first).limit(limit)
    return list(scope.connection.execute(chosen.with_only_columns(papers.c.id)).scalars())


def of_search(
    scope: ArchiveScope, fields: Mapping[str, str], *, limit: int = MOST_EXPORTED, newest_first: bool = False
) -> list[int]:
    """The papers that fit all of what a search form holds."""
    return ids_of(
        scope.connection, query_of(fields), view=scope.visibility, limit=limit, newest_first=newest_first
    )


def of_digest(scope: ArchiveScope, digest_id: int) -> list[int]:
    """The papers of a mail in its order, doubtful ones last; without those that were taken back since."""
    kept = func.coalesce(papers.c.merged_into, papers.c.id)
    ids: list[int] = []
    for table in (digest_papers, digest_maybes):
        chosen = (
            select(kept)
            .join(table, table.c.paper_id == papers.c.id)
            .where(table.c.digest_id == digest_id)
            .order_by(table.c.position)
        )
        if table is digest_papers:
            chosen = chosen.where(digest_papers.c.form != Form.LEFT)
        ids += scope.connection.execute(chosen).scalars()
    return _still_shown(scope, list(dict.fromkeys(ids)))


def topics_of_digest(connection: Connection, digest_id: int) -> set[str]:
    """The slugs of the topics that a mail names at its papers."""
    chosen = select(digest_papers.c.topic, digest_papers.c.also_in).where(
        digest_papers.c.digest_id == digest_id
    )
    named: set[str] = set()
    for topic, also_in in connection.execute(chosen):
        named.update((topic, *also_in))
    doubtful = select(digest_maybes.c.topic).where(digest_maybes.c.digest_id == digest_id)
    return named.union(connection.execute(doubtful).scalars())


def mailed_to(scope: ArchiveScope, subscriber_id: int, *, limit: int) -> list[int]:
    """The papers of a reader's mails, those of the newest mail first, and in the order of the mail."""
    recent = (
        select(deliveries.c.id, deliveries.c.digest_id)
        .where(
            deliveries.c.subscriber_id == subscriber_id,
            deliveries.c.kind == MailKind.DIGEST,
            deliveries.c.state.in_((DeliveryState.SENT, DeliveryState.UNCERTAIN)),
        )
        .order_by(deliveries.c.id.desc())
        .limit(limit)
        .subquery()
    )
    kept = func.coalesce(papers.c.merged_into, papers.c.id)
    chosen = (
        select(kept)
        .select_from(recent)
        .join(digest_papers, digest_papers.c.digest_id == recent.c.digest_id)
        .join(papers, papers.c.id == digest_papers.c.paper_id)
        .where(digest_papers.c.form != Form.LEFT)
        .order_by(recent.c.id.desc(), digest_papers.c.position)
    )
    return _still_shown(scope, list(dict.fromkeys(scope.connection.execute(chosen).scalars()))[:limit])


def _still_shown(scope: ArchiveScope, ids: list[int]) -> list[int]:
    """Those of the papers that the visitor may see, and that were not taken back."""
    may_see: set[int] = set()
    for chunk in in_chunks(ids):
        shown = select(papers.c.id).where(papers.c.id.in_(chunk), scope.shown())
        may_see.update(scope.connection.execute(shown).scalars())
    return [paper_id for paper_id in ids if paper_id in may_see]
