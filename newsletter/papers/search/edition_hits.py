"""Finds editions by number, date, topic and the words of their notes."""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, literal, select

from newsletter.db.schema import edition_papers, editions, papers
from newsletter.papers.editions import PAIR_COUNTS
from newsletter.papers.search.full_text import noted_editions
from newsletter.papers.search.query import ABSTRACT, SearchQuery, parse_query
from newsletter.papers.search.results import EditionHit
from newsletter.papers.search.snippets import marks_in, snippet_of
from newsletter.papers.visibility import Visibility

MAX_EDITIONS = 5
_NUMBER = re.compile(r"(?:(?:edition|issue|number|no\.?) ?)?#?(\d{1,9})", re.IGNORECASE)
_DAY = re.compile(r"\d{4}(?:-\d\d?){1,2}")


def editions_for(
    connection: Connection, query: SearchQuery, *, topic: str, view: Visibility
) -> tuple[EditionHit, ...]:
    """The editions that fit a query, the newest first; each for the first of number, date, note and topic.

    Those alone of which the view shows a paper. topic: the slug that the query names, shown by the view.
    """
    found: dict[int, EditionHit] = {}
    for matched, condition in _ways(connection, query, topic, view):
        chosen: Any = (
            select(editions.c.number, editions.c.date, editions.c.note)
            .where(condition, view.edition_is_visible(), *_filters(query, topic, view))
            .order_by(editions.c.number.desc())
            .limit(MAX_EDITIONS)
        )
        for row in connection.execute(chosen):
            marks = marks_in(row.note or "", query.terms, ABSTRACT)
            note = snippet_of(row.note, marks) if row.note and marks else None
            hit = EditionHit(number=row.number, date=row.date, note=note, matched=matched)
            found.setdefault(row.number, hit)
    return tuple(found.values())[:MAX_EDITIONS]


def _ways(
    connection: Connection, query: SearchQuery, topic: str, view: Visibility
) -> list[tuple[str, ColumnElement[bool]]]:
    ways: list[tuple[str, ColumnElement[bool]]] = []
    if number := _NUMBER.fullmatch(query.text):
        ways.append(("number", editions.c.number == int(number[1])))
    if _DAY.fullmatch(query.text):
        days = parse_query("", since=query.text, until=query.text)
        if days.since and days.until:
            ways.append(("date", editions.c.date.between(days.since, days.until)))
    if query.terms:
        plain = [term for term in query.terms if term.field is None]
        if any(not term.is_negated for term in plain):
            ways.append(("note", editions.c.number.in_(noted_editions(connection, plain))))
        named = "-".join(query.text.casefold().split())
        if not topic and view.shown is not None and named in view.shown:
            ways.append(("topic", _holds(named, view)))
    elif topic:
        ways.append(("topic", _holds(topic, view)))
    elif query.since or query.until:
        ways.append(("date", literal(value=True)))
    return ways


def _filters(query: SearchQuery, topic: str, view: Visibility) -> list[ColumnElement[bool]]:
    filters = [_holds(topic, view)]
    if query.since:
        filters.append(editions.c.date >= query.since)
    if query.until:
        filters.append(editions.c.date <= query.until)
    return filters


def _holds(topic: str, view: Visibility) -> ColumnElement[bool]:
    """Whether an edition holds a paper that the view shows, of this topic if one is named."""
    held, kept = papers.alias("held"), papers.alias("kept")
    pairs: Any = (
        select(edition_papers.c.edition)
        .join(held, held.c.id == edition_papers.c.paper_id)
        .join(kept, kept.c.id == func.coalesce(held.c.merged_into, held.c.id))
        .where(edition_papers.c.edition == editions.c.number, PAIR_COUNTS, view.paper_is_visible(kept))
    )
    if topic:
        pairs = pairs.where(edition_papers.c.topic == topic)
    condition: ColumnElement[bool] = pairs.correlate(editions).exists()
    return condition
