"""Asks the search index of either database: SQLite's FTS5, or PostgreSQL's full text.

The words come from `words_of`, and so hold no sign that either language of queries knows: letters, digits,
+ and #.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Float,
    FromClause,
    Select,
    cast,
    column,
    func,
    literal,
    literal_column,
    select,
    table,
    text,
    true,
)
from sqlalchemy.dialects.postgresql import TSQUERY, TSVECTOR

from newsletter.db.schema import editions, papers
from newsletter.db.search_index import EDITION_INDEX, PAPER_COLUMNS, PAPER_INDEX
from newsletter.papers.search.query import ABSTRACT, AUTHOR, ORGANIZATION, TITLE, Term

MAX_CANDIDATES = 1_000  # matches that are ranked, the newest first: the work of a query is bounded
FEW = (
    5_000  # matches that PostgreSQL collects before it sorts them; of more, it reads the newest papers first
)
WEIGHTS = (8.0, 3.0, 2.0, 1.0)  # of a word in the title, authors, organization, abstract
_FIELD_COLUMNS = dict(zip((TITLE, AUTHOR, ORGANIZATION, ABSTRACT), PAPER_COLUMNS, strict=True))
_FIELD_LETTERS = dict(zip((TITLE, AUTHOR, ORGANIZATION, ABSTRACT), "ABCD", strict=True))

_FOUND = (papers.c.id, papers.c.first_listed_on)
_FTS = table(PAPER_INDEX, column("rowid"))
_WORDS = table(PAPER_INDEX, column("id"), column("words", TSVECTOR))
_FTS_NOTES = table(EDITION_INDEX, column("rowid"))
_NOTE_WORDS = table(EDITION_INDEX, column("id"), column("words", TSVECTOR))

# One statement for all words: one for each would cost ten times as much.
_COUNT = {
    "sqlite": """
    SELECT asked.value, (SELECT count(*) FROM (
        SELECT rowid FROM paper_search WHERE paper_search MATCH '"' || asked.value || '"' LIMIT :most
    )) FROM json_each(:words) AS asked
    """,
    "postgresql": """
    SELECT asked.word, (SELECT count(*) FROM (
        SELECT id FROM paper_search WHERE words @@ CAST(quote_literal(asked.word) AS tsquery) LIMIT :most
    ) AS found) FROM unnest(CAST(:words AS text[])) AS asked (word)
    """,
}


def matching(
    connection: Connection,
    terms: Sequence[Term],
    *conditions: ColumnElement[bool],
    limit: int = MAX_CANDIDATES,
) -> Select[Any]:
    """The newest papers that fit all terms and conditions: id, first_listed_on, score (more is better).

    conditions: on columns of `papers`. Without terms the score is 0.
    """
    if not terms:
        newest = (
            papers.c.first_listed_on.desc(),
            papers.c.first_dump_id.desc(),
            papers.c.first_position.desc(),
        )
        return select(*_FOUND, literal(0.0).label("score")).where(*conditions).order_by(*newest).limit(limit)
    if connection.dialect.name == "sqlite":
        # As a sum the rowid is no key for the index: SQLite begins with its matches, and looks papers up.
        found = _FTS.join(papers, papers.c.id == _FTS.c.rowid + 0)
        score = -func.bm25(literal_column(PAPER_INDEX), *WEIGHTS)
        return (
            select(*_FOUND, score.label("score"))
            .select_from(found)
            .where(literal_column(PAPER_INDEX).op("MATCH")(fts_expression(terms)), *conditions)
            .order_by(_FTS.c.rowid.desc())
            .limit(limit)
        )
    # Compiling such a statement costs PostgreSQL more than running it.
    connection.exec_driver_sql("SET LOCAL jit = off")
    query = cast(tsquery(terms), TSQUERY)
    fits: ColumnElement[bool] = _WORDS.c.words.op("@@")(query)
    source: FromClause = _WORDS
    few = select(_WORDS.c.id).where(fits).limit(FEW).subquery()
    if connection.execute(select(func.count()).select_from(few)).scalar_one() < FEW:
        # Left alone, the planner reads all papers in order, and not the few that the index of words finds.
        source = select(_WORDS).where(fits).cte("found").prefix_with("MATERIALIZED")
        fits = true()
    # ts_rank names the weights from D to A; 1: long texts count less
    weights = ",".join(str(weight / WEIGHTS[0]) for weight in reversed(WEIGHTS))
    rank = func.ts_rank(literal_column(f"'{{{weights}}}'::float4[]"), source.c.words, query, 1)
    return (
        select(*_FOUND, cast(rank, Float).label("score"))
        .select_from(source.join(papers, papers.c.id == source.c.id))
        .where(fits, *conditions)
        .order_by(source.c.id.desc())
        .limit(limit)
    )


def noted_editions(connection: Connection, terms: Sequence[Term]) -> Select[tuple[int]]:
    """The numbers of editions whose notes fit all terms."""
    plain = [Term(phrases=term.phrases, is_negated=term.is_negated) for term in terms]
    if connection.dialect.name == "sqlite":
        return (
            select(editions.c.number)
            .select_from(_FTS_NOTES.join(editions, editions.c.number == _FTS_NOTES.c.rowid + 0))
            .where(literal_column(EDITION_INDEX).op("MATCH")(fts_expression(plain)))
        )
    return (
        select(editions.c.number)
        .select_from(_NOTE_WORDS.join(editions, editions.c.number == _NOTE_WORDS.c.id))
        .where(_NOTE_WORDS.c.words.op("@@")(cast(tsquery(plain), TSQUERY)))
    )


def count_up_to(connection: Connection, words: Collection[str], most: int) -> dict[str, int]:
    """How many papers have each word; counting ends at `most`, so a frequent word costs no more than that."""
    if not words:
        return {}
    kind = connection.dialect.name
    listed = json.dumps(list(words)) if kind == "sqlite" else list(words)
    counted = connection.execute(text(_COUNT[kind]), {"words": listed, "most": most})
    return {word: int(papers_with_it) for word, papers_with_it in counted}


def fts_expression(terms: Sequence[Term]) -> str:
    """The terms in FTS5's language: https://www.sqlite.org/fts5.html, section 3."""
    wanted = " AND ".join(_fts_term(term) for term in terms if not term.is_negated)
    unwanted = " OR ".join(_fts_term(term) for term in terms if term.is_negated)
    return f"({wanted}) NOT ({unwanted})" if unwanted else wanted


def _fts_term(term: Term) -> str:
    phrases = (f'"{" ".join(phrase.words)}"{" *" if phrase.is_prefix else ""}' for phrase in term.phrases)
    where = f"{{{_FIELD_COLUMNS[term.field]}}} : " if term.field else ""
    return f"{where}({' OR '.join(phrases)})"


def tsquery(terms: Sequence[Term]) -> str:
    """The terms as PostgreSQL's tsquery."""
    written = (f"{'!' if term.is_negated else ''}({_ts_term(term)})" for term in terms)
    return " & ".join(written)


def _ts_term(term: Term) -> str:
    letter = _FIELD_LETTERS[term.field] if term.field else ""
    phrases: list[str] = []
    for phrase in term.phrases:
        *first, last = phrase.words
        marks = f":{'*' if phrase.is_prefix else ''}{letter}".rstrip(":")
        words = [f"'{word}'" + (f":{letter}" if letter else "") for word in first]
        phrases.append(" <-> ".join([*words, f"'{last}'{marks}"]))
    return " | ".join(f"({phrase})" for phrase in phrases)
