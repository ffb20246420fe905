"""Makes the search index of the new database. Its form differs between databases, so it is not copied."""

from __future__ import annotations

from sqlalchemy import Engine, column, func, select, table

from newsletter.db.engine import reading, writing
from newsletter.db.schema import editions, papers
from newsletter.db.search_index import PAPER_INDEX, index_note, index_papers

PAGE = 2_000  # papers of one transaction


def index_everything(engine: Engine) -> None:
    """Index every paper and note that is not indexed yet."""
    while True:
        with writing(engine) as connection:
            number = "rowid" if engine.dialect.name == "sqlite" else "id"
            indexed = table(PAPER_INDEX, column(number))
            last = connection.execute(select(func.max(indexed.c[number]))).scalar() or 0
            ids = connection.execute(
                select(papers.c.id).where(papers.c.id > last).order_by(papers.c.id).limit(PAGE)
            ).scalars()
            page = list(ids)
            if not page:
                break
            index_papers(connection, page)
    with reading(engine) as connection:
        noted = connection.execute(
            select(editions.c.number, editions.c.note).where(editions.c.note.is_not(None))
        ).all()
    with writing(engine) as connection:
        for number, note in noted:
            index_note(connection, number, note)
