"""The migrations: they make exactly the tables that the code declares, and never touch a newer database."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, insert, select, text
from sqlmodel import SQLModel

from newsletter.core.errors import DatabaseTooNewError, StorageError
from newsletter.db import tables  # noqa: F401  (registers the tables)
from newsletter.db.engine import default_url, open_engine, reading, writing
from newsletter.db.migrate import (
    MIGRATIONS,
    READABLE_FROM,
    READERS,
    check_current,
    current_revision,
    known_revisions,
    upgrade,
)
from newsletter.db.schema import dumps, editions, known_topics, paper_topics, papers
from newsletter.db.search_index import EDITION_INDEX, PAPER_INDEX, create_indexes, fill_indexes
from newsletter.papers.search.full_text import matching, noted_editions
from newsletter.papers.search.query import Phrase, Term
from subscribers import tables as subscribers_tables  # noqa: F401


def _differences(engine: Engine) -> list[object]:
    with reading(engine) as connection:
        opts = {"compare_type": True, "include_name": _is_declared}
        context = MigrationContext.configure(connection, opts=opts)
        return list(compare_metadata(context, SQLModel.metadata))


def _is_declared(name: str | None, kind: str, _parents: object) -> bool:
    """Whether the tables declare it; `newsletter.db.search_index` creates its own."""
    return kind != "table" or not str(name).startswith((PAPER_INDEX, EDITION_INDEX, READERS))


def _set_revision(engine: Engine, revision: str) -> None:
    with writing(engine) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision})


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return open_engine(default_url(tmp_path))


def test_migrated_schema_equals_the_declared_tables_on_sqlite(engine: Engine) -> None:
    upgrade(engine)
    assert _differences(engine) == []


def test_migrated_sqlite_tables_equal_created_ones_exactly(engine: Engine, tmp_path: Path) -> None:
    created = open_engine(default_url(tmp_path).replace("newsletter.sqlite3", "created.sqlite3"))
    with writing(created) as connection:
        SQLModel.metadata.create_all(connection)
    upgrade(engine)

    def shape(which: Engine) -> set[tuple[str, str]]:
        with reading(which) as connection:
            names = connection.execute(text("SELECT name FROM sqlite_master"))
            sql = text("SELECT sql FROM sqlite_master WHERE name = :name")
            ours = ("sqlite_", PAPER_INDEX, EDITION_INDEX, READERS, "alembic_version")
            wanted = [name for name in names.scalars() if not name.startswith(ours)]
            return {
                (name, " ".join((connection.execute(sql, {"name": name}).scalar() or "").split()))
                for name in wanted
            }

    def words(shape_: set[tuple[str, str]]) -> set[tuple[str, tuple[str, ...]]]:
        # ON DELETE and keys are spelled alike; only the order of constraints may differ.
        return {(name, tuple(sorted(sql.replace(",", " ").split()))) for name, sql in shape_}

    assert words(shape(engine)) == words(shape(created))


def test_migrated_schema_equals_the_declared_tables_on_postgresql(empty_postgres_url: str) -> None:
    engine = open_engine(empty_postgres_url)
    upgrade(engine)
    assert _differences(engine) == []
    assert upgrade(engine) == (known_revisions()[-1], known_revisions()[-1])
    engine.dispose()


def test_revisions_are_the_files_that_alembic_sees() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    seen = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
    assert tuple(reversed(seen)) == known_revisions()


def test_upgrade_of_a_current_database_does_nothing(engine: Engine) -> None:
    head = known_revisions()[-1]
    assert upgrade(engine) == (None, head)
    assert upgrade(engine) == (head, head)
    check_current(engine)


@pytest.mark.parametrize(
    "statements",
    [
        (f"UPDATE {READERS} SET oldest = '9999'",),
        (f"DELETE FROM {READERS}",),
        (f"DROP TABLE {READERS}",),  # written by a version that says nothing
    ],
)
def test_database_from_a_newer_version_is_refused_and_left_alone(
    engine: Engine, statements: tuple[str, ...]
) -> None:
    upgrade(engine)
    _set_revision(engine, "9999")
    with writing(engine) as connection:
        for statement in statements:
            connection.execute(text(statement))
    with pytest.raises(DatabaseTooNewError, match="newer version"):
        check_current(engine)
    with pytest.raises(DatabaseTooNewError, match="newer version"):
        upgrade(engine)
    with reading(engine) as connection:
        assert current_revision(connection) == "9999"


def test_newer_database_that_only_adds_is_used_and_left_alone(engine: Engine) -> None:
    upgrade(engine)
    _set_revision(engine, "9998")
    assert known_revisions()[-1] >= READABLE_FROM
    check_current(engine)
    assert upgrade(engine) == ("9998", "9998")


def test_database_that_was_never_set_up_is_named_as_such(engine: Engine) -> None:
    with pytest.raises(StorageError, match="not set up"):
        check_current(engine)


def test_file_that_is_no_database_gives_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "newsletter.sqlite3").write_text("this is a letter to my aunt, not a database at all\n" * 40)
    with pytest.raises(StorageError, match="not a database"):
        check_current(open_engine(default_url(tmp_path)))


def test_migration_that_fails_leaves_nothing_behind(engine: Engine, tmp_path: Path) -> None:
    with writing(engine) as connection:
        connection.execute(text("CREATE TABLE runs (id INTEGER)"))  # in the way of the first step
    with pytest.raises(StorageError, match="already exists"):
        upgrade(engine)
    with reading(engine) as connection:
        names = (
            connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'table'")).scalars().all()
        )
    assert list(names) == ["runs"]


@pytest.mark.dialects
def test_migration_indexes_what_is_stored(empty_database_url: str) -> None:
    engine = open_engine(empty_database_url)
    upgrade(engine)
    with writing(engine) as connection:
        for name in (PAPER_INDEX, EDITION_INDEX):  # as before the migration
            connection.execute(text(f"DROP TABLE {name}"))
        when = datetime(2026, 4, 17, tzinfo=UTC)
        dump = {"sha256": "0", "file": "a", "size": 1, "status": "ingested", "received_at": when}
        connection.execute(insert(dumps), dump)
        paper = {"first_listed_on": when.date(), "first_dump_id": 1, "ingested_at": when}
        rows = [
            {"title": f"Paper {n}", "abstract": "On α-rays.", "first_position": n, **paper}
            for n in range(1_201)
        ]
        connection.execute(insert(papers), rows)
        edition = {"number": 1, "date": when.date(), "published_at": when, "ready_at": when, "held": False}
        connection.execute(insert(editions), edition | {"note": "Rays."})
        create_indexes(connection)
        fill_indexes(connection)
    query = Term(phrases=(Phrase(("alpha", "ray")),)), Term(phrases=(Phrase(("1200",)),))
    with reading(engine) as connection:
        assert [row.id for row in connection.execute(matching(connection, query))] == [1_201]
        notes = noted_editions(connection, [Term(phrases=(Phrase(("ray",)),))])
        assert connection.execute(notes).scalars().all() == [1]
    engine.dispose()


@pytest.mark.dialects
def test_topics_of_an_older_database_were_public(empty_database_url: str) -> None:
    engine = open_engine(empty_database_url)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with writing(engine) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0010")
        when = datetime(2026, 4, 17, tzinfo=UTC)
        dump = {"sha256": "0", "file": "a", "size": 1, "status": "ingested", "received_at": when}
        connection.execute(insert(dumps), dump)
        paper = {"first_listed_on": when.date(), "first_dump_id": 1, "ingested_at": when}
        connection.execute(insert(papers), {"title": "A", "abstract": "B", "first_position": 1, **paper})
        match = {"paper_id": 1, "topic": "rays", "score": 1.0, "strength": "strong", "evidence": []}
        connection.execute(insert(paper_topics), match)
    upgrade(engine)
    with reading(engine) as connection:
        assert [tuple(row) for row in connection.execute(select(known_topics))] == [("rays", True)]
    engine.dispose()
