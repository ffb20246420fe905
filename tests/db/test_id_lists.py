"""Lists of ids as one bound value: what they find, and that the primary key is used."""

from __future__ import annotations

from collections.abc import Collection

import pytest
from sqlalchemy import Column, Integer, MetaData, String, Table, create_engine, insert, select, update

from newsletter.db.engine import open_engine, writing
from newsletter.db.id_lists import among

things = Table(
    "things", MetaData(), Column("id", Integer, primary_key=True), Column("word", String, index=True)
)
CHOSEN = select(things.c.id).where(among(things.c.id), things.c.word == "a").order_by(things.c.id)


@pytest.mark.parametrize(
    ("ids", "found"),
    [([2, 3, 9], [2, 3]), ({1}, [1]), ((), []), (frozenset({4, -1}), [4]), (range(1, 3_000), [1, 2, 3, 4])],
)
def test_among_finds_the_rows_of_its_ids(ids: Collection[int], found: list[int]) -> None:
    _assert_found("sqlite://", ids, found)


@pytest.mark.parametrize(("ids", "found"), [([2, 3, 9], [2, 3]), ((), []), (range(1, 3_000), [1, 2, 3, 4])])
def test_among_finds_the_same_on_postgresql(
    postgres_url: str, ids: Collection[int], found: list[int]
) -> None:
    _assert_found(postgres_url, ids, found)


def _assert_found(url: str, ids: Collection[int], found: list[int]) -> None:
    engine = open_engine(url) if url.startswith("postgresql") else create_engine(url)
    with writing(engine) as connection:
        things.create(connection)
        connection.execute(insert(things), [{"id": number, "word": "a"} for number in range(1, 5)])
        assert connection.execute(CHOSEN, {"ids": ids}).scalars().all() == found
        changed = connection.execute(update(things).where(among(things.c.id)).values(word="b"), {"ids": ids})
        assert changed.rowcount == len(found)
    engine.dispose()


def test_among_is_looked_up_by_the_primary_key() -> None:
    statement = str(CHOSEN.compile(dialect=create_engine("sqlite://").dialect))
    with create_engine("sqlite://").begin() as connection:
        things.create(connection)
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", ("[1]", "a")).all()
    assert "rowid=?" in " ".join(str(row[-1]) for row in plan)
