"""Answers a query from the stored papers: ranked, a page at a time, and only with what the view shows.

Its work is bounded: at most MAX_CANDIDATES matches are ranked, and only the papers of the page are read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, func, select

from newsletter.core.debts.digest_plan import EVERYTHING
from newsletter.core.topics.topic_match import STRONG
from newsletter.db.schema import paper_keys, paper_topics, papers
from newsletter.papers.search.edition_hits import editions_for
from newsletter.papers.search.full_text import MAX_CANDIDATES, count_up_to, matching
from newsletter.papers.search.query import ABSTRACT, AUTHOR, ORGANIZATION, TITLE, SearchQuery, Term
from newsletter.papers.search.results import PaperHit, SearchPage
from newsletter.papers.search.snippets import marks_in, snippet_of
from newsletter.papers.visibility import Visibility

MAX_PAGE = 200  # papers of one page
RAREST = 3  # words that count when no paper has all of them
IDENTIFIER = "identifier"


def search(
    connection: Connection, query: SearchQuery, *, view: Visibility, limit: int = 20, offset: int = 0
) -> SearchPage:
    """The papers and editions that fit a query, the best first.

    limit, offset: any numbers; they are moved into what is possible. Editions come with the first page alone.
    """
    limit, offset = max(1, min(limit, MAX_PAGE)), max(0, min(offset, MAX_CANDIDATES))
    notices = list(query.notices)
    if query.identifiers:
        found = _identified(connection, query.identifiers, view)
        if not found:
            notices.append(f"No paper here has the identifier {query.identifiers[0][1]}.")
        return SearchPage(
            hits=_hits(connection, found[offset : offset + limit], query, view, by_identifier=True),
            total=len(found),
            notices=tuple(notices),
        )
    if query.is_empty:
        return SearchPage(notices=tuple(notices))
    topic = "-".join(query.topic.casefold().split())
    if topic and not view.shows_topic(topic):
        notices.append(f"There is no topic “{query.topic[:40]}”.")
        return SearchPage(notices=tuple(notices))
    conditions = _conditions(query, topic, view)
    ids, total, terms = _ranked(connection, query.terms, conditions, limit, offset)
    if not total:
        notices.append("Nothing fits.")
    elif terms != query.terms:
        notices.append("No paper has all of these words. These have some of them.")
    return SearchPage(
        hits=_hits(connection, ids, query, view),
        total=total,
        has_more=total == MAX_CANDIDATES,
        editions=editions_for(connection, query, topic=topic, view=view) if offset == 0 else (),
        notices=tuple(notices),
    )


def ids_of(
    connection: Connection, query: SearchQuery, *, view: Visibility, limit: int, newest_first: bool = False
) -> list[int]:
    """The papers that fit all of a query, at most MAX_CANDIDATES: the best or the newest first."""
    if query.identifiers:
        return _identified(connection, query.identifiers, view)[:limit]
    topic = "-".join(query.topic.casefold().split())
    if query.is_empty or (topic and not view.shows_topic(topic)):
        return []
    found = matching(connection, query.terms, *_conditions(query, topic, view)).subquery()
    newest = (found.c.first_listed_on.desc(), found.c.id.desc())
    order = newest if newest_first else (found.c.score.desc(), *newest)
    return list(connection.execute(select(found.c.id).order_by(*order).limit(limit)).scalars())


def _conditions(query: SearchQuery, topic: str, view: Visibility) -> list[ColumnElement[bool]]:
    conditions = [view.paper_is_visible(papers)]
    if topic and topic != EVERYTHING:
        of_topic = select(paper_topics.c.paper_id).where(
            paper_topics.c.paper_id == papers.c.id,
            paper_topics.c.topic == topic,
            paper_topics.c.strength == STRONG,
        )
        conditions.append(of_topic.correlate(papers).exists())
    if query.since:
        conditions.append(papers.c.first_listed_on >= query.since)
    if query.until:
        conditions.append(papers.c.first_listed_on <= query.until)
    return conditions


def _ranked(
    connection: Connection,
    terms: tuple[Term, ...],
    conditions: Sequence[ColumnElement[bool]],
    limit: int,
    offset: int,
) -> tuple[list[int], int, tuple[Term, ...]]:
    """Ids of a page of the papers that fit, the best first; their number on all pages; and the terms that
    they fit, fewer than given when no paper fits all."""
    ids, total = _page(connection, terms, conditions, limit, offset)
    wanted = [term for term in terms if not term.is_negated]
    if not total and len(wanted) > 1 and all(term.field is None for term in wanted):
        some = _some_of(connection, wanted, terms)
        if some:
            ids, total = _page(connection, some, conditions, limit, offset)
            terms = some
    return ids, total, terms


def _page(
    connection: Connection,
    terms: tuple[Term, ...],
    conditions: Sequence[ColumnElement[bool]],
    limit: int,
    offset: int,
) -> tuple[list[int], int]:
    found = matching(connection, terms, *conditions).subquery()
    best = (found.c.score.desc(), found.c.first_listed_on.desc(), found.c.id.desc())
    page = select(found.c.id, func.count().over().label("total")).order_by(*best)
    rows = connection.execute(page.limit(limit).offset(offset)).all()
    if rows or not offset:
        return [row.id for row in rows], rows[0].total if rows else 0
    return [], connection.execute(select(func.count()).select_from(found)).scalar_one()


def _some_of(connection: Connection, wanted: Sequence[Term], terms: tuple[Term, ...]) -> tuple[Term, ...]:
    """One term that any of the rarest words fits, and what must not occur."""
    counts = count_up_to(connection, {term.phrases[0].words[0] for term in wanted}, MAX_CANDIDATES)
    known = [term for term in wanted if counts[term.phrases[0].words[0]]]
    known.sort(key=lambda term: counts[term.phrases[0].words[0]])
    if not known:
        return ()
    any_of = tuple(phrase for term in known[:RAREST] for phrase in term.phrases)
    return (Term(phrases=any_of), *(term for term in terms if term.is_negated))


def _identified(
    connection: Connection, identifiers: Sequence[tuple[str, str]], view: Visibility
) -> list[int]:
    """Visible papers with these identifiers, in their order; a merged paper's lead to the kept one."""
    kept = papers.alias("kept")
    found: list[int] = []
    for scheme, key in identifiers:
        chosen = (
            select(kept.c.id)
            .select_from(paper_keys)
            .join(papers, papers.c.id == paper_keys.c.paper_id)
            .join(kept, kept.c.id == func.coalesce(papers.c.merged_into, papers.c.id))
            .where(paper_keys.c.scheme == scheme, paper_keys.c.key == key, view.paper_is_visible(kept))
            .order_by(kept.c.id)
            .limit(MAX_PAGE)
        )
        found += connection.execute(chosen).scalars()
    return list(dict.fromkeys(found))


def _hits(
    connection: Connection,
    ids: Sequence[int],
    query: SearchQuery,
    view: Visibility,
    *,
    by_identifier: bool = False,
) -> tuple[PaperHit, ...]:
    if not ids:
        return ()
    rows = {row.id: row for row in connection.execute(select(papers).where(papers.c.id.in_(ids)))}
    topics: dict[int, list[str]] = {}
    matched = (
        select(paper_topics.c.paper_id, paper_topics.c.topic)
        .where(paper_topics.c.paper_id.in_(ids), paper_topics.c.strength == STRONG)
        .order_by(paper_topics.c.score.desc(), paper_topics.c.topic)
    )
    for paper_id, topic in connection.execute(matched):
        topics.setdefault(paper_id, []).append(topic)
    return tuple(
        _hit(
            rows[paper_id],
            query.terms,
            tuple(view.visible_topics(topics.get(paper_id, ()))),
            by_identifier=by_identifier,
        )
        for paper_id in ids
    )


def _hit(row: Row[Any], terms: Sequence[Term], topics: tuple[str, ...], *, by_identifier: bool) -> PaperHit:
    names = tuple(str(name) for name in row.author_names or ())
    title, abstract = marks_in(row.title, terms, TITLE), marks_in(row.abstract, terms, ABSTRACT)
    where = {
        IDENTIFIER: by_identifier,
        "title": bool(title),
        "authors": bool(marks_in("\n".join(names), terms, AUTHOR)),
        "organization": bool(marks_in(row.organization or "", terms, ORGANIZATION)),
        "abstract": bool(abstract),
    }
    return PaperHit(
        paper_id=row.id,
        title=row.title,
        title_marks=title,
        author_names=names,
        author_count=row.author_count,
        organization=row.organization,
        first_listed_on=row.first_listed_on,
        edition=row.edition,
        arxiv_id=row.arxiv_id,
        doi=row.doi,
        url=row.url,
        snippet=snippet_of(row.abstract, abstract),
        topics=topics,
        matched=tuple(place for place, fits in where.items() if fits),
    )
