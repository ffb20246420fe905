"""Keeps the words of papers and of editions' notes where the database finds them: FTS5 or a tsvector.

`newsletter.core.papers.search_words` cuts the words; both databases get the same ones and add nothing of
their own. It asks no question (`newsletter.papers.search` does). These tables are no models of SQLModel:
SQLite has them as virtual tables, PostgreSQL as tables with a GIN index. Their text holds words and spaces.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice

from sqlalchemy import Connection, bindparam, cast, column, delete, insert, select, table, text
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.dialects.postgresql import insert as postgresql_insert

from newsletter.core.papers.search_words import bare_words_of, compounds_of
from newsletter.db.schema import papers

PAPER_COLUMNS = ("title", "authors", "organization", "abstract")  # in PostgreSQL the weights A, B, C, D
INDEXED = ("title", "author_names", "organization", "abstract")  # columns of `papers`, in that order
PAPER_INDEX, EDITION_INDEX = "paper_search", "edition_search"
MAX_WORDS = 4_000  # of one column that are indexed; PostgreSQL counts places up to 16,383
MAX_COMPOUNDS = 400
MAX_TSVECTOR = 900_000  # bytes of its text; PostgreSQL takes 1 MB
APART = "|"  # a word that no query has: phrases do not cross from one author to the next
GAP = 8  # places between two columns in PostgreSQL, for the same reason
_BATCH = 500  # papers of one statement
_WEIGHTS = "ABCD"

_CREATE = {
    "sqlite": (
        # Its own tokenizer has nothing left to do: words are parted by spaces, and folded.
        f"CREATE VIRTUAL TABLE {PAPER_INDEX} USING fts5({', '.join(PAPER_COLUMNS)}, "
        "tokenize = \"ascii tokenchars '+#|'\", prefix = '2 3')",
        f"CREATE VIRTUAL TABLE {EDITION_INDEX} USING fts5(note, tokenize = \"ascii tokenchars '+#|'\")",
    ),
    "postgresql": (
        f"CREATE TABLE {PAPER_INDEX} (id INTEGER PRIMARY KEY REFERENCES papers (id) ON DELETE CASCADE, "
        "words TSVECTOR NOT NULL)",
        f"CREATE INDEX ix_{PAPER_INDEX}_words ON {PAPER_INDEX} USING gin (words)",
        f"CREATE TABLE {EDITION_INDEX} (id INTEGER PRIMARY KEY "
        "REFERENCES editions (number) ON DELETE CASCADE, words TSVECTOR NOT NULL)",
        f"CREATE INDEX ix_{EDITION_INDEX}_words ON {EDITION_INDEX} USING gin (words)",
    ),
}


def create_indexes(connection: Connection) -> None:
    """Create the empty indexes."""
    for statement in _CREATE[connection.dialect.name]:
        connection.execute(text(statement))


def fill_indexes(connection: Connection) -> None:
    """Index every stored paper and note."""
    index_papers(connection, connection.execute(text("SELECT id FROM papers ORDER BY id")).scalars().all())
    noted = text("SELECT number, note FROM editions WHERE note IS NOT NULL")
    for number, note in connection.execute(noted).all():
        index_note(connection, number, note)


def index_papers(connection: Connection, paper_ids: Collection[int]) -> None:
    """Index the present texts of these papers in place of earlier ones."""
    columns = select(papers.c.id, *(papers.c[name] for name in INDEXED))
    for ids in _batches(paper_ids):
        found = connection.execute(columns.where(papers.c.id.in_(ids))).all()
        rows = [
            (row.id, paper_words(row.title, row.author_names or (), row.organization, row.abstract))
            for row in found
        ]
        _store(connection, PAPER_INDEX, PAPER_COLUMNS, rows)


def index_note(connection: Connection, number: int, note: str | None) -> None:
    """Index the note of an edition in place of an earlier one; None removes it."""
    _store(connection, EDITION_INDEX, ("note",), [(number, [_words(note or "")])])


def paper_words(
    title: str, author_names: Iterable[object], organization: str | None, abstract: str
) -> list[list[str]]:
    """The words of a paper by column, in the order of PAPER_COLUMNS."""
    authors: list[str] = []
    for name in author_names:
        authors += [*_words(str(name)), APART]
        if len(authors) > MAX_WORDS:
            break
    return [_words(title), authors, _words(organization or ""), _words(abstract)]


def _words(written: str) -> list[str]:
    words = bare_words_of(written)
    compounds = compounds_of(written)
    return [*words[:MAX_WORDS], *((APART, *compounds[:MAX_COMPOUNDS]) if compounds else ())]


def _store(
    connection: Connection, index: str, columns: Sequence[str], rows: Sequence[tuple[int, list[list[str]]]]
) -> None:
    if not rows:
        return
    if connection.dialect.name == "sqlite":
        own = table(index, column("rowid"), *(column(name) for name in columns))
        connection.execute(
            delete(own).where(own.c.rowid == bindparam("key")), [{"key": key} for key, _ in rows]
        )
        written = [
            {"rowid": key} | dict(zip(columns, (" ".join(words) for words in parts), strict=True))
            for key, parts in rows
        ]
        connection.execute(insert(own), written)
        return
    stored = table(index, column("id"), column("words", TSVECTOR))
    statement = postgresql_insert(stored).values(id=bindparam("key"), words=cast(bindparam("text"), TSVECTOR))
    connection.execute(
        statement.on_conflict_do_update(index_elements=["id"], set_={"words": statement.excluded.words}),
        [{"key": key, "text": _tsvector(parts)} for key, parts in rows],
    )


def _tsvector(parts: Iterable[list[str]]) -> str:
    """Words in PostgreSQL's form: the words are letters, digits, + and #, and so need no escapes."""
    written: list[str] = []
    place = size = 0
    for weight, words in zip(_WEIGHTS, parts, strict=False):
        for word in words:
            place += 1
            size += len(word.encode()) + len("'':16383A ")
            if word != APART and size < MAX_TSVECTOR:
                written.append(f"'{word}':{place}{weight}")
        place += GAP
    return " ".join(written)


def _batches(ids: Collection[int]) -> Iterator[list[int]]:
    rest = iter(ids)
    while batch := list(islice(rest, _BATCH)):
        yield batch
