"""Sentences about searching: what is asked, by whom, and which titles come out."""

from __future__ import annotations

from typing import Any

from sqlalchemy import text

from newsletter.db.engine import reading, writing
from newsletter.db.search_index import EDITION_INDEX, PAPER_INDEX, fill_indexes
from newsletter.papers import editions, merging
from newsletter.papers.search import SearchPage, parse_query, search
from newsletter.papers.visibility import Visibility
from tests.pipeline.intake.scenario import DumpScenario

TOPICS = {"quantum": True, "circuits": True, "secret": False, "everything": True}


class SearchScenario(DumpScenario):
    """A newsletter's store, and people who search it."""

    def view(self, *, reader: tuple[str, ...] | None = None, admin: bool = False) -> Visibility:
        if admin:
            return Visibility.everything()
        if reader is not None:
            return Visibility.of_reader(TOPICS, reader, now=self.now)
        return Visibility.public(TOPICS, now=self.now)

    def search(
        self,
        typed: str,
        *,
        reader: tuple[str, ...] | None = None,
        admin: bool = False,
        limit: int = 20,
        offset: int = 0,
        **fields: Any,
    ) -> SearchPage:
        view = self.view(reader=reader, admin=admin)
        with reading(self.engine) as connection:
            return search(connection, parse_query(typed, **fields), view=view, limit=limit, offset=offset)

    def found(self, typed: str, **asked: Any) -> set[str]:
        return {hit.title for hit in self.search(typed, **asked).hits}

    def merge(self, keep: str, other: str) -> None:
        with writing(self.engine) as connection:
            merging.merge(connection, self.id_of(keep), self.id_of(other), now=self.now)

    def split(self, title: str) -> None:
        with writing(self.engine) as connection:
            merging.split(connection, self.id_of(title), now=self.now)

    def drop_paper(self, title: str) -> None:
        with writing(self.engine) as connection:
            editions.drop(connection, [self.id_of(title)], now=self.now)

    def restore_paper(self, title: str) -> None:
        with writing(self.engine) as connection:
            editions.restore(connection, [self.id_of(title)], now=self.now)

    def hold_edition(self, number: int = 1) -> None:
        with writing(self.engine) as connection:
            editions.hold(connection, number)

    def note(self, words: str, number: int = 1) -> None:
        with writing(self.engine) as connection:
            editions.note(connection, number, words)

    def index(self) -> list[tuple[Any, ...]]:
        """What the index holds, word for word."""
        key = "rowid" if self.engine.dialect.name == "sqlite" else "id"
        with reading(self.engine) as connection:
            return [
                tuple(row)
                for name in (PAPER_INDEX, EDITION_INDEX)
                for row in connection.execute(text(f"SELECT {key}, * FROM {name} ORDER BY {key}"))
            ]

    def rebuilt_index(self) -> list[tuple[Any, ...]]:
        """What it holds after every paper is indexed anew."""
        with writing(self.engine) as connection:
            fill_indexes(connection)
        return self.index()
